/** Runs conformance specs in one process of e2e.test. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../../cache/index.js";
import type { ProcessRunner } from "../../model/ports.js";
import { specsBegun } from "./ginkgo-log.js";
import { judge, SUITE, type Judgment } from "./judge.js";
import { JUNIT, LOG } from "./results.js";
import { focusOf } from "./spec-list.js";

/** Specs take up to two minutes under an emulator; one that takes this long hangs. */
const SPEC_TIMEOUT_MS = 1_800_000;
/** ginkgo removes the spec's namespace, and then writes the results of those before it. */
const GRACE_MS = 60_000;
/** Holds the two lines that a spec begins with, wherever a chunk of output ends. */
const HELD_CHARACTERS = 2_000;

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

/** Runs the specs in `directory`, which is made anew. */
export async function runBatch(
  names: readonly string[],
  directory: string,
  options: BatchOptions,
): Promise<Judgment> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const log = openSync(join(directory, LOG), "w", 0o644);
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
        writeSync(log, chunk);
        watch(chunk.toString());
      },
    });
    return judge(names, {
      log: readFileSync(join(directory, LOG), "utf8"),
      junit: readIfThere(join(directory, JUNIT)),
      exit: result.timedOut
        ? `it was ended after ${timeoutMs / 60_000} minutes`
        : (result.killedBy ?? `exit ${String(result.code)}`),
      ended: options.signal.aborted ? "cut" : result.timedOut ? "late" : undefined,
      seconds: result.elapsedMs / 1000,
    });
  } finally {
    closeSync(log);
  }
}

/** Takes output as it comes and tells each spec that begins in it, once. */
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
    held = held.slice(-HELD_CHARACTERS);
  };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
