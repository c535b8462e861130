/** Independent work, spread over the processors. */
import PQueue from "p-queue";
import { allowedProcessors } from "../host/index.js";
import { invariant } from "../model/invariant.js";

/**
 * Works through the items in order, at most `jobs` at once, each on a processor of its own as long
 * as there are that many. @throws the first error of `work`, after all that had begun has ended
 */
export async function onEachProcessor<T>(
  items: readonly T[],
  jobs: number,
  work: (item: T, processor: number) => Promise<void>,
): Promise<void> {
  const processors = allowedProcessors();
  const free = Array.from({ length: jobs }, (_, lane) => processors[lane % processors.length]);
  const queue = new PQueue({ concurrency: jobs });
  const ended = await Promise.allSettled(
    items.map(async (item) =>
      queue.add(async () => {
        const processor = free.pop();
        invariant(processor !== undefined, "More verifications than lanes");
        try {
          await work(item, processor);
        } finally {
          free.push(processor);
        }
      }),
    ),
  );
  for (const outcome of ended) if (outcome.status === "rejected") throw outcome.reason;
}
