/** `kmips port`: the project that it scaffolds, and how findings are shown. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StorageError } from "../../cache/index.js";
import { openProject, type Environment } from "../../src/commands/index.js";
import { checkScaffold, scaffoldOf, writeScaffold } from "../../src/commands/port-scaffold.js";
import { DiskFileReader } from "../../src/host/index.js";
import { platformOf } from "../../src/model/platform.js";
import { countFindings, paintFor, renderFindings } from "../../src/report/index.js";
import { RECIPES } from "../support/shipped.js";

let root: string;

function environmentOf(recipe: string): Environment {
  const entry = join(root, "project.kmips");
  writeFileSync(entry, recipe);
  return {
    root,
    entry: [entry],
    shipped: RECIPES,
    reader: new DiskFileReader(),
    onWarning: () => undefined,
  } as unknown as Environment;
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "kmips-port-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const PROJECT = 'kmips 1\nproject { name = "mine", targets = [mips64le] }\n';

describe("the project of a port", () => {
  it("builds the same recipes for the target alone, written or not", () => {
    const environment = environmentOf(
      `${PROJECT}image x { files { "/arch" -> text("\${target.arch}") } }\n`,
    );
    const scaffold = scaffoldOf(openProject(environment), platformOf("riscv64"));
    expect(scaffold.path).toBe(join(root, "ports/riscv64/project.kmips"));
    expect(checkScaffold(environment, scaffold).diagnostics).toEqual([]);
    expect(writeScaffold(scaffold)).toBe(true);
    const port = openProject({
      ...environment,
      root: join(root, "ports/riscv64"),
      entry: [scaffold.path],
    });
    expect(port.graph.projectName).toBe("mine-riscv64");
    const image = port.graph.nodes.get("image.x")?.definition;
    expect(image?.kind === "image" && image.platform.arch).toBe("riscv64");
  });

  it("names what the recipes lack for the target", () => {
    const environment = environmentOf(
      `${PROJECT}base debian { debian { suite = bookworm } }\nimage x { from = base.debian }\n`,
    );
    const scaffold = scaffoldOf(openProject(environment), platformOf("riscv64"));
    const [first, ...rest] = checkScaffold(environment, scaffold).diagnostics;
    expect(first?.code).toBe("KM0355");
    expect(first?.help).toBe("the first suite with riscv64 is trixie");
    expect(rest).toEqual([]);
  });

  it("imports a recipe whatever its name is", () => {
    const environment = environmentOf(`${PROJECT}image x { files { "/x" -> text("x") } }\n`);
    const odd = join(root, 'a "b" ${c} \\d.kmips');
    writeFileSync(odd, readFileSync(join(root, "project.kmips")));
    const scaffold = scaffoldOf(
      openProject({ ...environment, entry: [odd] }),
      platformOf("riscv64"),
    );
    expect(checkScaffold(environment, scaffold).diagnostics).toEqual([]);
  });

  it("says that a file is where its directory is to be", () => {
    const environment = environmentOf(`${PROJECT}image x { files { "/x" -> text("x") } }\n`);
    const scaffold = scaffoldOf(openProject(environment), platformOf("loong64"));
    writeFileSync(join(root, "ports"), "");
    expect(() => writeScaffold(scaffold)).toThrow(StorageError);
  });

  it("never changes a file that is there", () => {
    const environment = environmentOf(`${PROJECT}image x { files { "/x" -> text("x") } }\n`);
    const scaffold = scaffoldOf(openProject(environment), platformOf("loong64"));
    expect(writeScaffold(scaffold)).toBe(true);
    writeFileSync(scaffold.path, "kmips 1\n# mine\n");
    expect(writeScaffold(scaffold)).toBe(false);
    expect(readFileSync(scaffold.path, "utf8")).toBe("kmips 1\n# mine\n");
  });
});

it("shows what is open with its place and next step, and what is not on one line", () => {
  const file = { name: "x.kmips", text: "base x {}\n" };
  const findings = [
    { topic: "archive", state: "ok", what: "forky", detail: "2 of 2" },
    {
      topic: "archive",
      state: "look",
      what: "base.x",
      detail: "no riscv64",
      help: "write: suite = …",
      at: { file, span: { start: 5, end: 6 } },
    },
    { topic: "go", state: "unknown", what: "component.y", detail: "not built" },
  ] as const;
  const paint = paintFor({ choice: "never", env: {}, isTty: false });
  expect(renderFindings(findings, paint)).toBe(`archive
  ok      forky: 2 of 2
  look    base.x: no riscv64
          x.kmips:1:6
          help: write: suite = …
go
  unknown component.y: not built
`);
  expect(countFindings(findings)).toBe("1 to look at, 1 unknown, 1 ok");
});
