/**
 * Where a private builder keeps its state: directories in the store, each of one process at a time.
 *
 * The lock is the kernel's, so a killed process leaves none; a second process takes the next
 * directory instead of waiting.
 */
import { mkdirSync, rmSync, utimesSync } from "node:fs";
import type { Locker, StorePaths } from "../../../cache/index.js";

export interface BuilderState {
  readonly directory: string;
  /** Throws what is in it away. */
  clear(): void;
  release(): Promise<void>;
}

/** Takes the first state directory that no other process uses. @throws LockError */
export async function takeState(paths: StorePaths, locker: Locker): Promise<BuilderState> {
  mkdirSync(paths.builder, { recursive: true });
  for (let number = 0; ; number++) {
    const lock = await locker.acquire(paths.builderLock(number), "exclusive", false);
    if (lock === undefined) continue;
    const directory = paths.builderState(number);
    const prepare = (): void => {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      // Collection goes by it.
      utimesSync(directory, new Date(), new Date());
    };
    prepare();
    return {
      directory,
      clear: () => {
        rmSync(directory, { recursive: true, force: true });
        prepare();
      },
      release: () => lock.release(),
    };
  }
}
