/**
 * Action key to result. A record counts only when every blob it names is there.
 *
 * Knows nothing of nodes or how they run; records are written whole, once, after their blobs.
 */
import { linkSync, lstatSync, mkdirSync, utimesSync } from "node:fs";
import type { BlobStore } from "./blob-store.js";
import { checkedText, parseCheckedText } from "./checked-text.js";
import { hexOf, isDigest, type Digest } from "./digest.js";
import { errnoOf, StorageError, storage } from "./errors.js";
import { readSmallFile, removeQuietly, removeFile, replaceFile, syncDirectory } from "./files.js";
import type { ActionRecord, Output } from "./record.js";
import type { Session } from "./session.js";

const RECORD = "kmips action 1";
const TOMBSTONE = "kmips tombstone 1";
const MAX_RECORD_BYTES = 64 * 1024 * 1024;
/** Use is noted this often: often enough for eviction by age, rarely enough to cost nothing. */
const NOTE_USE_EVERY_MS = 3_600_000;

/** What is kept of a record that was removed, so that `why` can tell. */
export interface Tombstone {
  readonly key: Digest;
  readonly address: string;
  readonly kind: string;
  /** When it was removed: milliseconds since 1970. */
  readonly when: number;
  /** E.g. `unused for 30 days`, `the cap of 20 GiB`. */
  readonly reason: string;
}

export interface Inspection {
  readonly state: "hit" | "absent" | "corrupt" | "incomplete";
  readonly record?: ActionRecord;
  /** The blobs that an incomplete record lacks. */
  readonly missing?: readonly Digest[];
  readonly tombstone?: Tombstone;
}

export interface PutResult {
  /** The record that the store holds now. */
  readonly stored: ActionRecord;
  /** The given record, when an earlier run under the same key had another result: that one stays. */
  readonly diverged?: ActionRecord;
}

export class ActionCache {
  readonly #session: Session;
  readonly #blobs: BlobStore;

  constructor(session: Session, blobs: BlobStore) {
    this.#session = session;
    this.#blobs = blobs;
  }

  /**
   * The record under `key`, with all its blobs pinned and present; undefined is a miss. A damaged
   * record is put in quarantine.
   */
  get(key: Digest): ActionRecord | undefined {
    const record = this.#read(key);
    if (record === undefined || record === "corrupt") return undefined;
    // Pins come before the look: what is seen after the pin stays.
    this.#session.lease.pin([key, ...record.closure]);
    if (this.#missing(record).length > 0) return undefined;
    this.#noteUse(key);
    return record;
  }

  /** What the store knows of `key`, without pinning or changing anything but damaged files. */
  inspect(key: Digest): Inspection {
    const record = this.#read(key);
    if (record === "corrupt") return { state: "corrupt" };
    if (record === undefined) {
      const tombstone = this.tombstone(key);
      return tombstone === undefined ? { state: "absent" } : { state: "absent", tombstone };
    }
    const missing = this.#missing(record);
    return missing.length === 0
      ? { state: "hit", record }
      : { state: "incomplete", record, missing };
  }

  /**
   * Stores a record. When one with another result is there and complete, that one stays and the
   * new one goes to quarantine: two runs of one action must agree.
   */
  put(record: ActionRecord): PutResult {
    const { paths, lease } = this.#session;
    const path = paths.action(record.key);
    this.#session.assertWritable(path);
    lease.pin([record.key, ...record.closure]);
    const missing = this.#missing(record);
    if (missing.length > 0)
      throw new StorageError(`record an action without its blob ${missing[0]} in`, path, "ENOENT");
    const bytes = Buffer.from(checkedText(RECORD, record));
    // Blobs, then their names, then the record: a crash in between costs one rebuild, the other
    // order would serve a result whose bytes do not exist.
    this.#session.syncNames();
    const earlier = this.#session.withReserve(() => this.#write(record, path, bytes));
    if (earlier !== undefined) {
      if (earlier.result === record.result) return { stored: earlier };
      this.#keepDiverged(record, bytes);
      return { stored: earlier, diverged: record };
    }
    removeFile(paths.tombstone(record.key));
    return { stored: record };
  }

  /** Takes a record away and leaves a tombstone, so that a later look can say why. */
  evict(record: Pick<ActionRecord, "key" | "address" | "kind">, reason: string): void {
    const { paths } = this.#session;
    const tombstone: Tombstone = {
      key: record.key,
      address: record.address,
      kind: record.kind,
      when: this.#session.now(),
      reason,
    };
    this.#session.withReserve(() =>
      replaceFile(
        paths.tombstone(record.key),
        Buffer.from(checkedText(TOMBSTONE, tombstone)),
        this.#session.temporaryPath(),
        false,
      ),
    );
    removeFile(paths.action(record.key));
  }

