/**
 * `kmips setup`: what a project needs beside its sources. Packages and kernel handlers are root's
 * business, and a person at the terminal is asked first; the private builder is an ordinary build.
 */
import { createInterface } from "node:readline/promises";
import {
  build,
  builderEnvironment,
  builderNodes,
  findUserBuilder,
  openBuilders,
  openWorkspace,
  type Check,
  type Environment,
} from "../commands/index.js";
import { Tools } from "../host/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import { printable } from "../report/index.js";
import { jobsOf, makeReporter } from "./open.js";
import {
  abortOnSignals,
  makeEnvironment,
  makeStreams,
  progressMode,
  type GlobalOptions,
  type Streams,
} from "./environment.js";
import { runChecks } from "./house-commands.js";
import { buildExitCode, closingLine, countOutcomes, failureSummary } from "./output.js";

export interface SetupFlags {
  readonly yes?: boolean;
}

/** `kmips setup`. */
export async function runSetup(globals: GlobalOptions, flags: SetupFlags): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const { needs, checks } = await runChecks(globals);
  const environment = makeEnvironment(globals, () => undefined);
  const asRoot: AsRoot = { environment, streams, yes: flags.yes ?? false };
  if (!(await installPackages(checks, asRoot))) return EXIT.environment;
  const registered = await registerHandlers(globals, asRoot);
  if (!needs.builder) {
    streams.out("no RUN step: no builder is needed\n");
    return registered ? EXIT.ok : EXIT.environment;
  }
  const own = await findUserBuilder({ environment, tools: new Tools(environment.toolSearch) });
  if (own !== undefined) {
    const name = printable(own.name);
    streams.out(`RUN steps run on your buildx builder "${name}" (${own.driver})\n`);
    return registered ? EXIT.ok : EXIT.environment;
  }
  const built = await buildBuilder(globals, streams);
  return built === EXIT.ok && !registered ? EXIT.environment : built;
}

interface AsRoot {
  readonly environment: Environment;
  readonly streams: Streams;
  /** `--yes`: do not ask. */
  readonly yes: boolean;
}

async function installPackages(checks: readonly Check[], options: AsRoot): Promise<boolean> {
  const packages = [
    ...new Set(
      checks.flatMap((check) =>
        check.ok || check.package === undefined ? [] : check.package.split(" "),
      ),
    ),
  ];
  if (packages.length === 0) {
    options.streams.out("no package is missing\n");
    return true;
  }
  const install = ["apt-get", "install", "-y", "--no-install-recommends", ...packages];
  const command = install.join(" ");
  if (!(await isAllowed(`install ${packages.join(" ")}?`, command, options))) return false;
  return (await runAll([["apt-get", "update"], install], options)) === undefined;
}

/** Registers the handlers that are missing; false when one still is. */
async function registerHandlers(globals: GlobalOptions, options: AsRoot): Promise<boolean> {
  // Looked at again: the packages that were just installed may have registered theirs.
  const { checks } = await runChecks(globals);
  for (const { name, ok, fix } of checks) {
    if (ok || fix === undefined || !name.startsWith("binfmt_misc")) continue;
    if (!(await isAllowed(`register ${name}: ${fix}?`, fix, options))) return false;
    // The very command that was shown: it has no word from a recipe.
    const failed = await runAll([["sh", "-c", fix]], options);
    if (failed !== undefined) {
      options.streams.err(`error: ${name} is still not usable\n`);
      return false;
    }
    options.streams.out(`registered ${name}\n`);
  }
  return true;
}

/** Whether kmips may do it: as root, and unless a person at the terminal says no. */
async function isAllowed(question: string, command: string, options: AsRoot): Promise<boolean> {
  const { streams, yes } = options;
  if (process.getuid?.() !== 0) {
    streams.out(`run as root:\n  ${command}\n`);
    return false;
  }
  if (yes || !process.stdin.isTTY || (await confirm(question))) return true;
  streams.out(`not done; the command is\n  ${command}\n`);
  return false;
}

/** Runs commands until one fails; returns that one. */
async function runAll(
  commands: readonly (readonly string[])[],
  { environment, streams }: AsRoot,
): Promise<readonly string[] | undefined> {
  const env = { ...environment.variables, DEBIAN_FRONTEND: "noninteractive" };
  for (const argv of commands) {
    const onOutput = (chunk: Buffer): void => streams.err(chunk.toString());
    const result = await environment.processes.run({ argv, env, onOutput });
    if (result.code !== 0) return argv;
  }
  return undefined;
}

/** Builds the private builder into the store; built already, it takes a moment. */
async function buildBuilder(globals: GlobalOptions, streams: Streams): Promise<ExitCode> {
  const reporter = makeReporter(globals, streams);
  const interruption = abortOnSignals();
  const environment = makeEnvironment(globals, (message) =>
    reporter.event({ type: "warning", message }),
  );
  const workspace = await openWorkspace(builderEnvironment(environment));
  const builders = openBuilders(workspace, undefined);
  try {
    const result = await build(workspace, {
      select: () => builderNodes(workspace.tools.hostArch),
      jobs: jobsOf(undefined),
      keepGoing: false,
      offline: globals.offline ?? false,
      expectCached: false,
      force: false,
      signal: interruption.signal,
      onEvent: (event) => reporter.event(event),
      builders,
      savedPlan: undefined,
      now: () => performance.now(),
    });
    reporter.end();
    if (result.report === undefined) return EXIT.ok;
    const counts = countOutcomes(result.report.outcomes, new Set());
    if (progressMode(globals) !== "json") {
      streams.err(failureSummary(result, counts, streams.errPaint));
      streams.err(closingLine(counts, counts.executed > 0 ? result.elapsedMs : undefined));
    }
    const code = buildExitCode(result, counts);
    if (code === EXIT.ok) streams.out("RUN steps run on the private builder in the store\n");
    return (interruption.exitCode() as ExitCode | undefined) ?? code;
  } finally {
    reporter.end();
    await builders.close();
    await workspace.store.close();
  }
}

async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
