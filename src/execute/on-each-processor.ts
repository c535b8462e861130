/** Independent work, spread over the processors. */
import { allowedProcessors } from "../host/index.js";
import { invariant } from "../model/invariant.js";

/**
 * Works through the items in order, at most `jobs` at once, each on a processor of its own as long
 * as there are that many. @throws an error of `work`, after all that had begun has ended
 */
export async function onEachProcessor<T>(
  items: readonly T[],
  jobs: number,
  work: (item: T, processor: number) => Promise<void>,
): Promise<void> {
  const processors = allowedProcessors();
  // Every lane takes the next item from the one iterator.
  const rest = items.values();
  const lanes = Array.from({ length: jobs }, async (_, lane) => {
    const processor = processors[lane % processors.length];
    invariant(processor !== undefined, "No processor is allowed");
    for (const item of rest) await work(item, processor);
  });
  for (const outcome of await Promise.allSettled(lanes))
    if (outcome.status === "rejected") throw outcome.reason;
}
