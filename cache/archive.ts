/**
 * The one canonical tar writer: trees and image layers are written here and nowhere else.
 *
 * Entries come in UTF-8 byte order of their paths, each once; owners are numbers, no names; no
 * extended attributes; two zero blocks end the archive. Knows no files and no store: bytes go to
 * a sink.
 */
import { encodeHeader, paddingOf, type ArchiveEntry, type EntryType } from "./archive-header.js";
import { checkEntryPath, checkLinks, parentOf } from "./entry-path.js";
import { ArchiveError } from "./errors.js";
import { compareUtf8, isWellFormed } from "./order.js";

/** Grows when the bytes written for the same entries change. Part of every key that has a tree. */
export const ARCHIVE_VERSION = 1;

export type { ArchiveEntry, EntryType } from "./archive-header.js";

/** Bytes of a file entry: at hand, or in chunks that add up to `size`. */
export type Content = Uint8Array | { readonly chunks: Iterable<Uint8Array>; readonly size: number };

export interface EntryInput {
  /** Relative, without a trailing slash. */
  readonly path: string;
  readonly type: EntryType;
  /** Default: 0755 for directories, 0777 for links, 0644 for files. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** A file's bytes; absent: empty. */
  readonly content?: Content;
  /** Where a link leads. */
  readonly target?: string;
}

export interface ArchiveOptions {
  /** Time stamp of every entry in seconds since 1970. Default 0. */
  readonly mtime?: number;
  /**
   * Whether the archive is a tree of its own (default): the directory of every entry precedes
   * it, and links stay inside. A layer lies over others, so it may leave both to them.
   */
  readonly kind?: "tree" | "layer";
}

const DEFAULT_MODES = { directory: 0o755, symlink: 0o777, file: 0o644 } as const;
const MAX_TARGET_BYTES = 4095;
const MAX_ID = 2 ** 32 - 2;
const MAX_TIME = 2 ** 33;
const ZEROS = Buffer.alloc(1024);

/** Writes entries to `sink` as they are added. Chunks given to the sink are only lent to it. */
export class ArchiveWriter {
  readonly #sink: (chunk: Uint8Array) => void;
  readonly #mtime: number;
  readonly #isTree: boolean;
  readonly #directories = new Set<string>([""]);
  readonly #links = new Map<string, string>();
  #last: string | undefined;

  constructor(sink: (chunk: Uint8Array) => void, options: ArchiveOptions = {}) {
    this.#sink = sink;
    this.#mtime = checkNumber(options.mtime ?? 0, MAX_TIME, "mtime", "");
    this.#isTree = (options.kind ?? "tree") === "tree";
  }

  /**
   * Appends one entry.
   *
   * @throws ArchiveError when the path or a field cannot be written faithfully, when the entry
   * is out of order or a duplicate, or when its content is not as long as announced.
   */
  add(input: EntryInput): void {
    const entry = this.#checked(input);
    this.#sink(encodeHeader(entry));
    if (entry.type !== "file" || input.content === undefined) return;
    let written = 0;
    if (input.content instanceof Uint8Array) {
      this.#sink(input.content);
      written = input.content.byteLength;
    } else {
      for (const chunk of input.content.chunks) {
        this.#sink(chunk);
        written += chunk.byteLength;
      }
    }
    if (written !== entry.size)
      throw new ArchiveError(`has ${written} bytes, announced ${entry.size}`, entry.path);
    const padding = paddingOf(entry.size);
    if (padding > 0) this.#sink(ZEROS.subarray(0, padding));
  }

  /**
   * Ends the archive.
   *
   * @throws ArchiveError when a link of a tree leads out of it.
   */
  end(): void {
    if (this.#isTree) checkLinks(this.#links);
    this.#sink(ZEROS);
  }

  #checked(input: EntryInput): ArchiveEntry {
    const { path, type } = input;
    checkEntryPath(path);
    this.#checkPlace(path);
    if (type === "directory") this.#directories.add(path);
    const entry = {
      path,
      type,
      mode: checkNumber(input.mode ?? DEFAULT_MODES[type], 0o7777, "mode", path),
      uid: checkNumber(input.uid ?? 0, MAX_ID, "uid", path),
      gid: checkNumber(input.gid ?? 0, MAX_ID, "gid", path),
      size: 0,
      mtime: this.#mtime,
    };
    if (type === "symlink") {
      const target = checkTarget(path, input.target);
      this.#links.set(path, target);
      return { ...entry, target };
    }
    if (input.target !== undefined) throw new ArchiveError(`is a ${type} with a link target`, path);
    const content = input.content;
    if (content === undefined) return entry;
    if (type !== "file") throw new ArchiveError(`is a ${type} with content`, path);
    const size = content instanceof Uint8Array ? content.byteLength : content.size;
    return { ...entry, size: checkNumber(size, Number.MAX_SAFE_INTEGER, "size", path) };
  }

  #checkPlace(path: string): void {
    const last = this.#last;
    if (last !== undefined) {
      const order = compareUtf8(path, last);
      if (order === 0) throw new ArchiveError("comes twice", path);
      if (order < 0)
        throw new ArchiveError(`comes after "${last}": entries go in UTF-8 byte order`, path);
    }
    if (this.#isTree && !this.#directories.has(parentOf(path))) {
      throw new ArchiveError("comes without the directory that holds it", path);
    }
    // A layer may leave directories to the layers below, but not write through its own links and files.
    if (!this.#isTree) this.#checkAncestors(path);
    this.#last = path;
  }

  #checkAncestors(path: string): void {
    for (let up = parentOf(path); up !== ""; up = parentOf(up)) {
      if (this.#links.has(up)) throw new ArchiveError(`lies below the link "${up}"`, path);
      if (this.#directories.has(up)) return;
    }
  }
}

function checkNumber(value: number, max: number, name: string, path: string): number {
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new ArchiveError(`has ${name} ${value}, not 0 to ${max}`, path);
  return value;
}

function checkTarget(path: string, target: string | undefined): string {
  if (target === undefined || target === "") throw new ArchiveError("is a link to nowhere", path);
  if (
    !isWellFormed(target) ||
    target.includes("\0") ||
    Buffer.byteLength(target) > MAX_TARGET_BYTES
  ) {
    throw new ArchiveError("is a link whose target cannot be written", path);
  }
  return target;
}
