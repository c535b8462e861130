/** Runs the specs that have no result yet, several at a time where they allow it. */
import type { ConformanceResults, SpecResult } from "./results.js";
import { runSpec, type SpecEnd, type SpecRunOptions } from "./run-spec.js";
import { runsAlone } from "./spec-list.js";

export type SpecEvent =
  | { readonly type: "started"; readonly name: string }
  | { readonly type: "finished"; readonly name: string; readonly result: SpecResult }
  /** Cut: it is run again the next time. */
  | { readonly type: "cut"; readonly name: string };

export interface RunOptions extends SpecRunOptions {
  readonly results: ConformanceResults;
  readonly jobs: number;
  /** Throws when what the specs talk to is gone: what ran meanwhile has no result. */
  readonly checkServer: () => void;
  readonly onEvent: (event: SpecEvent) => void;
}

/**
 * Runs each spec once. Those that upstream marks as serial run last, with nothing beside them.
 * Returns the names that e2e.test does not know.
 * @throws what `checkServer` throws
 */
export async function runSpecs(names: readonly string[], options: RunOptions): Promise<string[]> {
  const together = names.filter((name) => !runsAlone(name));
  const alone = names.filter(runsAlone);
  const unknown: string[] = [];
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const runAll = async (queue: string[], workers: number): Promise<void> => {
    const work = async (): Promise<void> => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
        if (signal.aborted) return;
        const end = await runOne(name, { ...options, signal });
        if (end.type === "unknown") unknown.push(name);
        if (end.type !== "cut") continue;
        options.onEvent({ type: "cut", name });
      }
    };
    // One worker's end by an error ends the specs of the others, and all are waited for.
    const running = Array.from({ length: workers }, () =>
      work().catch((error: unknown) => {
        stop.abort();
        throw error;
      }),
    );
    const ends = await Promise.allSettled(running);
    const broken = ends.find((end) => end.status === "rejected");
    if (broken !== undefined) throw broken.reason;
  };
  await runAll(together, options.jobs);
  await runAll(alone, 1);
  return unknown;
}

async function runOne(name: string, options: RunOptions): Promise<SpecEnd> {
  const { results, onEvent } = options;
  options.checkServer();
  onEvent({ type: "started", name });
  const directory = results.begin(name);
  const end = await runSpec(name, directory, options);
  try {
    options.checkServer();
  } catch (error) {
    results.drop(name);
    throw error;
  }
  if (end.type !== "finished") {
    results.drop(name);
    return end;
  }
  results.keep(end.result);
  onEvent({ type: "finished", name, result: { format: 1, ...end.result } });
  return end;
}
