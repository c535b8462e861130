/**
 * Foreign tars to trees: read with suspicion, written anew in canonical form.
 *
 * tar-stream decodes; what it is lenient about is refused here: bytes after the end, a missing
 * end, repeated names, unknown types, sizes that the PAX header and the plain one disagree about.
 */
import { closeSync } from "node:fs";
import { extract, type Header } from "tar-stream";
import type { EntryInput } from "./archive.js";
import { BLOCK, paddingOf } from "./archive-header.js";
import type { StoredBlob } from "./blob-writer.js";
import { checkEntryPath } from "./entry-path.js";
import { ArchiveError, storage } from "./errors.js";
import { createExclusive, openRegular, readFully, removeQuietly, writeFully } from "./files.js";
import type { Session } from "./session.js";
import type { TreeStore } from "./tree.js";

export interface ImportOptions {
  /** How many leading components of every path go; entries with no more than that are left out. */
  readonly strip?: number;
  /** Bytes of content that the archive may unpack to. Default 16 GiB. */
  readonly limitBytes?: number;
  /** Entries that the archive may hold. Default one million. */
  readonly limitEntries?: number;
}

const DEFAULT_LIMIT_BYTES = 16 * 1024 ** 3;
const DEFAULT_LIMIT_ENTRIES = 1_000_000;
const CHUNK = 1024 * 1024;

/** Where a file's content lies in the spool. */
interface Range {
  readonly offset: number;
  readonly size: number;
}

