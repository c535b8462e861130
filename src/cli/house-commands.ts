/** The commands that keep the house: gc and doctor. */
import { dirname } from "node:path";
import { existsSync } from "node:fs";
import {
  collectGarbage,
  collectionRows,
  diagnose,
  needsOf,
  openStoreOf,
  openProject,
  UsageError,
  type Check,
  type Needs,
} from "../commands/index.js";
import { Tools } from "../host/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import { formatBytes, printable, renderTable } from "../report/index.js";
import { makeEnvironment, makeStreams, type GlobalOptions } from "./environment.js";
import { withWorkspace } from "./open.js";

export interface GcFlags {
  readonly plan?: boolean;
  readonly vault?: boolean;
  readonly maxSize?: string;
  readonly olderThan?: string;
  readonly grace?: string;
}

/** `kmips gc`. */
export async function runGc(globals: GlobalOptions, flags: GcFlags): Promise<ExitCode> {
  return withWorkspace(globals, async (workspace, streams) => {
    const plan = await collectGarbage(workspace, {
      dryRun: flags.plan ?? false,
      vault: flags.vault ?? false,
      olderThanMs: parseDuration(flags.olderThan ?? "30d", "--older-than"),
      ...(flags.maxSize === undefined ? {} : { maxBytes: parseSize(flags.maxSize, "--max-size") }),
      ...(flags.grace === undefined ? {} : { graceMs: parseDuration(flags.grace, "--grace") }),
    });
    if (globals.json === true) {
      streams.out(`${JSON.stringify(plan)}\n`);
      return EXIT.ok;
    }
    const rows = collectionRows(plan);
    if (flags.plan === true) {
      for (const row of rows)
        streams.out(
          `${formatBytes(row.bytes).padStart(9)}  ${printable(row.what)}  ${printable(row.why)}\n`,
        );
    }
    const total = `${rows.length} things, ${formatBytes(plan.freedBytes)} of ${formatBytes(plan.storeBytes)}`;
    streams.out(
      flags.plan === true ? `would remove ${total}; kmips gc does it\n` : `removed ${total}\n`,
    );
    if (plan.overBytes > 0)
      streams.err(`${formatBytes(plan.overBytes)} over --max-size remain: all of it is in use\n`);
    return EXIT.ok;
  });
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};
const TIME_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1e3,
  m: 60e3,
  h: 3600e3,
  d: 86_400e3,
};

function parseSize(text: string, option: string): number {
  return parseUnit(text, SIZE_UNITS, option, "20GiB");
}

function parseDuration(text: string, option: string): number {
  return parseUnit(text, TIME_UNITS, option, "2h");
}

function parseUnit(
  text: string,
  units: Readonly<Record<string, number>>,
  option: string,
  example: string,
): number {
  const [, number, unit = ""] = /^(\d+)([a-zA-Z]+)$/.exec(text) ?? [];
  const factor = units[unit];
  if (number === undefined || factor === undefined) {
    throw new UsageError(
      `${option} "${text}" has no known unit`,
      `write it like ${example}; units: ${Object.keys(units).join(" ")}`,
    );
  }
  return Number(number) * factor;
}

/** `kmips doctor`. */
export async function runDoctor(globals: GlobalOptions): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const { checks } = await runChecks(globals);
  if (globals.json === true) streams.out(`${JSON.stringify(checks)}\n`);
  else {
    const rows = checks.map((check) => [
      check.ok ? "ok" : "MISSING",
      check.name,
      printable(check.detail),
    ]);
    streams.out(renderTable(["state", "what", "found"], rows));
    for (const check of checks)
      if (!check.ok && check.fix !== undefined)
        streams.out(`fix ${check.name}: ${printable(check.fix)}\n`);
  }
  return checks.every((check) => check.ok) ? EXIT.ok : EXIT.environment;
}

/** What the project needs of this machine, and what of that is there. */
export async function runChecks(
  globals: GlobalOptions,
): Promise<{ readonly needs: Needs; readonly checks: Check[] }> {
  const environment = makeEnvironment(globals, () => undefined);
  const { graph } = openProject(environment);
  const tools = new Tools(environment.toolSearch);
  const needs = needsOf(graph, tools.hostArch);
  let storeParent = environment.storePath;
  while (!existsSync(storeParent)) storeParent = dirname(storeParent);
  const store =
    storeParent === environment.storePath && tools.find("flock") !== undefined
      ? await openStoreOf(environment, tools)
      : undefined;
  try {
    return { needs, checks: await diagnose(needs, { environment, tools, store, storeParent }) };
  } finally {
    await store?.close();
  }
}
