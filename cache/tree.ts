/**
 * Trees: directories as canonical tars, listed and read without unpacking.
 *
 * Knows entries and content; where trees are unpacked to is checkout.ts, how a directory becomes
 * one is capture.ts.
 */
import { closeSync } from "node:fs";
import { ArchiveWriter, type ArchiveOptions, type EntryInput } from "./archive.js";
import type { ArchiveEntry } from "./archive-header.js";
import { ArchiveReader } from "./archive-reader.js";
import type { BlobStore } from "./blob-store.js";
import type { BlobWriter, StoredBlob } from "./blob-writer.js";
import { digestOf, DigestStream, type Digest } from "./digest.js";
import { parentOf } from "./entry-path.js";
import { ArchiveError, CorruptBlobError, MissingBlobError } from "./errors.js";
import { openRegular, readFully } from "./files.js";
import { compareUtf8 } from "./order.js";
import type { Session } from "./session.js";

/** One entry of a tree. */
export type TreeEntry = ArchiveEntry & {
  /** The digest of a file's content; absent for directories and links. */
  readonly digest?: Digest;
};

/** A file of a tree, to be read piece by piece. */
export interface TreeFile {
  readonly entry: TreeEntry;
  readonly size: number;
  /** Verified at the end, as with `readChunks`. */
  readonly chunks: Iterable<Buffer>;
}

interface IndexedEntry {
  readonly entry: TreeEntry;
  readonly offset: number;
}

type TreeIndex = ReadonlyMap<string, IndexedEntry>;

/** How many trees' entries are kept in memory: a build reads few trees many times. */
const KEPT_INDEXES = 8;
const CHUNK = 1024 * 1024;

/** Writes a tree or a layer into the store as its entries come. */
export class TreeWriter {
  readonly #blob: BlobWriter;
  readonly #archive: ArchiveWriter;

  constructor(blob: BlobWriter, options?: ArchiveOptions) {
    this.#blob = blob;
    this.#archive = new ArchiveWriter((chunk) => blob.write(chunk), options);
  }

  /**
   * Appends an entry; entries come in UTF-8 byte order of their paths, directories before what
   * they hold.
   *
   * @throws ArchiveError naming the entry; the writer is used up then.
   */
  add(entry: EntryInput): void {
    try {
      this.#archive.add(entry);
    } catch (error) {
      this.#blob.abort();
      throw error;
    }
  }

  commit(): StoredBlob {
    try {
      this.#archive.end();
    } catch (error) {
      this.#blob.abort();
      throw error;
    }
    return this.#blob.commit();
  }

  /** Gives the tree up; nothing of it remains. */
  abort(): void {
    this.#blob.abort();
  }
}

export class TreeStore {
  readonly #session: Session;
  readonly #blobs: BlobStore;
  readonly #indexes = new Map<Digest, TreeIndex>();

  constructor(session: Session, blobs: BlobStore) {
    this.#session = session;
    this.#blobs = blobs;
  }

  writer(options?: ArchiveOptions): TreeWriter {
    return new TreeWriter(this.#blobs.create(), options);
  }

  /** Stores a tree from entries in any order; directories that nobody named are made (0755). */
  write(entries: Iterable<EntryInput>): StoredBlob {
    const byPath = new Map<string, EntryInput>();
    for (const entry of entries) {
      if (byPath.has(entry.path)) throw new ArchiveError("comes twice", entry.path);
      byPath.set(entry.path, entry);
    }
    for (const path of [...byPath.keys()]) {
      for (let up = parentOf(path); up !== "" && !byPath.has(up); up = parentOf(up))
        byPath.set(up, { path: up, type: "directory" });
    }
    const writer = this.writer();
    for (const path of [...byPath.keys()].sort(compareUtf8))
      writer.add(byPath.get(path) as EntryInput);
    return writer.commit();
  }

  /** All entries in canonical order. Reads and verifies the whole tree the first time. */
  list(tree: Digest): TreeEntry[] {
    return [...this.#index(tree).values()].map(({ entry }) => entry);
  }

  /** A file's bytes; undefined when the tree has no regular file there. */
  readFile(tree: Digest, path: string): Buffer | undefined {
    const file = this.openFile(tree, path);
    if (file === undefined) return undefined;
    const bytes = Buffer.allocUnsafe(file.size);
    let filled = 0;
    for (const chunk of file.chunks) filled += chunk.copy(bytes, filled);
    return bytes;
  }

  /** As `readFile`, for content that should not be in memory at once. */
  openFile(tree: Digest, path: string): TreeFile | undefined {
    const found = this.#index(tree).get(path);
    if (found === undefined || found.entry.type !== "file") return undefined;
    return { entry: found.entry, size: found.entry.size, chunks: this.#readRange(tree, found) };
  }

  /**
   * Hands every entry of a tree to `visitor`, from the verified blob: what is made of it must be
   * given up when this throws.
   */
  visit(tree: Digest, visitor: ConstructorParameters<typeof ArchiveReader>[0]): void {
    const reader = new ArchiveReader(visitor);
    for (const chunk of this.#blobs.readChunks(tree)) reader.write(chunk);
    reader.end();
  }

  #index(tree: Digest): TreeIndex {
    const known = this.#indexes.get(tree);
    if (known !== undefined) return known;
    const index = new Map<string, IndexedEntry>();
    let current: { entry: ArchiveEntry; offset: number; digest: DigestStream } | undefined;
    const finish = (): void => {
      if (current === undefined) return;
      const { entry, offset, digest } = current;
      index.set(entry.path, { entry: { ...entry, digest: digest.digest() }, offset });
      current = undefined;
    };
    this.visit(tree, {
      entry: (entry, offset) => {
        finish();
        if (entry.type === "file" && entry.size > 0)
          current = { entry, offset, digest: new DigestStream() };
        else
          index.set(entry.path, {
            entry: entry.type === "file" ? { ...entry, digest: digestOf("") } : entry,
            offset,
          });
      },
      data: (chunk) => current?.digest.update(chunk),
    });
    finish();
    const oldest = this.#indexes.keys().next();
    if (this.#indexes.size >= KEPT_INDEXES && oldest.done !== true)
      this.#indexes.delete(oldest.value);
    this.#indexes.set(tree, index);
    return index;
  }

  *#readRange(tree: Digest, { entry, offset }: IndexedEntry): Generator<Buffer, void, undefined> {
    const path = this.#session.paths.blob(tree);
    const file = openRegular(path);
    if (typeof file === "string") throw new MissingBlobError(tree);
    try {
      const digest = new DigestStream();
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, entry.size));
      for (let done = 0; done < entry.size;) {
        const part = buffer.subarray(0, Math.min(buffer.byteLength, entry.size - done));
        const count = readFully(file.fd, part, offset + done);
        digest.update(part.subarray(0, count));
        if (count > 0) yield part.subarray(0, count);
        done += count;
        if (count < part.byteLength) break;
      }
      if (digest.digest() !== entry.digest) {
        this.#indexes.delete(tree);
        // The rest of the blob may be sound, but its name promises all of it.
        const problem = this.#blobs.check(tree) ?? `changed while "${entry.path}" was read`;
        throw new CorruptBlobError(path, tree, problem);
      }
    } finally {
      closeSync(file.fd);
    }
  }
}
