/**
 * Trees unpacked on disk: shared read-only checkouts that are made once, and private copies.
 *
 * A checkout counts when its manifest (`<hex>.ok`, written last) matches what a stat of every
 * entry says; otherwise it is made again from the tree.
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  type Stats,
} from "node:fs";
import type { ArchiveEntry } from "./archive-header.js";
import { digestOf, hexOf, type Digest } from "./digest.js";
import { ArchiveError, errnoOf, StorageError, storage } from "./errors.js";
import { createExclusive, readSmallFile, removeFile, writeFully } from "./files.js";
import type { Session } from "./session.js";
import type { TreeStore } from "./tree.js";

const MAGIC = "kmips checkout 1";
const NOTE_USE_EVERY_MS = 3_600_000;
const MAX_MANIFEST_BYTES = 512 * 1024 * 1024;

interface Row {
  readonly path: string;
  readonly stats: Stats;
}

export class Checkouts {
  readonly #session: Session;
  readonly #trees: TreeStore;
  /** Checked by this process: nothing may change a checkout while its lease pins it. */
  readonly #ready = new Map<Digest, Promise<string>>();

  constructor(session: Session, trees: TreeStore) {
    this.#session = session;
    this.#trees = trees;
  }

  /** The directory of the unpacked tree: files 0444 or 0555. Made, or made again, when need be. */
  checkout(tree: Digest): Promise<string> {
    let ready = this.#ready.get(tree);
    if (ready === undefined) {
      ready = this.#make(tree);
      this.#ready.set(tree, ready);
      ready.catch(() => this.#ready.delete(tree));
    }
    return ready;
  }

  /** Whether the checkout on disk is as it was made, by its stat data. */
  isIntact(tree: Digest): boolean {
    const bytes = readSmallFile(this.#session.paths.checkoutManifest(tree), MAX_MANIFEST_BYTES);
    return Buffer.isBuffer(bytes) && matches(this.#session.paths.checkout(tree), bytes);
  }

  /** Unpacks a tree into `destination`, which must not exist or be empty: files 0644 or 0755. */
  extract(tree: Digest, destination: string): void {
    storage("create", destination, () => mkdirSync(destination, { recursive: true }));
    if (readdirSync(destination).length > 0)
      throw new StorageError("unpack into", destination, "ENOTEMPTY");
    this.#unpack(tree, destination, 0o644);
  }

  /** Takes a checkout away: manifest first, so that a crash leaves none that counts. */
  remove(tree: Digest): void {
    const { paths } = this.#session;
    this.#ready.delete(tree);
    removeFile(paths.checkoutManifest(tree));
    const doomed = this.#session.temporaryPath();
    try {
      storage("remove", paths.checkout(tree), () => renameSync(paths.checkout(tree), doomed));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return;
      throw error;
    }
    rmSync(doomed, { recursive: true, force: true });
  }

  async #make(tree: Digest): Promise<string> {
    const { paths, lease, locker } = this.#session;
    const path = paths.checkout(tree);
    lease.pin([tree]);
    if (this.isIntact(tree)) {
      this.#noteUse(tree);
      return path;
    }
    this.#session.assertWritable(path);
    await lease.hold();
    const lock = await locker.acquire(paths.lock(`checkout-${hexOf(tree)}`), "exclusive", true);
    try {
      // Another process may have made it while this one waited.
      if (this.isIntact(tree)) return path;
      this.remove(tree);
      const fresh = this.#session.temporaryPath();
      mkdirSync(fresh, { recursive: true });
      const rows = this.#unpack(tree, fresh, 0o444);
      storage("create", path, () => {
        mkdirSync(paths.checkouts, { recursive: true });
        renameSync(fresh, path);
      });
      // Written last and synced: files that a power cut takes back no longer match it.
      this.#session.replace(paths.checkoutManifest(tree), encodeManifest(rows));
      return path;
    } finally {
      await lock?.release();
    }
  }

  #noteUse(tree: Digest): void {
    const path = this.#session.paths.checkoutManifest(tree);
    const now = this.#session.now();
    try {
      if (!this.#session.readOnly && now - lstatSync(path).mtimeMs > NOTE_USE_EVERY_MS)
        utimesSync(path, now / 1000, now / 1000);
    } catch {
      // Only the order of eviction depends on it.
    }
  }

  /** Unpacks below `root`, which holds nothing else, and returns one manifest row an entry. */
  #unpack(tree: Digest, root: string, fileMode: 0o444 | 0o644): Row[] {
    const writer = new Unpacker(root, fileMode);
    try {
      this.#trees.visit(tree, {
        entry: (entry) => writer.entry(entry),
        data: (chunk) => writer.data(chunk),
      });
      return writer.end();
    } catch (error) {
      writer.abort();
      rmSync(root, { recursive: true, force: true });
      throw error;
    }
  }
}

