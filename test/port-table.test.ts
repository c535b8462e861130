/** The table of the port: every row of the original is there, and README says what the recipes make. */
import { describe, expect, it } from "vitest";
import { parsePortRows } from "../src/commands/port-rows.js";
import { parseLock } from "../src/plan/lock-file.js";
import { insertPortTable, renderPortTable } from "../src/report/index.js";
import { analyzeDirectory, readRepositoryFile, RECIPES } from "./support/shipped.js";

const rows = parsePortRows("recipes/port.tsv", readRepositoryFile("recipes/port.tsv"));

/** Cells of README's table, without its header. */
function readmeRows(): string[][] {
  const [, table = ""] =
    /<!-- kmips images --rows [^\n]*-->\n(.*)<!-- end of the table -->/s.exec(
      readRepositoryFile("README.md"),
    ) ?? [];
  return table
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
    .map((line) =>
      line
        .slice(1, -1)
        .split(" | ")
        .map((cell) => cell.trim().replaceAll("**", "")),
    );
}

describe("recipes/port.tsv", () => {
  it("has the original's 11 components and 32 images", () => {
    expect(rows.filter(({ kind }) => kind === "component").length).toBe(11);
    expect(rows.filter(({ kind }) => kind === "image").length).toBeGreaterThanOrEqual(32);
  });

  it("names nodes that are there, and says of every other row why it is open", () => {
    const { graph } = analyzeDirectory(RECIPES);
    const gone = rows.filter(({ node }) => node !== undefined && graph?.nodes.has(node) !== true);
    expect(gone.map(({ name, node }) => `${name}: ${node ?? ""}`)).toEqual([]);
    for (const { node, note } of rows) if (node === undefined) expect(note).toMatch(/^open: .{30}/);
  });
});

describe("README's table", () => {
  it("has a line for each row, in order, with the version that is wanted", () => {
    const lines = readmeRows();
    expect(lines.slice(0, rows.length).map(([name, wanted]) => [name, wanted])).toEqual(
      rows.map(({ name, version }) => [name, version]),
    );
    expect(lines.length).toBeGreaterThan(rows.length);
  });

  it("shows digests that kmips.lock records, and none is missing but of open rows", () => {
    const { facts } = parseLock(readRepositoryFile("recipes/kmips.lock")).lock;
    const recorded = new Set(
      [...facts].flatMap(([fact, digest]) =>
        fact.startsWith("image ") ? [digest.slice(0, 19)] : [],
      ),
    );
    for (const [name = "", , is = "", , , , digest = ""] of readmeRows()) {
      const shown = digest.replaceAll("`", "").replace(/ *\|?$/, "");
      if (shown !== "") expect(recorded, name).toContain(shown);
      else expect(["open", "not wanted"], name).toContain(is);
    }
  });
});

describe("parsePortRows()", () => {
  it.each([
    ["image\ta\t1\t\t", "has neither a node nor a note"],
    ["image\ta\t1\t\twhy not", 'its note is not "open: …"'],
    ["image\ta\t1\t\topen:", 'its note is not "open: …"'],
    ["image\ta", "is no row"],
    ["thing\ta\t1\timage.a", "is no row"],
    ["image\ta\t1\timage.a\nimage\ta\t1\timage.b", "stands twice"],
  ])("refuses %j", (text, message) => {
    expect(() => parsePortRows("x.tsv", `# comment\n${text}\n`)).toThrow(message);
  });
});

describe("renderPortTable()", () => {
  const row = {
    kind: "component",
    name: "etcd",
    wanted: "3.3.15",
    built: "3.3.15",
    sources: ["go.etcd.io/etcd@v3.3.15"],
    patches: ["0001-a.patch", "0002-b.patch"],
    digest: `sha256:${"a".repeat(64)}`,
    tests: "2 of 2",
    note: "",
  };

  it("has one line a row, and says of open ones why", () => {
    const open = { ...row, sources: [], patches: [], digest: undefined, note: "open: a | b" };
    expect(
      renderPortTable({ rows: [row, open], run: undefined })
        .split("\n")
        .slice(2),
    ).toEqual([
      "| **etcd** | 3.3.15 | 3.3.15 | `go.etcd.io/etcd@v3.3.15` | 2: 0001-a, 0002-b | 2 of 2 | `sha256:aaaaaaaaaaaa` |",
      "| **etcd** | 3.3.15 | open | a \\| b |  | 2 of 2 |  |",
      "",
      "No full build is recorded.",
      "",
    ]);
  });

  it("stands between the markers of a document, and nowhere else", () => {
    const document = "a\n<!-- kmips images --rows x.tsv -->\nold\n<!-- end of the table -->\nb\n";
    expect(insertPortTable(document, "new\n")).toBe(
      "a\n<!-- kmips images --rows x.tsv -->\n\nnew\n\n<!-- end of the table -->\nb\n",
    );
    expect(insertPortTable("a\n", "new\n")).toBeUndefined();
  });
});
