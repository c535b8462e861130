/** Runs conformance specs in one process of e2e.test. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ProcessRunner } from "../../model/ports.js";
import { LogFile } from "../log-file.js";
import { readTextIfThere } from "../text-file.js";
import { specsBegun } from "./ginkgo-log.js";
import { judge, SUITE, type Judgment } from "./judge.js";
import { JUNIT, LOG } from "./results.js";
import { focusOf } from "./spec-list.js";

/** Specs take up to two minutes under an emulator; one that takes this long hangs. */
const SPEC_TIMEOUT_MS = 1_800_000;
/** ginkgo removes the spec's namespace, and then writes the results of those before it. */
const GRACE_MS = 60_000;
/** A spec begins with three lines: of those that may go on, the last is not at its end. */
const HELD_LINES = 3;

export interface BatchOptions {
  /** What starts e2e.test: the emulator, and before it what ends it with kmips. */
  readonly launcher: readonly string[];
  readonly e2eTest: string;
  /** A program that behaves as kubectl. */
  readonly kubectl: string;
  readonly kubeconfig: string;
  readonly env: Readonly<Record<string, string>>;
  readonly processes: ProcessRunner;
  readonly signal: AbortSignal;
  readonly onBegin: (name: string) => void;
}

/**
 * Runs the specs in `directory`, which is made anew, and judges what e2e.test left there. What `signal`
 * cuts has no result.
 * @throws ToolMissingError, SpawnError when it cannot be started
 */
export async function runBatch(
  names: readonly string[],
  directory: string,
  options: BatchOptions,
): Promise<Judgment> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const log = new LogFile(join(directory, LOG));
  const watch = watchBeginnings(options.onBegin);
  try {
    const timeoutMs = SPEC_TIMEOUT_MS * names.length;
    const result = await options.processes.run({
      argv: [
        ...options.launcher,
        options.e2eTest,
        `--ginkgo.focus=${names.map((name) => focusOf(SUITE, name)).join("|")}`,
        "--ginkgo.noColor",
        "--provider=local",
        `--kubeconfig=${options.kubeconfig}`,
        `--kubectl-path=${options.kubectl}`,
        `--report-dir=${directory}`,
        "--disable-log-dump",
        // There is no node: waiting for one would take half an hour.
        "--allowed-not-ready-nodes=0",
        "--minStartupPods=0",
      ],
      cwd: directory,
      env: options.env,
      timeoutMs,
      signal: options.signal,
      graceMs: GRACE_MS,
      onOutput: (chunk) => {
        log.write(chunk);
        watch(chunk.toString());
      },
    });
    return judge(names, {
      log: readTextIfThere(join(directory, LOG)) ?? "",
      junit: readTextIfThere(join(directory, JUNIT)),
      exit: result.timedOut
        ? `it was ended after ${timeoutMs / 60_000} minutes`
        : (result.killedBy ?? `exit ${String(result.code)}`),
      ended: options.signal.aborted ? "cut" : result.timedOut ? "late" : undefined,
      seconds: result.elapsedMs / 1000,
    });
  } finally {
    log.close();
  }
}

/**
 * Takes output as it comes, wherever a chunk of it ends, and tells each spec that begins in it, once.
 * Only whole lines are dropped: the rest of one would look like the beginning of another spec.
 */
function watchBeginnings(onBegin: (name: string) => void): (text: string) => void {
  const told = new Set<string>();
  let held = "";
  return (text) => {
    held = `${held}${text}`;
    for (const name of specsBegun(held)) {
      if (told.has(name)) continue;
      told.add(name);
      onBegin(name);
    }
    held = held.split("\n").slice(-HELD_LINES).join("\n");
  };
}
