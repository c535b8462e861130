/** What `kmips images --for` found, as a table of at most 100 columns for usual names. */
import { printable } from "./paint.js";
import { renderTable } from "./table.js";

/** The part of a coverage row that is shown. */
export interface CoverageText {
  readonly registry: string;
  readonly name: string;
  readonly tag: string;
  readonly state: string;
  readonly reason?: string;
  readonly otherTags: readonly string[];
  readonly nodes: readonly { readonly platform: string; readonly digest: string | undefined }[];
  readonly files?: readonly string[];
  readonly tests: readonly {
    readonly file: string;
    readonly line: number;
    readonly name: string;
    readonly conformance: boolean;
  }[];
}

/** Images below their registries; with `tests`, the tests that need each, conformance ones with `*`. */
export function renderCoverage(rows: readonly CoverageText[], tests: boolean): string {
  const cells: string[][] = [];
  /** Lines that follow the table's line of this number. */
  const below = new Map<number, string[]>();
  for (const registry of new Set(rows.map((row) => row.registry))) {
    cells.push([printable(registry)]);
    for (const row of rows.filter((one) => one.registry === registry)) {
      const conformance = row.tests.filter((test) => test.conformance).length;
      cells.push([
        `  ${printable(`${row.name}:${row.tag}`)}`,
        row.state,
        String(row.tests.length),
        String(conformance),
        printable(remark(row)),
      ]);
      if (tests) below.set(cells.length, usersOf(row));
    }
  }
  const table = renderTable(["image", "state", "tests", "conformance", ""], cells);
  return table
    .trimEnd()
    .split("\n")
    .flatMap((line, index) => [line, ...(below.get(index) ?? [])])
    .map((line) => `${line}\n`)
    .join("");
}

function remark({ state, reason, otherTags, nodes, files }: CoverageText): string {
  if (reason !== undefined) return reason;
  if (state === "missing") {
    if (otherTags.length > 0) return `has ${otherTags.join(", ")}`;
    return files === undefined ? "" : "a CSI driver";
  }
  const digests = new Set(nodes.map(({ digest }) => digest?.slice(0, 19)));
  if (state === "built" && digests.size === 1) return [...digests].join("");
  return nodes
    .map(({ platform, digest }) => `${platform} ${digest?.slice(0, 14) ?? "not built"}`)
    .join(", ");
}

function usersOf({ tests, files }: CoverageText): string[] {
  return [
    ...(files ?? []).map((file) => `      ${printable(file)}`),
    ...tests.map(
      ({ file, line, name, conformance }) =>
        `    ${conformance ? "*" : " "} ${printable(`${file}:${line}  ${name}`)}`,
    ),
  ];
}
