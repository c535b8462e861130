/** What a newcomer sees when Go or a module is wrong. Needs Go's toolchain and the network. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { rmSync } from "node:fs";
import { EXIT } from "../../src/model/exit-code.js";
import { World, type Outcome } from "../e2e/support.js";
import { sharedStore } from "./support.js";

let world: World;
beforeAll(() => {
  world = new World({}, sharedStore());
});
beforeEach(() => {
  rmSync(world.project, { recursive: true, force: true });
});
afterAll(() => world.remove());

const HEAD = `kmips 1
import "kmips:toolchain/go.kmips"
project { name = "wrong", targets = [mips64le] }
`;
const PROGRAM = `${HEAD}
source app { directory = "app" }
component app {
  source = source.app
  go { toolchain = toolchain.go, packages = { app = "." } }
}
image app { files { "/app" -> component.app.app } }
`;
const MODULE = "github.com/cespare/xxhash/v2";
const RIGHT_SUM = "h1:UL815xU9SqsFlibzuggzjXhog7bL6oX9BbNZnL2UFvs=";

function build(files: Readonly<Record<string, string>>, ...args: string[]): Promise<Outcome> {
  world.write(files);
  return world.kmips(["build", ...args]);
}

describe("Go code", () => {
  it("that does not compile fails with the compiler's words and places", async () => {
    const { code, stderr } = await build({
      "app/go.mod": "module example.org/app\n\ngo 1.21\n",
      "app/main.go": `package main\n\nfunc main() {\n\tprintln(missing)\n\tvar n int = "s"\n}\n`,
      "project.kmips": PROGRAM,
    });
    expect(code, stderr).toBe(EXIT.buildFailed);
    expect(stderr).toMatch(/FAILED component\.app {2}KM0501: go build/);
    expect(stderr).toContain("./main.go:4:10: undefined: missing");
    expect(stderr).toMatch(/main\.go:5:14: cannot use "s"/);
    expect(stderr).toContain("help: ");
    expect(stderr).toContain("1 failed, 1 skipped because of it");
    expect(stderr).toContain("kmips log 'component.app'");
  });

  it("that imports what go.mod pins no module for is refused, with the row to add", async () => {
    const { code, stderr } = await build({
      "app/go.mod": "module example.org/app\n\ngo 1.21\n",
      "app/main.go": `package main\n\nimport _ "${MODULE}"\n\nfunc main() {}\n`,
      "project.kmips": PROGRAM,
    });
    expect(code, stderr).toBe(EXIT.buildFailed);
    expect(stderr).toContain("an import has no pinned module");
    expect(stderr).toMatch(
      /help: Pin it: gomod \{ require = \{ "github\.com\/cespare\/xxhash\/v2" = v/,
    );
  });

  it("that is right is built next, from where the failure left off", async () => {
    const { code, stderr } = await build({
      "app/go.mod": "module example.org/app\n\ngo 1.21\n",
      "app/main.go": `package main\n\nfunc main() {\n\tprintln("right")\n}\n`,
      "project.kmips": PROGRAM,
    });
    expect(code, stderr).toBe(EXIT.ok);
  });
});

describe("a Go module", () => {
  const source = (version: string, sum: string): string =>
    `${HEAD}source xxhash { go_module = "${MODULE}", version = ${version}, sum = "${sum}" }\n`;

  it("with another checksum is refused, and both are shown", async () => {
    const wrong = `h1:${"A".repeat(43)}=`;
    const { code, stderr } = await build({ "project.kmips": source("v2.3.0", wrong) });
    expect(code, stderr).toBe(EXIT.buildFailed);
    expect(stderr).toContain(`KM0503: Checksum of module ${MODULE} v2.3.0 does not match`);
    expect(stderr).toContain(`expected ${wrong}`);
    expect(stderr).toContain(`actual   ${RIGHT_SUM}`);
    expect(stderr).toContain("help: ");
  });

  it("at a version that does not exist fails as a matter of the network", async () => {
    const { code, stderr } = await build({ "project.kmips": source("v2.999.0", RIGHT_SUM) });
    expect(code, stderr).toBe(EXIT.network);
    expect(stderr).toContain(`${MODULE}@v2.999.0`);
    expect(stderr).toContain("help: ");
  });

  it("that was never fetched is not fetched with --offline", async () => {
    const { code, stderr } = await build(
      { "project.kmips": source("v2.1.2", RIGHT_SUM) },
      "--offline",
    );
    expect(code, stderr).toBe(EXIT.network);
    expect(stderr).toMatch(/help: .*--offline/);
  });
});
