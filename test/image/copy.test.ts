import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { NodeFailure } from "../../src/model/failure.js";
import type { CopiedContent, ImageFile } from "../../src/model/node.js";
import { ignoreRules, pathPattern } from "../../src/dockerfile/index.js";
import { image, ImageRig, textFile } from "./support/rig.js";

let rig: ImageRig;
beforeAll(async () => {
  rig = await ImageRig.open();
});
afterAll(() => rig.close());

const content = (pattern: string, more: Partial<CopiedContent> = {}): CopiedContent => ({
  type: "copy",
  from: "tree",
  node: "source.s",
  root: "ctx",
  pattern,
  ...more,
});
const copy = (
  path: string,
  pattern: string,
  more: Partial<CopiedContent> = {},
  file: Partial<ImageFile> = {},
): ImageFile => ({ path, content: content(pattern, more), uid: 0, gid: 0, ...file });

/** `path` → mode and text, or a link's target, of a layer in which root owns everything. */
function summary(outputs: ReturnType<ImageRig["assemble"]>, index: number): Record<string, string> {
  const rows = Object.entries(rig.summary(outputs, index));
  return Object.fromEntries(
    rows.map(([path, text]) => [path, text.replace(/^777 0:0 (?=->)| 0:0/, "")]),
  );
}

/** `path` → mode and text of the only layer that the files make on `base`. */
function layerOf(
  files: readonly ImageFile[],
  base?: Parameters<ImageRig["assemble"]>[1],
): Record<string, string> {
  const outputs = rig.assemble(image({ files }), base);
  const last = outputs.filter(({ name }) => name.startsWith("layer/")).length - 1;
  return summary(outputs, last);
}

const file = (path: string, text: string, mode = 0o644) =>
  ({ path, type: "file", mode, content: Buffer.from(text) }) as const;

/** The failure of an assembly that must fail. */
function caught(run: () => unknown): NodeFailure {
  try {
    run();
  } catch (error) {
    if (error instanceof NodeFailure) return error;
    throw error;
  }
  throw new Error("It did not fail");
}

describe("COPY from a context", () => {
  beforeEach(() => {
    rig.addTree("source.s", [
      file("outside", "o"),
      file("ctx/.dockerignore", "# no\n*.log\ndeep/**/tmp\n!deep/a/tmp\n"),
      file("ctx/a", "A"),
      file("ctx/run", "R", 0o755),
      file("ctx/x.log", "L"),
      file("ctx/d/b", "B"),
      file("ctx/d/e/c", "C"),
      file("ctx/deep/a/tmp", "kept"),
      file("ctx/deep/b/tmp", "gone"),
      { path: "ctx/d/link", type: "symlink", target: "b" },
      { path: "ctx/to-d", type: "symlink", target: "d" },
    ]);
  });

  it("puts a file at its destination, or below a directory", () => {
    expect(layerOf([copy("/x", "a"), copy("/y/", "run")])).toEqual({
      x: "644 A",
      y: "755 /",
      "y/run": "755 R",
    });
    const base = rig.assemble(image({ files: [textFile("/usr/bin/other", "")] }));
    expect(layerOf([copy("/usr/bin", "a")], base)).toEqual({ "usr/bin/a": "644 A" });
    expect(layerOf([textFile("/usr/bin", "t", { nameInDirectory: "t" })], base)).toEqual({
      "usr/bin/t": "644 t",
    });
  });

  it("puts what a directory holds at its destination, links as links", () => {
    const wanted = {
      x: "755 /",
      "x/b": "644 B",
      "x/e": "755 /",
      "x/e/c": "644 C",
      "x/link": "-> b",
    };
    expect(layerOf([copy("/x", "d")])).toEqual(wanted);
    expect(layerOf([copy("/x/", "to-d")])).toEqual(wanted);
  });

  it("sets the owner and mode that flags ask for", () => {
    const rows = rig.layer(
      rig.assemble(image({ files: [copy("/x", "d/e", {}, { uid: 5, gid: 6, mode: 0o600 })] })),
      0,
    );
    expect(rows.map(({ path, uid, gid, mode }) => [path, uid, gid, mode])).toEqual([
      ["x", 5, 6, 0o755],
      ["x/c", 5, 6, 0o600],
    ]);
  });

  it("takes everything but what .dockerignore names, and nothing outside", () => {
    expect(Object.keys(layerOf([copy("/", "")])).sort()).toEqual(
      [
        ".dockerignore",
        "a",
        "d",
        "d/b",
        "d/e",
        "d/e/c",
        "d/link",
        "deep",
        "deep/a",
        "deep/a/tmp",
        "deep/b",
        "run",
        "to-d",
      ].sort(),
    );
  });

  it("takes what a pattern matches", () => {
    expect(Object.keys(layerOf([copy("/x/", "[ar]*")]))).toEqual(["x", "x/a", "x/run"]);
    expect(Object.keys(layerOf([copy("/x", "**/c")]))).toEqual(["x"]);
  });

  it("names what is not there, ignored files too, unless something else stands for it", () => {
    const failure = caught(() => layerOf([copy("/x", "e/c")]));
    expect(failure.reason).toMatchObject({ type: "missing-input", path: "ctx/e/c" });
    expect(failure.reason).toMatchObject({ candidates: ["ctx/d/e/c"] });
    expect(failure.help).toMatch(/row of files/);
    expect(caught(() => layerOf([copy("/x", "x.log")])).reason.type).toBe("missing-input");
    expect(caught(() => layerOf([copy("/x/", "*.none")])).reason.type).toBe("missing-input");
    expect(layerOf([copy("/x", "none", { optional: true }), textFile("/y", "y")])).toEqual({
      y: "644 y",
    });
  });
});

