/**
 * A process of its own that writes into a store, for tests that kill it or run two of them.
 * Arguments: the store, what to do, a seed. Says "ready" on stdout once the store is open.
 */
import { spawn } from "node:child_process";
import { writeSync } from "node:fs";
import { openStore, type Digest, type LockHandle, type Locker } from "../../../cache/index.js";
import { makeRecordOf } from "./records.js";

/** The kernel's lock, held by a child that ends with this process. */
class FlockLocker implements Locker {
  acquire(
    path: string,
    mode: "shared" | "exclusive",
    wait: boolean,
  ): Promise<LockHandle | undefined> {
    const flags = [mode === "shared" ? "-s" : "-x", ...(wait ? [] : ["-n"])];
    const child = spawn("flock", [...flags, path, "sh", "-c", "echo held; exec cat"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", () => resolve(undefined));
      child.stdout.once("data", () => resolve({ release: () => this.#end(child) }));
    });
  }

  #end(child: ReturnType<typeof spawn>): Promise<void> {
    return new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.stdin?.end();
    });
  }
}

const [root, task, seed] = process.argv.slice(2) as [string, string, string];
const store = await openStore(root, { locker: new FlockLocker() });
writeSync(1, "ready\n");
if (task === "churn") {
  // Until killed: blobs, records, trees, checkouts, names and collections in turn.
  for (let round = 0; ; round++) {
    const record = makeRecordOf(store, `${seed}-${round}`, "x".repeat((round * 7919) % 200_000));
    store.putAction(record);
    const { digest } = store.writeTree([
      { path: "d/f", type: "file", content: Buffer.from(`${seed}-${round}`) },
    ]);
    await store.checkout(digest);
    await store.setReferences(
      new Map([
        [
          `n:${round % 3}`,
          { mediaType: "m", digest: record.closure[0] as Digest, size: record.outputs[0]!.size },
        ],
      ]),
    );
    if (round % 5 === 4) await store.collect({ olderThanMs: 0, graceMs: 0 });
  }
} else if (task === "collect") {
  await store.collect({ olderThanMs: 0, graceMs: 0 });
} else {
  for (let index = 0; index < 200; index++)
    store.putAction(makeRecordOf(store, `shared-${index}`, `bytes ${index}`.repeat(index)));
}
await store.close();
