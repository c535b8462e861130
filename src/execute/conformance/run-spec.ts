/** Runs one conformance spec: a process of e2e.test of its own, and what its files say. */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { ProcessRunner } from "../../model/ports.js";
import { parseGinkgoLog } from "./ginkgo-log.js";
import { failedCase, parseJunit, type JunitCase } from "./junit.js";
import { JUNIT, LOG, type FinishedSpec } from "./results.js";
import { focusOf } from "./spec-list.js";

/** The name that e2e.go gives its suite; ginkgo matches a focus against it too. */
export const SUITE = "Kubernetes e2e suite";
/** Specs take up to two minutes under an emulator; one that takes this long hangs. */
const SPEC_TIMEOUT_MS = 1_800_000;
const LAST_LINES = 40;

export interface SpecRunOptions {
  /** What starts e2e.test: the emulator, and before it what ends it with kmips. */
  readonly launcher: readonly string[];
  readonly e2eTest: string;
  /** A program that behaves as kubectl. */
  readonly kubectl: string;
  readonly kubeconfig: string;
  readonly env: Readonly<Record<string, string>>;
  readonly processes: ProcessRunner;
  readonly signal: AbortSignal;
}

export type SpecEnd =
  | { readonly type: "finished"; readonly result: FinishedSpec }
  /** It was ended from outside: no result. */
  | { readonly type: "cut" }
  /** e2e.test has no spec of that name. */
  | { readonly type: "unknown" };

/** Runs the spec; its output and JUnit file are in `directory` afterwards. */
export async function runSpec(
  name: string,
  directory: string,
  options: SpecRunOptions,
): Promise<SpecEnd> {
  const log = openSync(join(directory, LOG), "w", 0o644);
  try {
    const result = await options.processes.run({
      argv: [
        ...options.launcher,
        options.e2eTest,
        `--ginkgo.focus=${focusOf(SUITE, name)}`,
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
      timeoutMs: SPEC_TIMEOUT_MS,
      signal: options.signal,
      onOutput: (chunk) => void writeSync(log, chunk),
    });
    if (options.signal.aborted) return { type: "cut" };
    const seconds = result.elapsedMs / 1000;
    const exit = result.timedOut
      ? `it was ended after ${SPEC_TIMEOUT_MS / 60_000} minutes`
      : (result.killedBy ?? `exit ${String(result.code)}`);
    return judgeSpec(name, {
      log: readFileSync(join(directory, LOG), "utf8"),
      junit: readIfThere(join(directory, JUNIT)),
      succeeded: result.code === 0,
      timedOut: result.timedOut,
      exit,
      seconds,
    });
  } finally {
    closeSync(log);
  }
}

/** What a process of e2e.test left. */
export interface SpecEvidence {
  readonly log: string;
  readonly junit: string | undefined;
  /** Exit code 0. */
  readonly succeeded: boolean;
  /** kmips ended it because it took too long. */
  readonly timedOut: boolean;
  /** How it ended, in words. */
  readonly exit: string;
  readonly seconds: number;
}

/**
 * The result that the evidence allows. Passed is only what the JUnit file calls passed and what
 * ended with exit code 0; a process that someone interrupted has no result at all.
 */
export function judgeSpec(name: string, evidence: SpecEvidence): SpecEnd {
  const log = parseGinkgoLog(evidence.log);
  if (log?.interrupted === true && !evidence.timedOut) return { type: "cut" };
  if (log?.selected === 0) return { type: "unknown" };
  const finished = (one: JunitCase): SpecEnd => ({
    type: "finished",
    result: { ...one, suite: log?.suite ?? SUITE, total: log?.total ?? 0 },
  });
  const suite = evidence.junit === undefined ? undefined : parseJunit(evidence.junit);
  const own = suite?.cases.find((one) => one.name === name);
  if (own !== undefined && !evidence.timedOut) {
    const isSound = own.state !== "passed" || evidence.succeeded;
    if (isSound) return finished(own);
  }
  const others = suite?.cases.filter(({ state }) => state === "failed") ?? [];
  const why = [
    `e2e.test: ${evidence.exit}`,
    ...others.map((one) => `${one.name}: ${one.failure ?? ""}`),
    ...(others.length > 0 ? [] : lastOf(evidence.log)),
  ].join("\n");
  return finished(failedCase(SUITE, name, evidence.seconds, why));
}

function lastOf(log: string): string[] {
  return log.trimEnd().split("\n").slice(-LAST_LINES);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
