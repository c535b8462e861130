/**
 * A directory of this machine as a tree: names, content, executable bits and links; nothing else
 * of it gets in, neither owners nor times nor the order in which the disk lists it.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from "node:fs";
import type { EntryInput } from "./archive.js";
import type { StoredBlob } from "./blob-writer.js";
import { ArchiveError, storage } from "./errors.js";
import { compareUtf8 } from "./order.js";
import type { TreeStore } from "./tree.js";

export interface CaptureOptions {
  /**
   * Which files and links get in, by path relative to the directory. With a filter, directories
   * get in only for what they hold; without one, empty ones do too.
   */
  readonly filter?: (relativePath: string) => boolean;
  /** Directories that are not even looked into. */
  readonly prune?: (relativePath: string) => boolean;
}

interface Found {
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  readonly stats: Stats;
}

const CHUNK = 1024 * 1024;

/**
 * Stores the directory at `root` as a tree.
 *
 * @throws ArchiveError naming a device, pipe or socket, a name that is not UTF-8, a link that
 * leaves the directory, or a file that changed while it was read.
 */
export function captureTree(
  trees: TreeStore,
  root: string,
  options: CaptureOptions = {},
): StoredBlob {
  const found: Found[] = [];
  walk(root, "", options, found);
  found.sort((a, b) => compareUtf8(a.path, b.path));
  const writer = trees.writer();
  try {
    for (const item of found) writer.add(entryOf(root, item));
  } catch (error) {
    writer.abort();
    throw error;
  }
  return writer.commit();
}

/** Appends what lies in `relative`; true when that is anything. */
function walk(root: string, relative: string, options: CaptureOptions, found: Found[]): boolean {
  const directory = relative === "" ? root : `${root}/${relative}`;
  // As bytes: a name that is not UTF-8 would come back changed and then be missing.
  const names = storage("list", directory, () => readdirSync(directory, "buffer"));
  let holdsAny = false;
  for (const bytes of names) {
    const name = bytes.toString("utf8");
    if (!bytes.equals(Buffer.from(name)))
      throw new ArchiveError(`holds a name that is not UTF-8: ${bytes.toString("hex")}`, directory);
    const path = relative === "" ? name : `${relative}/${name}`;
    const stats = storage("stat", path, () => lstatSync(`${directory}/${name}`));
    if (stats.isDirectory()) {
      if (options.prune?.(path) === true) continue;
      const at = found.length;
      const isFilled = walk(root, path, options, found);
      if (!isFilled && options.filter !== undefined) continue;
      found.splice(at, 0, { path, type: "directory", stats });
    } else {
      if (options.filter !== undefined && !options.filter(path)) continue;
      if (!stats.isFile() && !stats.isSymbolicLink())
        throw new ArchiveError("is neither a file, a directory nor a symbolic link", path);
      found.push({ path, type: stats.isFile() ? "file" : "symlink", stats });
    }
    holdsAny = true;
  }
  return holdsAny;
}

function entryOf(root: string, { path, type, stats }: Found): EntryInput {
  if (type === "directory") return { path, type };
  const full = `${root}/${path}`;
  if (type === "symlink") {
    const bytes = storage("read", full, () => readlinkSync(full, "buffer"));
    const target = bytes.toString("utf8");
    if (!bytes.equals(Buffer.from(target)))
      throw new ArchiveError("is a link whose target is not UTF-8", path);
    return { path, type, target };
  }
  const mode = (stats.mode & 0o111) === 0 ? 0o644 : 0o755;
  return {
    path,
    type,
    mode,
    content: { size: stats.size, chunks: readUnchanged(full, path, stats) },
  };
}

function* readUnchanged(
  full: string,
  path: string,
  expected: Stats,
): Generator<Buffer, void, undefined> {
  const fd = storage("open", full, () =>
    openSync(full, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
  );
  try {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, expected.size)));
    for (;;) {
      const count = storage("read", full, () => readSync(fd, buffer, 0, buffer.byteLength, null));
      if (count === 0) break;
      yield buffer.subarray(0, count);
    }
    const now = fstatSync(fd);
    const isSame =
      now.ino === expected.ino &&
      now.size === expected.size &&
      now.mtimeMs === expected.mtimeMs &&
      now.ctimeMs === expected.ctimeMs;
    if (!isSame) throw new ArchiveError("changed while it was read", path);
  } finally {
    closeSync(fd);
  }
}
