/** The commands about what was fetched and what it costs: update, vault, slow. */
import {
  listVault,
  query,
  selectNodes,
  slowNodes,
  updateLock,
  type UpdateReport,
  type VaultRow,
} from "../commands/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import {
  formatBytes,
  formatMs,
  planAsData,
  printable,
  renderPlan,
  renderTable,
} from "../report/index.js";
import { withBuilders, withWorkspace } from "./open.js";
import { runRecord } from "./recorded-commands.js";
import { factLine, updateSummary } from "./records.js";
import type { GlobalOptions, Streams } from "./environment.js";

export interface UpdateFlags {
  readonly dryRun?: boolean;
  readonly record?: boolean;
}

/** `kmips update`. */
export async function runUpdate(
  globals: GlobalOptions,
  patterns: readonly string[],
  flags: UpdateFlags,
): Promise<ExitCode> {
  if (flags.record === true) return runRecord(globals, patterns, flags.dryRun ?? false);
  const open = { workspace: { onlyRecipes: true } };
  return withBuilders(
    globals,
    async ({ workspace, streams, reporter, running }) => {
      const report = await updateLock(workspace, {
        ...running,
        selection: selectNodes(workspace.graph, patterns),
        dryRun: flags.dryRun ?? false,
      });
      reporter.end();
      workspace.fileIndex.save();
      if (globals.json === true) {
        streams.out(`${JSON.stringify({ ...report, plan: planAsData(report.plan) })}\n`);
        return EXIT.ok;
      }
      printUpdate(report, streams, flags.dryRun ?? false);
      return EXIT.ok;
    },
    open,
  );
}

/** Facts of single packages follow from the sets, which are printed package by package. */
function printUpdate(report: UpdateReport, streams: Streams, dryRun: boolean): void {
  const { facts, packages, unsolved, unbuilt, plan } = report;
  const lines = facts.filter(({ fact }) => !fact.startsWith("deb ")).map(factLine);
  for (const { address, changes, count } of packages) {
    if (changes === undefined) lines.push(`${address}  ${count} packages, never built before`);
    else for (const change of changes) lines.push(`${address}  ${change}`);
  }
  streams.out(lines.map((line) => `${printable(line)}\n`).join(""));
  for (const address of unsolved)
    streams.out(`${printable(address)}  known once the root file system below it is rebuilt\n`);
  if (facts.length > 0) streams.out(renderPlan(plan, { paint: streams.outPaint, all: false }));
  streams.err(updateSummary(facts, unbuilt, dryRun));
}

export interface VaultFlags {
  readonly check?: boolean;
}

/** `kmips vault`: exit 4 when `--check` finds something missing or damaged. */
export async function runVault(globals: GlobalOptions, flags: VaultFlags): Promise<ExitCode> {
  return withWorkspace(globals, (workspace, streams) => {
    const rows = listVault(workspace, flags.check ?? false);
    const bad = rows.filter(({ state }) => state !== "present");
    if (globals.json === true) streams.out(`${JSON.stringify(rows)}\n`);
    else printVault(rows, bad, streams, flags.check ?? false);
    return flags.check === true && bad.length > 0 ? EXIT.mismatch : EXIT.ok;
  });
}

function printVault(
  rows: readonly VaultRow[],
  bad: readonly VaultRow[],
  streams: Streams,
  check: boolean,
): void {
  const table = rows.map((row) => [
    row.kind,
    printable(row.name),
    row.digest.replace(/^(sha256:|h1:)(.{12}).*/, "$1$2"),
    formatBytes(row.size),
    row.state,
    `${row.nodes.slice(0, 3).map(printable).join(", ")}${row.nodes.length > 3 ? ` and ${row.nodes.length - 3} more` : ""}${row.used ? "" : " (not in use)"}`.trim(),
  ]);
  if (rows.length > 0)
    streams.out(renderTable(["kind", "name", "digest", "size", "state", "for"], table));
  const bytes = rows.reduce((sum, { size }) => sum + size, 0);
  streams.err(
    `${rows.length} things, ${formatBytes(bytes)}; ${check ? "every byte hashed; " : ""}${bad.length} missing or damaged\n`,
  );
  if (bad.length > 0) streams.err("kmips build fetches again what a node needs of them\n");
}

export interface SlowFlags {
  readonly limit?: number;
}

/** `kmips slow`. */
export async function runSlow(
  globals: GlobalOptions,
  patterns: readonly string[],
  flags: SlowFlags,
): Promise<ExitCode> {
  return withWorkspace(globals, (workspace, streams) => {
    const selection = query(workspace.graph, {
      selection: selectNodes(workspace.graph, patterns),
      relation: "dependencies",
    });
    const report = slowNodes(workspace, selection);
    const rows = report.rows.slice(0, flags.limit ?? 10);
    if (globals.json === true) {
      streams.out(`${JSON.stringify({ ...report, rows })}\n`);
      return EXIT.ok;
    }
    if (rows.length > 0) {
      const table = rows.map((row) => [
        formatMs(row.emulatedMs),
        `${Math.round(row.share * 100)} %`,
        printable(row.address),
        row.hint,
      ]);
      streams.out(renderTable(["emulated", "share", "node", "hint"], table));
    }
    const unknown =
      report.unknown.length > 0 ? `; ${report.unknown.length} nodes were never built here` : "";
    streams.err(
      `${formatMs(report.emulatedMs)} emulated and ${formatMs(report.nativeMs)} native in the nodes' last runs${unknown}\n`,
    );
    return EXIT.ok;
  });
}
