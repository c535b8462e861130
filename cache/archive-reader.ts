/**
 * The strict reader of canonical archives: accepts exactly what `ArchiveWriter` writes.
 *
 * Every header is decoded, encoded again and compared, so there is one archive for one list of
 * entries and nothing to disagree about between readers. Foreign tars: archive-import.ts.
 */
import {
  BLOCK,
  encodeHeader,
  paddingOf,
  type ArchiveEntry,
  type EntryType,
} from "./archive-header.js";
import { checkEntryPath, checkLinks, parentOf } from "./entry-path.js";
import { ArchiveError } from "./errors.js";
import { compareUtf8 } from "./order.js";

export interface ArchiveVisitor {
  /** One entry; a file's bytes follow. `offset` is where its content starts in the archive. */
  entry(entry: ArchiveEntry, offset: number): void;
  /** Some bytes of the file entry before; the chunk is only lent. */
  data?(chunk: Buffer): void;
}

/** What an archive may hold before it is refused. */
export const ARCHIVE_LIMITS = { entries: 1_000_000, paxBytes: 64 * 1024 } as const;

type State = "header" | "pax" | "content" | "padding" | "end" | "done";

/** Push parser: `write` every chunk, then `end`. */
export class ArchiveReader {
  readonly #visitor: ArchiveVisitor;
  readonly #isTree: boolean;
  readonly #directories = new Set<string>([""]);
  readonly #links = new Map<string, string>();
  #state: State = "header";
  /** Bytes of the item being gathered, and how many it takes. */
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #wanted = BLOCK;
  #pax: { readonly blocks: Buffer; readonly records: ReadonlyMap<string, string> } | undefined;
  #paxBlock: Buffer | undefined;
  #left = 0;
  #padding = 0;
  #offset = 0;
  #entries = 0;
  #last: string | undefined;
  #mtime: number | undefined;

  constructor(visitor: ArchiveVisitor, kind: "tree" | "layer" = "tree") {
    this.#visitor = visitor;
    this.#isTree = kind === "tree";
  }

