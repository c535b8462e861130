/** Runs the specs that have no result yet, several at a time where they allow it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { JunitCase } from "./junit.js";
import type { ConformanceResults } from "./results.js";
import { runBatch, type BatchOptions } from "./run-batch.js";
import { runsAlone } from "./spec-list.js";

/** e2e.test needs 10 s under an emulator before its first spec, so one process runs several. */
const BATCH = 5;

export type SpecEvent =
  | { readonly type: "started"; readonly name: string }
  | { readonly type: "finished"; readonly name: string; readonly result: JunitCase }
  /** Cut: it is run again the next time. */
  | { readonly type: "cut"; readonly name: string };

export interface RunOptions extends Omit<BatchOptions, "onBegin"> {
  readonly results: ConformanceResults;
  /** How many processes of e2e.test there are at once. */
  readonly jobs: number;
  /** Throws when what the specs talk to is gone: what ran meanwhile has no result. */
  readonly checkServer: () => void;
  readonly onEvent: (event: SpecEvent) => void;
}

/**
 * Runs each spec until it has a result. Those that upstream marks as serial run last, with nothing
 * beside them. Returns the names that e2e.test does not know.
 * @throws what `checkServer` throws
 */
export async function runSpecs(names: readonly string[], options: RunOptions): Promise<string[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const unknown: string[] = [];
  let count = 0;
  const work = async (queue: string[][]): Promise<void> => {
    for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
      if (signal.aborted) return;
      const directory = join(options.results.running, String(count++));
      const left = await runOne(batch, directory, { ...options, signal });
      unknown.push(...left.unknown);
      queue.unshift(...left.doubtful.map((name) => [name]));
    }
  };
  const runAll = async (queue: string[][], workers: number): Promise<void> => {
    // One worker's end by an error ends the specs of the others, and all are waited for.
    const running = Array.from({ length: workers }, () =>
      work(queue).catch((error: unknown) => {
        stop.abort();
        throw error;
      }),
    );
    const ends = await Promise.allSettled(running);
    const broken = ends.find((end) => end.status === "rejected");
    if (broken !== undefined) throw broken.reason;
  };
  const together = names.filter((name) => !runsAlone(name));
  const size = Math.min(BATCH, Math.ceil(together.length / options.jobs));
  await runAll(batches(together, size), options.jobs);
  await runAll(batches(names.filter(runsAlone), BATCH), 1);
  return unknown;
}

function batches(names: readonly string[], size: number): string[][] {
  const all: string[][] = [];
  for (let at = 0; at < names.length; at += size) all.push(names.slice(at, at + size));
  return all;
}

interface Leftovers {
  /** Names that e2e.test does not have. */
  readonly unknown: readonly string[];
  /** Specs that are to run one by one instead. */
  readonly doubtful: readonly string[];
}

/** Runs one batch, keeps what it proved and says what it left. */
async function runOne(
  batch: readonly string[],
  directory: string,
  options: RunOptions,
): Promise<Leftovers> {
  const { results, onEvent } = options;
  options.checkServer();
  const begun = new Set<string>();
  const judgment = await runBatch(batch, directory, {
    ...options,
    onBegin: (name) => {
      begun.add(name);
      onEvent({ type: "started", name });
    },
  });
  options.checkServer();
  results.keep(judgment);
  rmSync(directory, { recursive: true, force: true });
  for (const result of judgment.finished) {
    begun.delete(result.name);
    onEvent({ type: "finished", name: result.name, result });
  }
  for (const name of begun) onEvent({ type: "cut", name });
  const doubtful = judgment.isDoubtful
    ? batch.filter((name) => results.get(name) === undefined)
    : [];
  return { unknown: judgment.unknown, doubtful };
}
