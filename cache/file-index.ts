/**
 * Digests of files that have not changed since they were last read: a stat instead of a read.
 *
 * Decides from path, size, mtime, ctime, inode and mode alone. The xxHash at the end of the index
 * only tells a damaged index from a sound one; it never stands for a file's content.
 */
import { closeSync, fstatSync, lstatSync, readSync, type Stats } from "node:fs";
import createXxHash from "xxhash-wasm";
import { DigestStream, isDigest, type Digest } from "./digest.js";
import { errnoOf, storage, StorageError } from "./errors.js";
import {
  createExclusive,
  openRegular,
  randomName,
  readSmallFile,
  removeQuietly,
  replaceFile,
} from "./files.js";

const MAGIC = "kmips files 1";
const MAX_INDEX_BYTES = 512 * 1024 * 1024;
/**
 * A file written this short before it was looked at may be written again without its times
 * changing, where the file system's clock is coarse: such rows are not kept.
 */
const RACY_MS = 2000;
const CHUNK = 1024 * 1024;
const ATTEMPTS = 3;

interface Row {
  readonly stamp: string;
  readonly digest: Digest;
}

export class FileIndex {
  readonly #path: string;
  readonly #rows: Map<string, Row>;
  readonly #checksum: (bytes: Uint8Array) => bigint;
  /** When the index was opened, by the file system's clock. */
  readonly #startMs: number;
  #isChanged = false;

  private constructor(
    path: string,
    rows: Map<string, Row>,
    startMs: number,
    checksum: (bytes: Uint8Array) => bigint,
  ) {
    this.#path = path;
    this.#rows = rows;
    this.#startMs = startMs;
    this.#checksum = checksum;
  }

  /** Opens the index kept at `path`; an unreadable one is as good as none. */
  static async open(path: string): Promise<FileIndex> {
    const xxHash = await createXxHash();
    const checksum = (bytes: Uint8Array): bigint => xxHash.h64Raw(bytes);
    const bytes = readSmallFile(path, MAX_INDEX_BYTES);
    const rows = Buffer.isBuffer(bytes) ? parse(bytes, checksum) : undefined;
    return new FileIndex(path, rows ?? new Map<string, Row>(), fileSystemTime(path), checksum);
  }

  /**
   * The digest of the regular file at `path`, links followed nowhere; undefined when there is none.
   *
   * @throws StorageError when it cannot be read, or (EBUSY) keeps changing while it is.
   */
  digest(path: string): Digest | undefined {
    const stats = statOf(path);
    if (stats?.isFile() !== true) return undefined;
    const known = this.#rows.get(path);
    if (known?.stamp === stampOf(stats)) return known.digest;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const read = readStable(path);
      if (read === "absent") return undefined;
      if (read === "changed") continue;
      this.#keep(path, read.stats, read.digest);
      return read.digest;
    }
    throw new StorageError("read", path, "EBUSY");
  }

  /** Writes the index, in one step, if it changed. */
  save(): void {
    if (!this.#isChanged) return;
    const lines = [...this.#rows].map(
      ([path, { stamp, digest }]) => `${digest} ${stamp} ${JSON.stringify(path)}`,
    );
    const body = Buffer.from(`${MAGIC}\n${lines.join("\n")}\n`);
    const text = Buffer.concat([body, Buffer.from(`${hex(this.#checksum(body))}\n`)]);
    replaceFile(this.#path, text, `${this.#path}.${randomName()}`, false);
    this.#isChanged = false;
  }

  #keep(path: string, stats: Stats, digest: Digest): void {
    const isRacy = Math.max(stats.mtimeMs, stats.ctimeMs) >= this.#startMs - RACY_MS;
    if (!isRacy) this.#rows.set(path, { stamp: stampOf(stats), digest });
    else if (!this.#rows.delete(path)) return;
    this.#isChanged = true;
  }
}

function statOf(path: string): Stats | undefined {
  return storage("stat", path, () => {
    try {
      return lstatSync(path, { throwIfNoEntry: false });
    } catch (error) {
      if (errnoOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  });
}

/** Everything about a file that changes when its content does. */
function stampOf({ size, mtimeMs, ctimeMs, ino, dev, mode }: Stats): string {
  return `${size},${mtimeMs},${ctimeMs},${ino},${dev},${mode}`;
}

/** Reads a file whose stat data is the same before and after. */
function readStable(
  path: string,
): { readonly stats: Stats; readonly digest: Digest } | "absent" | "changed" {
  const file = openRegular(path);
  if (typeof file === "string") return "absent";
  try {
    const digest = new DigestStream();
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, file.stats.size)));
    for (;;) {
      const count = storage("read", path, () =>
        readSync(file.fd, buffer, 0, buffer.byteLength, null),
      );
      if (count === 0) break;
      digest.update(buffer.subarray(0, count));
    }
    const stats = fstatSync(file.fd);
    const isSame = stampOf(stats) === stampOf(file.stats) && digest.size === stats.size;
    return isSame ? { stats, digest: digest.digest() } : "changed";
  } finally {
    closeSync(file.fd);
  }
}

function parse(
  bytes: Buffer,
  checksum: (bytes: Uint8Array) => bigint,
): Map<string, Row> | undefined {
  const body = bytes.subarray(0, -17);
  if (bytes.toString("latin1", body.byteLength) !== `${hex(checksum(body))}\n`) return undefined;
  const lines = body.toString("utf8").split("\n");
  lines.pop();
  if (lines.shift() !== MAGIC) return undefined;
  const rows = new Map<string, Row>();
  for (const line of lines) {
    const digest = line.slice(0, 71);
    const end = line.indexOf(" ", 72);
    if (!isDigest(digest) || end < 0) continue;
    rows.set(JSON.parse(line.slice(end + 1)) as string, { stamp: line.slice(72, end), digest });
  }
  return rows;
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, "0");
}

/** What the clock of the index's file system says: the one that stamps files, as far as it is the same. */
function fileSystemTime(path: string): number {
  const probe = `${path}.${randomName()}`;
  const fd = createExclusive(probe);
  try {
    return fstatSync(fd).mtimeMs;
  } finally {
    closeSync(fd);
    removeQuietly(probe);
  }
}