/**
 * Writes entries below a directory of its own. Links are made last, so no path on the way to a
 * file is ever a link.
 */
class Unpacker {
  readonly #root: string;
  readonly #fileMode: number;
  readonly #directories: string[] = [];
  readonly #links: ArchiveEntry[] = [];
  readonly #rows: Row[] = [];
  #file: { readonly entry: ArchiveEntry; readonly fd: number } | undefined;

  constructor(root: string, fileMode: number) {
    this.#root = root;
    this.#fileMode = fileMode;
  }

  entry(entry: ArchiveEntry): void {
    this.#finish();
    const path = `${this.#root}/${entry.path}`;
    if (entry.type === "directory") {
      storage("create", path, () => mkdirSync(path, 0o755));
      this.#directories.push(entry.path);
    } else if (entry.type === "symlink") {
      this.#links.push(entry);
    } else {
      this.#file = { entry, fd: createExclusive(path) };
    }
  }

  data(chunk: Buffer): void {
    const file = this.#file;
    if (file === undefined) throw new ArchiveError("has content without a file");
    storage("write", file.entry.path, () => writeFully(file.fd, chunk));
  }

  end(): Row[] {
    this.#finish();
    for (const link of this.#links) {
      const path = `${this.#root}/${link.path}`;
      storage("create", path, () => symlinkSync(link.target as string, path));
      this.#rows.push({ path: link.path, stats: lstatSync(path) });
    }
    // Last, when nothing in them changes any more: their times tell of files added later.
    for (const directory of this.#directories) {
      const path = `${this.#root}/${directory}`;
      storage("write", path, () => chmodSync(path, 0o755));
      this.#rows.push({ path: directory, stats: lstatSync(path) });
    }
    return this.#rows;
  }

  abort(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  #finish(): void {
    if (this.#file === undefined) return;
    const { entry, fd } = this.#file;
    this.#file = undefined;
    storage("write", entry.path, () => {
      try {
        // The umask must not decide what a build sees.
        fchmodSync(fd, (entry.mode & 0o111) === 0 ? this.#fileMode : this.#fileMode | 0o111);
        this.#rows.push({ path: entry.path, stats: fstatSync(fd) });
      } finally {
        closeSync(fd);
      }
    });
  }
}

const COLUMNS = 4;

/** One number a stat field and entry, then the paths: read back without parsing a line. */
function encodeManifest(rows: readonly Row[]): Buffer {
  const numbers = new Float64Array(rows.length * COLUMNS);
  rows.forEach(({ stats }, row) =>
    numbers.set([stats.size, stats.mtimeMs, stats.ctimeMs, stats.ino], row * COLUMNS),
  );
  const head = Buffer.from(`${MAGIC}\n${String(rows.length).padStart(10, "0")}\n`);
  // A path holds no NUL.
  const paths = Buffer.from(rows.map(({ path }) => path).join("\0"));
  const body = Buffer.concat([head, Buffer.from(numbers.buffer), paths]);
  return Buffer.concat([body, Buffer.from(digestOf(body))]);
}

function decodeManifest(
  bytes: Buffer,
): { readonly paths: readonly string[]; readonly numbers: Float64Array } | undefined {
  const body = bytes.subarray(0, -71);
  const headBytes = MAGIC.length + 12;
  if (body.byteLength < headBytes || bytes.toString("latin1", body.byteLength) !== digestOf(body))
    return undefined;
  if (body.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  const count = Number(body.toString("latin1", MAGIC.length + 1, headBytes - 1));
  const numbersEnd = headBytes + count * COLUMNS * 8;
  const numbers = new Float64Array(Uint8Array.from(body.subarray(headBytes, numbersEnd)).buffer);
  return { numbers, paths: count === 0 ? [] : body.toString("utf8", numbersEnd).split("\0") };
}

/** Compares every row with a stat of its entry: little more than what the kernel takes. */
function matches(root: string, bytes: Buffer): boolean {
  const manifest = decodeManifest(bytes);
  if (manifest === undefined || lstatSync(root, { throwIfNoEntry: false })?.isDirectory() !== true)
    return false;
  const { paths, numbers } = manifest;
  return paths.every((path, row) => {
    const stats = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    const at = row * COLUMNS;
    return (
      stats !== undefined &&
      stats.size === numbers[at] &&
      stats.mtimeMs === numbers[at + 1] &&
      stats.ctimeMs === numbers[at + 2] &&
      stats.ino === numbers[at + 3]
    );
  });
}
