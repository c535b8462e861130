/**
 * Kernel locks between processes, by `flock` of util-linux.
 *
 * Node has no flock(2). A child holds the lock while the pipe to its standard input is open; the
 * kernel closes that pipe when this process dies, even by SIGKILL, so a lock never outlives its
 * owner and no stale-lock rule is needed.
 */
import type { Locker, LockHandle } from "../../cache/index.js";
import { holdProcess } from "./process.js";

/** `flock --nonblock` ends with this when another process holds the lock. */
const HELD_BY_ANOTHER = 75;

/** The lock file cannot be opened or locked. */
export class LockError extends Error {
  override readonly name = "LockError";
  readonly code = "KMIPS_LOCK";
}

/** Locks files through the `flock` program at `flock`; `cat` is the child that holds them. */
export class FlockLocker implements Locker {
  readonly #flock: string;
  readonly #cat: string;

  constructor(flock: string, cat: string) {
    this.#flock = flock;
    this.#cat = cat;
  }

  /**
   * @throws ToolMissingError when `flock` is not installed
   * @throws LockError when the file cannot be locked
   */
  async acquire(
    path: string,
    mode: "shared" | "exclusive",
    wait: boolean,
  ): Promise<LockHandle | undefined> {
    const child = holdProcess(
      [
        this.#flock,
        `--${mode}`,
        ...(wait ? [] : ["--nonblock", "--conflict-exit-code", String(HELD_BY_ANOTHER)]),
        path,
        this.#cat,
      ],
      { LC_ALL: "C" },
    );
    // `cat` starts only once the lock is held, so its echo is the news.
    child.stdin.write("held\n");
    const answer = await child.answered;
    if (answer !== "output") {
      if (!wait && answer.code === HELD_BY_ANOTHER) return undefined;
      throw new LockError(
        `Cannot lock "${path}": ${answer.stderr.trim() || `exit ${String(answer.code)}`}`,
      );
    }
    child.keepAlive(false);
    return {
      release: async () => {
        child.keepAlive(true);
        child.stdin.end();
        await child.exited;
      },
    };
  }
}
