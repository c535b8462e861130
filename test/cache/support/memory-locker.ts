/** A Locker for one process: what the kernel does, in a map. */
import { closeSync, openSync } from "node:fs";
import type { Locker, LockHandle } from "../../../cache/index.js";

interface Held {
  exclusive: boolean;
  holders: number;
}

/** Locks are shared by every store that is given the same instance, as if each were a process. */
export class MemoryLocker implements Locker {
  readonly #held = new Map<string, Held>();
  readonly #waiting: (() => void)[] = [];
  /** How often a lock was asked for: a store that only reads must not ask. */
  requests = 0;

  async acquire(
    path: string,
    mode: "shared" | "exclusive",
    wait: boolean,
  ): Promise<LockHandle | undefined> {
    this.requests++;
    closeSync(openSync(path, "a"));
    for (;;) {
      const held = this.#held.get(path);
      if (held === undefined || (mode === "shared" && !held.exclusive)) break;
      if (!wait) return undefined;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const held = this.#held.get(path) ?? { exclusive: mode === "exclusive", holders: 0 };
    held.holders++;
    this.#held.set(path, held);
    let isReleased = false;
    return {
      release: async () => {
        if (isReleased) return;
        isReleased = true;
        if (--held.holders === 0) this.#held.delete(path);
        for (const resolve of this.#waiting.splice(0)) resolve();
      },
    };
  }
}