  /** @throws ArchiveError at the first byte that is not canonical. */
  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.byteLength) {
      if (this.#state === "content" || this.#state === "padding") {
        const take = Math.min(this.#left, chunk.byteLength - at);
        const part = chunk.subarray(at, at + take);
        if (this.#state === "content") this.#visitor.data?.(part);
        else if (!isZero(part)) throw new ArchiveError("has bytes between two entries", this.#last);
        this.#left -= take;
        at += take;
        this.#offset += take;
        if (this.#left === 0) this.#leave();
      } else {
        if (this.#state === "done") throw new ArchiveError("there are bytes after its end");
        const take = Math.min(this.#wanted - this.#gatheredBytes, chunk.byteLength - at);
        at = this.#gather(chunk, at, take);
      }
    }
  }

  /** @throws ArchiveError when the archive is cut short, or a link of a tree leads out of it. */
  end(): void {
    if (this.#state !== "done") throw new ArchiveError("it is cut short", this.#last);
    if (this.#isTree) checkLinks(this.#links);
  }

  /** Moves on from content to its padding, and from padding to the next header. */
  #leave(): void {
    if (this.#state === "content" && this.#padding > 0) {
      this.#state = "padding";
      this.#left = this.#padding;
    } else {
      this.#state = "header";
      this.#wanted = BLOCK;
    }
  }

  #gather(chunk: Buffer, at: number, take: number): number {
    const part = chunk.subarray(at, at + take);
    this.#offset += take;
    let item: Buffer;
    if (this.#gatheredBytes === 0 && take === this.#wanted) {
      item = part;
    } else {
      // The chunk is only lent: what outlives this call is copied.
      this.#gathered.push(Buffer.from(part));
      this.#gatheredBytes += take;
      if (this.#gatheredBytes < this.#wanted) return at + take;
      item = Buffer.concat(this.#gathered);
      this.#gathered = [];
      this.#gatheredBytes = 0;
    }
    this.#take(item);
    return at + take;
  }

  #take(item: Buffer): void {
    if (this.#state === "end") {
      if (!isZero(item)) throw new ArchiveError("its end is one zero block, not two", this.#last);
      this.#state = "done";
    } else if (this.#state === "pax") {
      const size = octal(this.#paxBlock as Buffer, 124, 12);
      this.#pax = {
        blocks: Buffer.concat([this.#paxBlock as Buffer, item]),
        records: paxRecords(item.subarray(0, size)),
      };
      this.#state = "header";
      this.#wanted = BLOCK;
    } else if (isZero(item)) {
      if (this.#pax !== undefined) throw new ArchiveError("it ends after a PAX header", this.#last);
      this.#state = "end";
    } else if (item[156] === 0x78 && this.#pax === undefined) {
      const size = octal(item, 124, 12);
      if (!(size > 0 && size <= ARCHIVE_LIMITS.paxBytes))
        throw new ArchiveError("has a PAX header of no sensible size", this.#last);
      this.#paxBlock = Buffer.from(item);
      this.#state = "pax";
      this.#wanted = size + paddingOf(size);
    } else {
      this.#header(item);
    }
  }

  #header(block: Buffer): void {
    const records = this.#pax?.records ?? new Map<string, string>();
    const entry = decodeHeader(block, records);
    const found = this.#pax === undefined ? block : Buffer.concat([this.#pax.blocks, block]);
    if (!encodeHeader(entry).equals(found))
      throw new ArchiveError("has a header that kmips would not write", entry.path);
    this.#pax = undefined;
    this.#accept(entry);
    this.#visitor.entry(entry, this.#offset);
    this.#padding = paddingOf(entry.size);
    this.#left = entry.size;
    if (entry.size > 0) this.#state = "content";
  }

  #accept(entry: ArchiveEntry): void {
    checkEntryPath(entry.path);
    if (++this.#entries > ARCHIVE_LIMITS.entries)
      throw new ArchiveError("has too many entries", entry.path);
    if (this.#last !== undefined && compareUtf8(entry.path, this.#last) <= 0) {
      throw new ArchiveError(
        `comes after "${this.#last}": entries go in UTF-8 byte order`,
        entry.path,
      );
    }
    this.#last = entry.path;
    this.#mtime ??= entry.mtime;
    if (entry.mtime !== this.#mtime)
      throw new ArchiveError("has another time than the entry before", entry.path);
    if (this.#isTree && !this.#directories.has(parentOf(entry.path))) {
      throw new ArchiveError("comes without the directory that holds it", entry.path);
    }
    if (entry.type === "directory") this.#directories.add(entry.path);
    if (entry.target !== undefined) this.#links.set(entry.path, entry.target);
  }
}

const TYPES: ReadonlyMap<number, EntryType> = new Map([
  [0x30, "file"],
  [0x32, "symlink"],
  [0x35, "directory"],
]);

/** Decodes leniently: the caller compares the entry's encoding with the block. */
function decodeHeader(block: Buffer, pax: ReadonlyMap<string, string>): ArchiveEntry {
  const prefix = text(block, 345, 155);
  const name = text(block, 0, 100);
  let path = pax.get("path") ?? (prefix === "" ? name : `${prefix}/${name}`);
  const type = TYPES.get(block[156] as number);
  if (type === undefined)
    throw new ArchiveError("is neither a file, a directory nor a symbolic link", path);
  if (type === "directory" && path.endsWith("/")) path = path.slice(0, -1);
  const entry = {
    path,
    type,
    mode: octal(block, 100, 8),
    uid: number(pax.get("uid")) ?? octal(block, 108, 8),
    gid: number(pax.get("gid")) ?? octal(block, 116, 8),
    size: size(block),
    mtime: number(pax.get("mtime")) ?? octal(block, 136, 12),
  };
  return type === "symlink"
    ? { ...entry, target: pax.get("linkpath") ?? text(block, 157, 100) }
    : entry;
}

function text(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at);
  return block.toString("utf8", at, end < 0 || end > at + length ? at + length : end);
}

/** The value of an octal field, NaN when it is none: such an entry never encodes to its block. */
function octal(block: Buffer, at: number, length: number): number {
  const digits = block.toString("latin1", at, at + length).replace(/[ \0]+$/, "");
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** The size field; from 8 GiB on it is a binary number. */
function size(block: Buffer): number {
  if (block[124] !== 0x80) return octal(block, 124, 12);
  return Number(block.readBigUInt64BE(128));
}

function number(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function paxRecords(bytes: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.byteLength;) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(bytes.toString("latin1", at, space));
    const equals = bytes.indexOf(0x3d, space);
    if (!(
      Number.isInteger(length) &&
      length > space - at + 1 &&
      at + length <= bytes.byteLength &&
      equals > 0 &&
      equals < at + length
    )) {
      throw new ArchiveError("has a malformed PAX header");
    }
    const name = bytes.toString("utf8", space + 1, equals);
    if (records.has(name)) throw new ArchiveError(`has two PAX records "${name}"`);
    records.set(name, bytes.toString("utf8", equals + 1, at + length - 1));
    at += length;
  }
  return records;
}

const ZERO_BLOCK = Buffer.alloc(BLOCK);

function isZero(bytes: Buffer): boolean {
  return bytes.byteLength <= BLOCK
    ? bytes.equals(ZERO_BLOCK.subarray(0, bytes.byteLength))
    : bytes.every((byte) => byte === 0);
}
