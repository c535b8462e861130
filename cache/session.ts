/**
 * What the parts of one opened store share: paths, lease, temporary names, the space reserve,
 * quarantine and generation. Decides when directories are synced and what happens on a full disk.
 */
import {
  closeSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  statfsSync,
  unlinkSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import { errnoOf, StorageError, storage } from "./errors.js";
import {
  createExclusive,
  randomName,
  readSmallFile,
  removeQuietly,
  replaceFile,
  syncDirectory,
  writeFully,
} from "./files.js";
import { Lease } from "./lease.js";
import type { StorePaths } from "./layout.js";
import type { Locker } from "./locker.js";

/** Freed when the disk is full, so that the action at hand and a collection can still finish. */
export const RESERVE_BYTES = 8 * 1024 * 1024;
/** No reserve is made on a file system with less room than this. */
const RESERVE_FROM_BYTES = 16 * RESERVE_BYTES;

export interface SessionOptions {
  readonly locker: Locker;
  readonly durable: boolean;
  readonly readOnly: boolean;
  readonly onWarning: (message: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class Session {
  readonly paths: StorePaths;
  readonly durable: boolean;
  readonly readOnly: boolean;
  readonly locker: Locker;
  readonly lease: Lease;
  readonly warn: (message: string) => void;
  readonly now: () => number;
  /** Directories with names that a power cut could still take back. */
  readonly #unsynced = new Set<string>();
  /** Files that are damaged and could not be moved away; never read again by this process. */
  readonly #shunned = new Set<string>();
  #hasReserve = false;

  constructor(paths: StorePaths, options: SessionOptions) {
    this.paths = paths;
    this.durable = options.durable;
    this.readOnly = options.readOnly;
    this.locker = options.locker;
    this.warn = options.onWarning;
    this.now = options.now;
    this.lease = new Lease(paths, options.locker, options.readOnly, options.onWarning);
  }

  /** @throws StorageError (EROFS) in a store opened for reading. */
  assertWritable(path: string): void {
    if (this.readOnly) throw new StorageError("write", path, "EROFS");
  }

  /** A fresh path below this process's temporary directory. */
  temporaryPath(): string {
    this.assertWritable(this.paths.tmp);
    this.#makeReserve();
    return `${this.lease.temporary()}/${randomName()}`;
  }

  /** Remembers that `directory` has a new name, to be synced before the next record is. */
  touched(directory: string): void {
    if (this.durable) this.#unsynced.add(directory);
  }

  /** Makes every name written so far survive a power cut. */
  syncNames(): void {
    for (const directory of this.#unsynced) syncDirectory(directory);
    this.#unsynced.clear();
  }

  /** Runs `work`; when the disk is full, frees the reserve and runs it once more. `work` cleans up after itself. */
  withReserve<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const errno = errnoOf(error);
      if ((errno !== "ENOSPC" && errno !== "EDQUOT") || !this.releaseReserve()) throw error;
      return work();
    }
  }

  /** Gives the reserve's room back; false when there was none. */
  releaseReserve(): boolean {
    try {
      unlinkSync(this.paths.reserve);
      return true;
    } catch {
      return false;
    }
  }

  /** Replaces a small file in one step; on a full disk the reserve is used. */
  replace(path: string, bytes: Uint8Array | string): void {
    this.assertWritable(path);
    const content = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    this.withReserve(() => {
      storage("create", dirname(path), () => mkdirSync(dirname(path), { recursive: true }));
      replaceFile(path, content, this.temporaryPath(), this.durable);
    });
  }

  /** Whether this process found the file damaged without being able to move it away. */
  isShunned(path: string): boolean {
    return this.#shunned.has(path);
  }

  /**
   * Moves a damaged file (or directory) aside with a note of why, for a person to look at. What
   * cannot be moved is never used again by this process. Never throws: damage must not stop a build
   * that can do without the file.
   */
  quarantine(path: string, what: string, problem: string): void {
    this.#shunned.add(path);
    if (this.readOnly) return;
    const time = new Date(this.now()).toISOString();
    const place = `${this.paths.quarantine}/${time.replaceAll(/[-:]/g, "").slice(0, 15)}-${what}-${basename(path)}-${randomName().slice(0, 8)}`;
    try {
      mkdirSync(place, { recursive: true });
      renameSync(path, `${place}/data`);
      this.#shunned.delete(path);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") {
        // Another process found the same damage first.
        this.#shunned.delete(path);
        rmSync(place, { recursive: true, force: true });
        return;
      }
      this.warn(`Damaged file "${path}" cannot be moved away: ${String(errnoOf(error))}`);
    }
    try {
      replaceFile(
        `${place}/why.json`,
        Buffer.from(`${JSON.stringify({ path, problem, time, what })}\n`),
        this.temporaryPath(),
        false,
      );
      this.bumpGeneration();
    } catch (error) {
      this.warn(`Quarantine "${place}" cannot be completed: ${String(errnoOf(error))}`);
    }
  }

  /** Changes whenever something that was in the store may be there no more. */
  generation(): string {
    const bytes = readSmallFile(this.paths.generation, 1024);
    return Buffer.isBuffer(bytes) ? bytes.toString("latin1").trim() : "";
  }

  bumpGeneration(): void {
    this.replace(this.paths.generation, `${randomName()}\n`);
  }

  /** Sets 8 MiB aside, once, where there is room to spare. */
  #makeReserve(): void {
    if (this.#hasReserve) return;
    this.#hasReserve = true;
    try {
      const { bavail, bsize } = statfsSync(this.paths.own);
      if (
        bavail * bsize < RESERVE_FROM_BYTES ||
        lstatSync(this.paths.reserve, { throwIfNoEntry: false }) !== undefined
      )
        return;
      const fd = createExclusive(this.paths.reserve);
      try {
        writeFully(fd, Buffer.alloc(RESERVE_BYTES));
      } finally {
        closeSync(fd);
      }
    } catch {
      // Without a reserve a full disk ends the build one blob earlier; nothing else depends on it.
      removeQuietly(this.paths.reserve);
    }
  }
}
