/** `kmips images`: what the store has, and what a Kubernetes source wants. */
import { realpathSync } from "node:fs";
import {
  coverage,
  largestGroup,
  listImages,
  parsePortRows,
  portTable,
  readNamedFile,
  UsageError,
  writeText,
  type CoverageReport,
  type ImageRow,
  type Workspace,
} from "../commands/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import {
  formatBytes,
  insertPortTable,
  printable,
  renderCoverage,
  renderPortTable,
  renderTable,
} from "../report/index.js";
import type { GlobalOptions, Streams } from "./environment.js";
import { withBuilders } from "./open.js";

export interface ImagesFlags {
  /** MODULE@VERSION or a source of the project. */
  readonly for?: string;
  /** True for all, else a name or name:tag. */
  readonly tests?: string | true;
  /** A table of what a port is made of. */
  readonly rows?: string;
  /** The document whose table is replaced. */
  readonly write?: string;
}

/** `kmips images`. */
export async function runImages(globals: GlobalOptions, flags: ImagesFlags): Promise<ExitCode> {
  if (flags.tests !== undefined && flags.for === undefined)
    throw new UsageError("--tests goes with --for", "name the source: --for k8s.io/kubernetes@v…");
  if (flags.write !== undefined && flags.rows === undefined)
    throw new UsageError("--write goes with --rows", "name the rows of the port: --rows port.tsv");
  return withBuilders(globals, async ({ workspace, streams, reporter, running }) => {
    if (flags.for === undefined && flags.rows === undefined)
      return listBuilt(globals, workspace, streams);
    const wanted = flags.for;
    const report =
      wanted === undefined ? undefined : await coverage(workspace, { ...running, source: wanted });
    reporter.end();
    workspace.fileIndex.save();
    if (flags.rows !== undefined) printTable(globals, workspace, report, flags, streams);
    else if (report !== undefined) printCoverage(globals, report, flags.tests, streams);
    return EXIT.ok;
  });
}

function listBuilt(globals: GlobalOptions, workspace: Workspace, streams: Streams): ExitCode {
  const rows = listImages(workspace);
  if (globals.json === true) {
    streams.out(`${JSON.stringify({ store: workspace.store.root, images: rows })}\n`);
    return EXIT.ok;
  }
  const columns: readonly (readonly [title: string, cell: (row: ImageRow) => string])[] = [
    ["image", ({ reference }) => reference],
    ["platform", ({ platform }) => platform],
    ["variant", ({ variant }) => variant ?? ""],
    ["wanted", ({ wanted }) => wanted ?? ""],
    ["size", ({ sizeBytes }) => formatBytes(sizeBytes)],
    ["tests passed", ({ tests, passed }) => (tests === 0 ? "none" : `${passed} of ${tests}`)],
    ["digest", digestCell],
  ];
  // Most projects have no labels about what an image stands for.
  const shown = columns.filter(
    ([title, cell]) =>
      !["variant", "wanted"].includes(title) || rows.some((row) => cell(row) !== ""),
  );
  streams.out(
    renderTable(
      shown.map(([title]) => title),
      rows.map((row) => shown.map(([, cell]) => printable(cell(row)))),
    ),
  );
  streams.err(`skopeo inspect oci:${workspace.store.root}:IMAGE reads one\n`);
  return EXIT.ok;
}

function digestCell({ digest, isCurrent, notLocked }: ImageRow): string {
  if (digest !== undefined) return isCurrent ? digest : `${digest}, before the recipe changed`;
  return notLocked.length === 0 ? "not built" : `not locked here: ${notLocked.join(", ")}`;
}

function printCoverage(
  globals: GlobalOptions,
  { source, rows }: CoverageReport,
  tests: string | true | undefined,
  streams: Streams,
): void {
  const shown =
    typeof tests === "string"
      ? rows.filter(({ name, tag }) => [name, `${name}:${tag}`].includes(tests))
      : rows;
  if (typeof tests === "string" && shown.length === 0)
    throw new UsageError(
      `${source} wants no image "${tests}"`,
      "kmips images --for without --tests lists them",
    );
  if (globals.json === true) {
    streams.out(`${JSON.stringify({ source, images: shown })}\n`);
    return;
  }
  streams.out(renderCoverage(shown, tests !== undefined));
  const count = (state: string): string =>
    `${rows.filter((row) => row.state === state).length} ${state}`;
  const states = ["built", "buildable", "missing", "not wanted"].map(count).join(", ");
  streams.err(`${source} wants ${rows.length} images: ${states}\n`);
}

/** Prints the table of a port, or puts it into a document. */
function printTable(
  globals: GlobalOptions,
  workspace: Workspace,
  report: CoverageReport | undefined,
  { rows: path = "", write }: ImagesFlags,
  streams: Streams,
): void {
  const rows = parsePortRows(path, readNamedFile(path));
  const group = largestGroup(workspace.graph);
  const table = portTable(workspace, { rows, coverage: report, group });
  if (globals.json === true) {
    streams.out(`${JSON.stringify(table)}\n`);
    return;
  }
  const text = renderPortTable(table);
  if (write === undefined) {
    streams.out(text);
    return;
  }
  const document = insertPortTable(readNamedFile(write), text);
  if (document === undefined)
    throw new UsageError(
      `"${write}" has no place for the table`,
      "put <!-- kmips images --rows FILE --> and <!-- end of the table --> there, each on its line",
    );
  writeText(realpathSync(write), document);
  streams.err(`${table.rows.length} rows written to ${write}\n`);
}