interface Imported {
  readonly path: string;
  readonly type: EntryInput["type"];
  /** As the archive says; directories and links of a tree have the usual one. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly range?: Range;
  readonly target?: string;
}

/** An entry of an image layer that another tool wrote: owner and mode as they are there. */
export interface LayerEntry {
  readonly path: string;
  readonly type: EntryInput["type"];
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a symbolic link. */
  readonly target?: string;
  /** Of a regular file; readable until the store is closed, any number of times. */
  readonly content?: { readonly size: number; readonly chunks: Iterable<Buffer> };
}

/** Reads the tar in `chunks` and stores its tree. Nothing is written but below the lease's own directory. */
export async function importArchive(
  session: Session,
  trees: TreeStore,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<StoredBlob> {
  await session.lease.hold();
  const spool = session.temporaryPath();
  try {
    const entries = await readArchive(chunks, spool, options);
    return writeEntries(trees, spool, entries);
  } finally {
    removeQuietly(spool);
  }
}

/**
 * Reads an image layer that another tool wrote (already decompressed), whiteouts as the files that
 * stand for them. Hard links become copies; devices and pipes are left out, extended attributes go.
 *
 * @throws ArchiveError naming the entry that is malformed or hostile.
 */
export async function readForeignLayer(
  session: Session,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<LayerEntry[]> {
  await session.lease.hold();
  const spool = session.temporaryPath();
  const entries = await readArchive(chunks, spool, { specialFiles: "leave-out" });
  return [...entries.values()].map(({ range, ...entry }) =>
    range === undefined
      ? entry
      : {
          ...entry,
          content: {
            size: range.size,
            chunks: { [Symbol.iterator]: () => readSpool(spool, range) },
          },
        },
  );
}

function* readSpool(spool: string, range: Range): Generator<Buffer, void, undefined> {
  const file = openRegular(spool);
  if (typeof file === "string") throw new ArchiveError("its unpacked content is gone");
  try {
    yield* readRange(file.fd, range);
  } finally {
    closeSync(file.fd);
  }
}

/** Content goes to a spool as it comes, because a tree is written in another order. */
async function readArchive(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  spool: string,
  options: ImportOptions & { readonly specialFiles?: "leave-out" },
): Promise<Map<string, Imported>> {
  const {
    strip = 0,
    limitBytes = DEFAULT_LIMIT_BYTES,
    limitEntries = DEFAULT_LIMIT_ENTRIES,
  } = options;
  const fd = createExclusive(spool);
  const entries = new Map<string, Imported>();
  const walker = new HeaderWalker();
  const decoder = extract();
  let written = 0;
  let count = 0;
  try {
    const feeding = feed(chunks, walker, decoder);
    // Awaited below; until then a failure must not count as unhandled.
    feeding.catch(() => undefined);
    try {
      for await (const source of decoder) {
        const { header } = source;
        if (++count > limitEntries) throw new ArchiveError(`has more than ${limitEntries} entries`);
        if (isSparse(header)) throw new ArchiveError("is a sparse file", header.name);
        if (header.size !== walker.sizes.shift())
          throw new ArchiveError("has two sizes", header.name);
        const range = { offset: written, size: header.size };
        for await (const chunk of source as AsyncIterable<Buffer>) {
          written += chunk.byteLength;
          if (written > limitBytes)
            throw new ArchiveError(`unpacks to more than ${limitBytes} bytes`, header.name);
          storage("write", spool, () => writeFully(fd, chunk));
        }
        const path = strippedPath(header.name, strip);
        if (path === undefined || (options.specialFiles !== undefined && isSpecial(header)))
          continue;
        if (entries.has(path)) throw new ArchiveError("comes twice", path);
        entries.set(path, imported(path, header, range, entries, strip));
      }
    } catch (error) {
      decoder.destroy(null);
      // What the feeder ran into first is what is wrong; otherwise it only saw the stream go.
      await feeding.catch((reason: unknown) => {
        if (reason instanceof ArchiveError) throw reason;
      });
      throw error instanceof ArchiveError || !(error instanceof Error) || "code" in error
        ? error
        : new ArchiveError(error.message, undefined);
    }
    await feeding;
    return entries;
  } finally {
    closeSync(fd);
  }
}

/** Hands the archive to the decoder, each chunk only after the walker has seen it. */
async function feed(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  walker: HeaderWalker,
  decoder: ReturnType<typeof extract>,
): Promise<void> {
  try {
    for await (const chunk of chunks) {
      const content = Buffer.from(chunk);
      walker.follow(content);
      if (content.byteLength > 0 && !decoder.write(content)) {
        await new Promise<void>((resolve) => {
          decoder.once("drain", resolve);
          decoder.once("close", resolve);
        });
      }
      if (decoder.destroyed) return;
    }
    walker.end();
    decoder.end(undefined);
  } catch (error) {
    decoder.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

/**
 * Follows the plain headers of a tar from block to block: where the archive ends, and what size
 * each entry has by its own header.
 */
class HeaderWalker {
  readonly sizes: number[] = [];
  #pending = Buffer.alloc(0);
  #skip = 0;
  #zeroBlocks = 0;

  /** @throws ArchiveError for bytes after the end marker, which the decoder would take for entries. */
  follow(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.byteLength) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.byteLength - at);
        this.#skip -= step;
        at += step;
        continue;
      }
      const step = Math.min(BLOCK - this.#pending.byteLength, chunk.byteLength - at);
      this.#pending = Buffer.concat([this.#pending, chunk.subarray(at, at + step)]);
      at += step;
      if (this.#pending.byteLength < BLOCK) break;
      this.#block(this.#pending);
      this.#pending = Buffer.alloc(0);
    }
  }

  /** @throws ArchiveError when the archive is cut short. */
  end(): void {
    if (this.#skip > 0 || this.#zeroBlocks < 2 || this.#pending.byteLength > 0)
      throw new ArchiveError("it is cut short");
  }

  #block(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      this.#zeroBlocks++;
      return;
    }
    if (this.#zeroBlocks > 0) throw new ArchiveError("there are bytes after its end");
    const size = sizeField(block);
    const type = String.fromCharCode(block[156] as number);
    this.#skip = size + paddingOf(size);
    if (!"xgLK".includes(type)) this.sizes.push(size);
  }
}

function sizeField(block: Buffer): number {
  const field = block.subarray(124, 136);
  const size =
    ((field[0] as number) & 0x80) !== 0
      ? Number(field.readBigUInt64BE(4))
      : Number.parseInt(field.toString("latin1").trim() || "0", 8);
  if (!Number.isSafeInteger(size) || size < 0)
    throw new ArchiveError("has a header without a sensible size");
  return size;
}

/** GNU tar's sparse files come as ordinary ones that start with a map of holes. */
function isSparse({ pax }: Header): boolean {
  return (
    typeof pax === "object" &&
    pax !== null &&
    Object.keys(pax).some((name) => name.startsWith("GNU.sparse."))
  );
}

function isSpecial({ type }: Header): boolean {
  return type === "character-device" || type === "block-device" || type === "fifo";
}

/** The path without its first `strip` components; undefined when nothing is left. */
function strippedPath(name: string, strip: number): string | undefined {
  if (name.includes("\ufffd")) throw new ArchiveError("is not valid UTF-8", name);
  const plain = name.replace(/^(\.\/)+/, "").replace(/\/+$/, "");
  if (plain === "" || plain === ".") {
    if (name.startsWith("/")) throw new ArchiveError("is an absolute path", name);
    return undefined;
  }
  checkEntryPath(plain);
  const path = plain.split("/").slice(strip).join("/");
  return path === "" ? undefined : path;
}

function imported(
  path: string,
  header: Header,
  range: Range,
  earlier: ReadonlyMap<string, Imported>,
  strip: number,
): Imported {
  const owned = { path, mode: header.mode & 0o7777, uid: header.uid, gid: header.gid };
  switch (header.type) {
    case "file":
    case "contiguous-file":
      return { ...owned, type: "file", range };
    case "directory":
      return { ...owned, type: "directory" };
    case "symlink":
      return { ...owned, type: "symlink", mode: 0o777, target: header.linkname };
    case "link": {
      const to = strippedPath(header.linkname, strip);
      const original = to === undefined ? undefined : earlier.get(to);
      if (original?.range === undefined)
        throw new ArchiveError("is a hard link to no earlier file of the archive", path);
      return { ...original, path };
    }
    default:
      throw new ArchiveError("is neither a file, a directory nor a link", path);
  }
}

function writeEntries(
  trees: TreeStore,
  spool: string,
  entries: ReadonlyMap<string, Imported>,
): StoredBlob {
  const file = openRegular(spool);
  if (typeof file === "string") throw new ArchiveError("its unpacked content is gone");
  try {
    const inputs = [...entries.values()].map((entry): EntryInput => {
      const { path, type, range, target } = entry;
      const mode = type === "symlink" ? 0o777 : treeMode(entry);
      if (range !== undefined)
        return {
          path,
          type,
          mode,
          content: { size: range.size, chunks: readRange(file.fd, range) },
        };
      return target === undefined ? { path, type, mode } : { path, type, mode, target };
    });
    return trees.write(inputs);
  } finally {
    closeSync(file.fd);
  }
}

/** Trees know two modes of files, and one of directories. */
function treeMode({ type, mode }: Imported): number {
  return type === "directory" || (mode & 0o111) !== 0 ? 0o755 : 0o644;
}

function* readRange(fd: number, { offset, size }: Range): Generator<Buffer, void, undefined> {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size));
  for (let done = 0; done < size; done += buffer.byteLength) {
    const part = buffer.subarray(0, Math.min(buffer.byteLength, size - done));
    if (readFully(fd, part, offset + done) < part.byteLength) return;
    yield part;
  }
}