  tombstone(key: Digest): Tombstone | undefined {
    const bytes = readSmallFile(this.#session.paths.tombstone(key), MAX_RECORD_BYTES);
    if (!Buffer.isBuffer(bytes)) return undefined;
    const tombstone = parseCheckedText(TOMBSTONE, bytes) as Tombstone | undefined;
    return tombstone?.key === key ? tombstone : undefined;
  }

  /** The record under `key` if its file is sound, whether or not its blobs are there. */
  read(key: Digest): ActionRecord | undefined {
    const record = this.#read(key);
    return record === "corrupt" ? undefined : record;
  }

  /** Links the new record, or returns the complete one that stands in its place. */
  #write(record: ActionRecord, path: string, bytes: Buffer): ActionRecord | undefined {
    const { durable, paths } = this.#session;
    const directory = paths.actionDirectory(record.key);
    storage("create", directory, () => mkdirSync(directory, { recursive: true }));
    const temporary = this.#session.temporaryPath();
    const next = `${temporary}.record`;
    replaceFile(next, bytes, temporary, durable);
    try {
      storage("store", path, () => linkSync(next, path));
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") return this.#overwrite(path, bytes);
      const earlier = this.#read(record.key);
      if (earlier !== undefined && earlier !== "corrupt") {
        this.#session.lease.pin(earlier.closure);
        if (this.#missing(earlier).length === 0) return earlier;
      }
      return this.#overwrite(path, bytes);
    } finally {
      removeQuietly(next);
    }
    if (durable) syncDirectory(directory);
    return undefined;
  }

  /** In place of an incomplete record, and where there are no hard links. */
  #overwrite(path: string, bytes: Buffer): undefined {
    replaceFile(path, bytes, this.#session.temporaryPath(), this.#session.durable);
    return undefined;
  }

  #keepDiverged(record: ActionRecord, bytes: Buffer): void {
    const temporary = `${this.#session.temporaryPath()}-${hexOf(record.key)}`;
    replaceFile(temporary, bytes, this.#session.temporaryPath(), false);
    this.#session.quarantine(
      temporary,
      "diverged",
      `a second run of "${record.address}" had another result under the same key`,
    );
  }

  #read(key: Digest): ActionRecord | "corrupt" | undefined {
    const path = this.#session.paths.action(key);
    if (this.#session.isShunned(path)) return undefined;
    const bytes = readSmallFile(path, MAX_RECORD_BYTES);
    if (bytes === undefined) return undefined;
    if (bytes !== "unusable") {
      const record = parseCheckedText(RECORD, bytes);
      if (isRecord(record) && record.key === key) return record;
    }
    this.#session.quarantine(path, "record", "is not the record of this key as it was written");
    return "corrupt";
  }

  #missing(record: ActionRecord): Digest[] {
    const sizes = new Map(record.outputs.map((output) => [output.digest, output.size]));
    const named = new Set<Digest>([...record.closure, ...sizes.keys()]);
    return [...named].filter((digest) => !this.#blobs.looksPresent(digest, sizes.get(digest)));
  }

  #noteUse(key: Digest): void {
    if (this.#session.readOnly) return;
    const path = this.#session.paths.action(key);
    const now = this.#session.now();
    try {
      if (now - lstatSync(path).mtimeMs > NOTE_USE_EVERY_MS)
        utimesSync(path, now / 1000, now / 1000);
    } catch {
      // Only the order of eviction depends on it.
    }
  }
}

/** Whether parsed JSON has the fields that reading a record relies on. */
function isRecord(value: unknown): value is ActionRecord {
  if (typeof value !== "object" || value === null) return false;
  const { key, closure, outputs, result, fields } = value as Partial<ActionRecord>;
  return (
    typeof key === "string" &&
    isDigest(key) &&
    typeof result === "string" &&
    Array.isArray(fields) &&
    Array.isArray(closure) &&
    closure.every((digest) => typeof digest === "string" && isDigest(digest)) &&
    Array.isArray(outputs) &&
    (outputs as readonly Partial<Output>[]).every(isOutput)
  );
}

function isOutput({ digest, size }: Partial<Output>): boolean {
  return typeof digest === "string" && isDigest(digest) && typeof size === "number";
}
