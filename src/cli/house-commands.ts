/** The commands that keep the house: gc, doctor, setup. */
import { dirname } from "node:path";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import {
  collectGarbage,
  collectionRows,
  diagnose,
  openProject,
  UsageError,
  type Check,
} from "../commands/index.js";
import { Tools } from "../host/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import { formatBytes, printable, renderTable } from "../report/index.js";
import { openFor } from "./build-commands.js";
import { makeEnvironment, makeStreams, type GlobalOptions } from "./environment.js";

export interface GcFlags {
  readonly plan?: boolean;
  readonly vault?: boolean;
  readonly maxSize?: string;
  readonly olderThan?: string;
  readonly grace?: string;
}

export interface SetupFlags {
  readonly yes?: boolean;
}

/** `kmips gc`. */
export async function runGc(globals: GlobalOptions, flags: GcFlags): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const workspace = await openFor(globals, undefined, streams);
  try {
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
  } finally {
    await workspace.store.close();
  }
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
  const checks = runChecks(globals);
  if (globals.json === true) streams.out(`${JSON.stringify(checks)}\n`);
  else {
    const rows = checks.map((check) => [check.ok ? "ok" : "MISSING", check.name, check.detail]);
    streams.out(renderTable(["state", "what", "found"], rows));
    for (const check of checks)
      if (!check.ok && check.fix !== undefined) streams.out(`fix ${check.name}: ${check.fix}\n`);
  }
  return checks.every((check) => check.ok) ? EXIT.ok : EXIT.environment;
}

function runChecks(globals: GlobalOptions): Check[] {
  const environment = makeEnvironment(globals, () => undefined);
  const { graph } = openProject(environment);
  let parent = environment.storePath;
  while (!existsSync(parent)) parent = dirname(parent);
  return diagnose(graph, new Tools(environment.toolSearch), parent);
}

/** `kmips setup`: asks when a person is at the terminal, installs only as root. */
export async function runSetup(globals: GlobalOptions, flags: SetupFlags): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const packages = [
    ...new Set(
      runChecks(globals).flatMap((check) =>
        check.ok || check.package === undefined ? [] : check.package.split(" "),
      ),
    ),
  ];
  if (packages.length === 0) {
    streams.out("nothing to install\n");
    return EXIT.ok;
  }
  const command = ["apt-get", "install", "-y", "--no-install-recommends", ...packages];
  if (process.getuid?.() !== 0) {
    streams.out(`run as root:\n  ${command.join(" ")}\n`);
    return EXIT.environment;
  }
  if (
    flags.yes !== true &&
    process.stdin.isTTY &&
    !(await confirm(`install ${packages.join(" ")}?`))
  ) {
    streams.out(`not installed; the command is\n  ${command.join(" ")}\n`);
    return EXIT.environment;
  }
  const environment = makeEnvironment(globals, () => undefined);
  const env = { ...environment.variables, DEBIAN_FRONTEND: "noninteractive" };
  for (const argv of [["apt-get", "update"], command]) {
    const result = await environment.processes.run({
      argv,
      env,
      onOutput: (chunk) => streams.err(chunk.toString()),
    });
    if (result.code !== 0) return EXIT.environment;
  }
  return EXIT.ok;
}

async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
