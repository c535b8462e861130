/**
 * Notices that a mirror has stopped answering while apt still tries file after file.
 *
 * apt gives each file its own time and retries: with some hundred files a mirror that accepts
 * connections and says nothing would take hours. A mirror that refuses, or lacks files, fails fast.
 */

/** An attempt that took this long and brought nothing was a stall: no refusal takes so long. */
const SLOW_MS = 5_000;
/** Stalls in a row, without any file between them, after which the mirror counts as dead. */
const STALLS = 4;

export class StallWatch {
  readonly #now: () => number;
  readonly #onDead: () => void;
  #last: number;
  #stalls = 0;
  #rest = "";

  /** @param now milliseconds of any clock that only goes forward */
  constructor(onDead: () => void, now: () => number) {
    this.#onDead = onDead;
    this.#now = now;
    this.#last = now();
  }

  /** Takes what apt prints: `Get:` for a file that comes, `Ign:` and `Err:` for attempts that failed. */
  read(chunk: string | Buffer): void {
    const lines = (this.#rest + chunk.toString("utf8")).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = /^(Get|Hit|Ign|Err):\d/.exec(line)?.[1];
      if (event !== undefined) this.#note(event === "Ign" || event === "Err");
    }
  }

  #note(failed: boolean): void {
    const now = this.#now();
    const slow = now - this.#last >= SLOW_MS;
    this.#last = now;
    if (!failed) this.#stalls = 0;
    else if (slow && ++this.#stalls === STALLS) this.#onDead();
  }
}
