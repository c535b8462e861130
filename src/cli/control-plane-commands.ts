/** `kmips up`, `kmips down` and `kmips conformance`, from options to text and exit code. */
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import {
  attend,
  listSpecs,
  runConformance,
  startUp,
  tearDown,
  UsageError,
  type ConformanceEvent,
  type ConformanceReport,
  type ControlPlane,
} from "../commands/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import { shellWord } from "../model/shell-word.js";
import {
  formatMs,
  printable,
  renderFacts,
  renderSpec,
  renderSpecSummary,
} from "../report/index.js";
import { openFor } from "./open.js";
import {
  abortOnSignals,
  makeEnvironment,
  makeStreams,
  progressMode,
  type GlobalOptions,
  type Streams,
} from "./environment.js";

interface DirectoryFlags {
  readonly dir?: string;
}

export interface UpFlags extends DirectoryFlags {
  readonly port?: number;
  readonly detach?: boolean;
}

export interface DownFlags extends DirectoryFlags {
  readonly remove?: boolean;
}

export interface ConformanceFlags extends DirectoryFlags {
  readonly list?: boolean;
  readonly focus?: string;
  readonly specs?: string;
  readonly jobs?: number;
  readonly fresh?: boolean;
}

/** `kmips up`. */
export async function runUp(globals: GlobalOptions, flags: UpFlags): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const interruption = abortOnSignals();
  const detach = flags.detach ?? false;
  const isQuiet = progressMode(globals) === "quiet";
  const workspace = await openFor(globals, undefined, streams);
  const start = performance.now();
  const started = await startUp(workspace, {
    directory: directoryOf(flags),
    port: flags.port,
    detach,
    signal: interruption.signal,
    onReady: (what, elapsedMs) => {
      if (!isQuiet) streams.err(`ready  ${formatMs(elapsedMs).padStart(6)}  ${what}\n`);
    },
  }).finally(() => workspace.store.close());
  const { controlPlane, running } = started;
  if (globals.json === true) streams.out(`${JSON.stringify(controlPlane)}\n`);
  else {
    const stop = detach ? `kmips down${directoryOption(flags)}` : "Ctrl-C";
    streams.out(renderControlPlane(controlPlane, stop));
  }
  if (!isQuiet)
    streams.err(`the control plane is ready after ${formatMs(performance.now() - start)}\n`);
  if (detach) {
    running.release();
    return EXIT.ok;
  }
  const how = await attend(workspace.environment, started);
  streams.err(how === "down" ? "kmips down ended the control plane\n" : "everything is stopped\n");
  return (interruption.exitCode() as ExitCode | undefined) ?? EXIT.ok;
}

/** `kmips down`. */
export async function runDown(globals: GlobalOptions, flags: DownFlags): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const environment = makeEnvironment(globals, (message) =>
    streams.err(`warning: ${printable(message)}\n`),
  );
  const report = await tearDown(environment, directoryOf(flags), flags.remove ?? false);
  if (globals.json === true) streams.out(`${JSON.stringify(report)}\n`);
  else if (report.ended.length === 0) {
    streams.out(`nothing runs in ${printable(report.directory)}\n`);
  } else streams.out(`ended ${report.ended.map(({ name }) => name).join(", ")}\n`);
  return EXIT.ok;
}

/** `kmips conformance`: exit 0 only when every selected spec passed. */
export async function runConformanceCommand(
  globals: GlobalOptions,
  flags: ConformanceFlags,
): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const selection = {
    directory: directoryOf(flags),
    specs: flags.specs === undefined ? undefined : resolve(flags.specs),
    focus: flags.focus === undefined ? undefined : patternOf(flags.focus),
  };
  if (flags.list === true) {
    const { rows } = listSpecs(
      makeEnvironment(globals, () => undefined),
      selection,
    );
    if (globals.json === true) streams.out(`${JSON.stringify(rows)}\n`);
    else streams.out(rows.map((row) => renderSpec(row, streams.outPaint)).join(""));
    return EXIT.ok;
  }
  const interruption = abortOnSignals();
  const workspace = await openFor(globals, undefined, streams);
  let report: ConformanceReport;
  try {
    report = await runConformance(workspace, {
      ...selection,
      jobs: flags.jobs ?? Math.min(2, availableParallelism()),
      fresh: flags.fresh ?? false,
      signal: interruption.signal,
      onEvent: progressMode(globals) === "quiet" ? () => undefined : sayEvents(streams),
    });
  } finally {
    await workspace.store.close();
  }
  if (globals.json === true) streams.out(`${JSON.stringify(report)}\n`);
  else {
    streams.out(renderSpecSummary(report.rows, streams.outPaint));
    streams.out(
      renderFacts([
        ["log", report.log],
        ["junit", report.junit],
      ]),
    );
  }
  const passed = report.rows.every(({ result }) => result?.state === "passed");
  return (interruption.exitCode() as ExitCode | undefined) ?? (passed ? EXIT.ok : EXIT.buildFailed);
}

/** One line an event on standard error, with how far the run is. */
function sayEvents({ err, errPaint }: Streams): (event: ConformanceEvent) => void {
  let [ended, all] = [0, 0];
  return (event) => {
    switch (event.type) {
      case "outdated":
        err("the programs are other ones than those of the earlier results: all specs run anew\n");
        return;
      case "plan":
        [ended, all] = [event.kept, event.selected];
        err(`${all} specs, ${ended} of them have a result from before\n`);
        return;
      case "started":
        err(`start             ${printable(event.name)}\n`);
        return;
      case "cut":
        err(`cut               ${printable(event.name)}\n`);
        return;
      case "finished":
        ended++;
        err(`${renderSpec(event, errPaint).trimEnd()}  (${ended} of ${all})\n`);
        return;
    }
  };
}

function renderControlPlane(controlPlane: ControlPlane, stop: string): string {
  return renderFacts([
    ["server", controlPlane.server],
    ["kubeconfig", controlPlane.kubeconfig],
    ["logs", controlPlane.logs],
    ["programs", controlPlane.programs.map(({ name, pid }) => `${name} (pid ${pid})`).join(", ")],
    ["stop it", stop],
  ]);
}

function directoryOf({ dir }: DirectoryFlags): string | undefined {
  return dir === undefined ? undefined : resolve(dir);
}

function directoryOption({ dir }: DirectoryFlags): string {
  return dir === undefined ? "" : ` --dir ${shellWord(dir)}`;
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--focus is no regular expression: ${(error as Error).message}`);
  }
}
