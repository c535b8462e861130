/**
 * A lease: one process's claim on what it uses, so that no collection takes it away.
 *
 * The lease is a file of pinned digests, one a line, locked by the kernel for as long as the
 * process lives; its temporary directory has the same name. Both appear with the first pin or
 * write, so a command that only reads starts no child and leaves no trace.
 */
import { closeSync, constants, mkdirSync, openSync, rmSync } from "node:fs";
import { hexOf, type Digest } from "./digest.js";
import { errnoOf, storage } from "./errors.js";
import { randomName, removeQuietly, writeFully } from "./files.js";
import type { StorePaths } from "./layout.js";
import type { LockHandle, Locker } from "./locker.js";

export class Lease {
  readonly #paths: StorePaths;
  readonly #locker: Locker;
  readonly #warn: (message: string) => void;
  readonly #pinned = new Set<string>();
  /** The name of its file, and of the temporary directory. */
  readonly id = randomName();
  #fd: number | undefined;
  #lock: Promise<LockHandle | undefined> | undefined;
  #hasTemporary = false;
  /** Set when the store cannot be written: nothing is pinned, and nothing collects there either. */
  #isOff: boolean;

  constructor(
    paths: StorePaths,
    locker: Locker,
    readOnly: boolean,
    warn: (message: string) => void,
  ) {
    this.#paths = paths;
    this.#locker = locker;
    this.#isOff = readOnly;
    this.#warn = warn;
  }

  /** Keeps blobs, records and checkouts of these digests from being collected while this process lives. */
  pin(digests: Iterable<Digest>): void {
    if (this.#isOff) return;
    let lines = "";
    const fresh: string[] = [];
    for (const digest of digests) {
      const hex = hexOf(digest);
      if (this.#pinned.has(hex)) continue;
      this.#pinned.add(hex);
      fresh.push(hex);
      lines += `${hex}\n`;
    }
    if (lines === "") return;
    try {
      const fd = this.#open();
      if (fd === undefined) return;
      // The file is opened for appending: one write is one step for a collector that reads along.
      storage("pin in", this.#path, () => writeFully(fd, Buffer.from(lines, "latin1")));
    } catch (error) {
      for (const hex of fresh) this.#pinned.delete(hex);
      throw error;
    }
  }

  /** Resolves once the kernel holds the lease; before that, only its youth protects it. */
  async hold(): Promise<void> {
    if (this.#open() !== undefined) await this.#lock;
  }

  /** This process's own directory below `tmp/`, removed at the end. */
  temporary(): string {
    const path = `${this.#paths.tmp}/${this.id}`;
    if (!this.#hasTemporary) {
      this.#open();
      storage("create", path, () => mkdirSync(path, { recursive: true, mode: 0o700 }));
      this.#hasTemporary = true;
    }
    return path;
  }

  async close(): Promise<void> {
    if (this.#hasTemporary)
      rmSync(`${this.#paths.tmp}/${this.id}`, { recursive: true, force: true });
    this.#hasTemporary = false;
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    this.#isOff = true;
    removeQuietly(this.#path);
    const lock = await this.#lock?.catch(() => undefined);
    await lock?.release();
  }

  get #path(): string {
    return `${this.#paths.leases}/${this.id}`;
  }

  #open(): number | undefined {
    if (this.#fd !== undefined || this.#isOff) return this.#fd;
    try {
      mkdirSync(this.#paths.leases, { recursive: true });
      this.#fd = openSync(
        this.#path,
        constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND,
        0o600,
      );
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EROFS" || errno === "EACCES" || errno === "EPERM") {
        this.#isOff = true;
        this.#warn(
          `Store "${this.#paths.root}" cannot be written (${errno}): what it holds is used, nothing is added`,
        );
        return undefined;
      }
      return storage("create", this.#path, () => {
        throw error;
      });
    }
    this.#lock = this.#locker.acquire(this.#path, "shared", true);
    // The failure belongs to whoever awaits `hold`; without a listener here it would end the process.
    this.#lock.catch(() => undefined);
    return this.#fd;
  }
}

/** The digests pinned in a lease file's text, as hex; a torn last line is ignored. */
export function pinsOf(lease: string): string[] {
  return lease.split("\n").filter((line) => /^[0-9a-f]{64}$/.test(line));
}