describe("COPY from an image", () => {
  it("takes what its layers show together", () => {
    const below = rig.assemble(
      image({ files: [textFile("/a/f", "old"), textFile("/a/g", "g", { mode: 0o755 })] }),
    );
    const above = rig.assemble(
      image({
        files: [
          textFile("/a/f", "new"),
          { path: "/l", content: { type: "link", target: "/a" }, uid: 0, gid: 0 },
        ],
      }),
      below,
    );
    rig.addImage("image.b", above);
    const from = { from: "image", node: "image.b", root: "" } as const;
    expect(layerOf([copy("/x", "a/f", from)])).toEqual({ x: "644 new" });
    expect(layerOf([copy("/x/", "l/g", from)])).toEqual({ x: "755 /", "x/g": "755 g" });
    expect(layerOf([copy("/y", "l", from)])).toEqual({
      y: "755 /",
      "y/f": "644 new",
      "y/g": "755 g",
    });
    expect(caught(() => layerOf([copy("/x", "a/h", from)])).reason.type).toBe("missing-input");
  });
});

describe("a directory that must be there", () => {
  it("is made, or left as it is", () => {
    const wanted = (path: string) => ({ path, keep: true, mode: 0o755, uid: 0, gid: 0 }) as const;
    const base = rig.assemble(
      image({ directories: [{ path: "/d", mode: 0o700, uid: 4, gid: 4 }] }),
    );
    const outputs = rig.assemble(image({ directories: [wanted("/d"), wanted("/e/f")] }), base);
    expect(summary(outputs, 1)).toEqual({ e: "755 /", "e/f": "755 /" });
  });
});

describe("patterns", () => {
  it.each([
    ["*", ["a", ".a"], ["a/b"]],
    ["a?[b-d]", ["axb", "a.d"], ["axe", "a/b", "ab"]],
    ["**/a", ["a", "x/a", "x/y/a"], ["xa"]],
    ["a/**", ["a/x", "a/x/y"], ["b/x", "a"]],
    ["a.b+(c)", ["a.b+(c)"], ["axb"]],
    ["\\*", ["*"], ["a"]],
    ["[z-a]", [], ["a", "z"]],
    ["a[", ["a["], ["a"]],
  ])("%s", (pattern, matching, others) => {
    const expression = pathPattern(pattern);
    expect(matching.filter((path) => !expression.test(path))).toEqual([]);
    expect(others.filter((path) => expression.test(path))).toEqual([]);
  });

  it("of .dockerignore hold for what is below, and the last one wins", () => {
    const isIgnored = ignoreRules("/node_modules/\n*.md\n!README.md\n\n./x\n");
    const paths = ["node_modules/a/b", "a.md", "README.md", "d/a.md", "x", "y"];
    expect(paths.filter(isIgnored)).toEqual(["node_modules/a/b", "a.md", "x"]);
  });
});
