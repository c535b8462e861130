/** What a command opens before its work, and closes whatever comes of it. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import {
  openBuilders,
  openWorkspace,
  UsageError,
  type BuildRequest,
  type Workspace,
} from "../commands/index.js";
import type { ExitCode } from "../model/exit-code.js";
import { createReporter, printable, type Reporter } from "../report/index.js";
import {
  abortOnSignals,
  makeEnvironment,
  makeStreams,
  progressMode,
  terminalColumns,
  type GlobalOptions,
  type Streams,
} from "./environment.js";

/** Opens the workspace for one command, and closes its store whatever comes of it. */
export async function withWorkspace(
  globals: GlobalOptions,
  use: (workspace: Workspace, streams: Streams) => ExitCode | Promise<ExitCode>,
): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const workspace = await openFor(globals, undefined, streams);
  try {
    return await use(workspace, streams);
  } finally {
    await workspace.store.close();
  }
}

/** What a command has that may run nodes. */
export interface Opened {
  readonly workspace: Workspace;
  readonly streams: Streams;
  readonly reporter: Reporter;
  readonly interruption: ReturnType<typeof abortOnSignals>;
  /** What every request to run nodes holds; a command may put its own options over it. */
  readonly running: Pick<BuildRequest, "jobs" | "offline" | "signal" | "onEvent" | "builders">;
}

export interface OpenOptions {
  /** The buildx builder that the user named. */
  readonly builder?: string | undefined;
  readonly workspace?: Parameters<typeof openWorkspace>[1];
}

/**
 * Opens the workspace for a command that may run nodes, with a reporter, signals and builders. The
 * reporter ends with the command; one that prints results ends it before.
 */
export async function withBuilders(
  globals: GlobalOptions,
  use: (opened: Opened) => Promise<ExitCode>,
  options: OpenOptions = {},
): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const reporter = makeReporter(globals, streams);
  const interruption = abortOnSignals();
  const workspace = await openFor(globals, reporter, undefined, options.workspace);
  const builders = openBuilders(workspace, options.builder);
  const running = {
    jobs: jobsOf(undefined),
    offline: globals.offline ?? false,
    signal: interruption.signal,
    onEvent: (event: Parameters<Reporter["event"]>[0]) => reporter.event(event),
    builders,
  };
  try {
    return await use({ workspace, streams, reporter, interruption, running });
  } finally {
    reporter.end();
    await builders.close();
    await workspace.store.close();
  }
}

/** How many nodes run at once: the processors unless told. @throws UsageError for no whole number */
export function jobsOf(wanted: number | undefined): number {
  if (wanted === undefined) return availableParallelism();
  if (!Number.isInteger(wanted) || wanted < 1)
    throw new UsageError("--jobs takes a whole number from 1", "e.g. --jobs 2");
  return wanted;
}

/** Shows the events of a run on standard error, as `--progress` says. */
export function makeReporter(globals: GlobalOptions, streams: Streams): Reporter {
  return createReporter({
    mode: progressMode(globals),
    paint: streams.errPaint,
    write: streams.err,
    columns: terminalColumns(),
    now: () => performance.now(),
    every: (ms, tick) => {
      const timer = setInterval(tick, ms).unref();
      return () => clearInterval(timer);
    },
    readLog: (path) => {
      try {
        return readFileSync(path, "utf8");
      } catch {
        return undefined;
      }
    },
  });
}

/** Opens the project; warnings go to the reporter, or to stderr for commands that have none. */
export async function openFor(
  globals: GlobalOptions,
  reporter: Reporter | undefined,
  streams?: Streams,
  options?: Parameters<typeof openWorkspace>[1],
): Promise<Workspace> {
  const environment = makeEnvironment(globals, (message) => {
    if (reporter !== undefined) reporter.event({ type: "warning", message });
    else streams?.err(`warning: ${printable(message)}\n`);
  });
  return openWorkspace(environment, options);
}
