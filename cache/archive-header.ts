/**
 * One tar header: entry to blocks, the same blocks for the same entry on every machine.
 *
 * The blocks are tar-stream's. Its defaults are not: it writes mode 0 as 0644, time 0 as now,
 * cuts user ids above 262143 and times from 2038 on, so everything a plain header cannot hold
 * goes into a PAX record here.
 */
import { pack, type Header } from "tar-stream";

export type EntryType = "file" | "directory" | "symlink";

export interface ArchiveEntry {
  /** Relative, without a trailing slash. */
  readonly path: string;
  readonly type: EntryType;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content; 0 unless a file. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Where a symbolic link leads. */
  readonly target?: string;
}

export const BLOCK = 512;
const MAX_PLAIN_ID = 0o777777;
const MAX_PLAIN_TIME = 2 ** 31 - 1;

/**
 * tar-stream's packer is a stream and hands out bytes only from the event loop. The store writes
 * synchronously (an entry may be a whole file system), so this instance hands each block over at
 * once. `_encode` is the packer's step from header to blocks; test/cache/archive.test.ts pins it.
 */
interface HeaderPacker {
  push(block: Buffer): boolean;
  _encode(header: Partial<Omit<Header, "linkname">> & { linkname: string | null }): void;
}

let blocks: Buffer[] = [];
let packer: HeaderPacker | undefined;

function headerPacker(): HeaderPacker {
  if (packer === undefined) {
    packer = pack() as unknown as HeaderPacker;
    packer.push = (block) => blocks.push(block) > 0;
  }
  return packer;
}

/** The header blocks of an entry, preceded by its PAX header when a plain one cannot hold it. */
export function encodeHeader(entry: ArchiveEntry): Buffer {
  const pax: Record<string, string> = {};
  if (entry.gid > MAX_PLAIN_ID) pax["gid"] = String(entry.gid);
  if (entry.mtime > MAX_PLAIN_TIME) pax["mtime"] = String(entry.mtime);
  if (entry.uid > MAX_PLAIN_ID) pax["uid"] = String(entry.uid);
  blocks = [];
  headerPacker()._encode({
    name: entry.type === "directory" ? `${entry.path}/` : entry.path,
    type: entry.type,
    mode: entry.mode,
    uid: entry.uid > MAX_PLAIN_ID ? 0 : entry.uid,
    gid: entry.gid > MAX_PLAIN_ID ? 0 : entry.gid,
    size: entry.size,
    mtime: new Date(entry.mtime > MAX_PLAIN_TIME ? 0 : entry.mtime * 1000),
    linkname: entry.target ?? null,
    uname: "",
    gname: "",
    pax: Object.keys(pax).length === 0 ? null : pax,
  });
  const header = blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks);
  blocks = [];
  return header;
}

/** Zero bytes that fill the last block of `size` bytes of content. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
