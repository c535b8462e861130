/**
 * Lists the files of a live directory: what a `source` of this machine consists of.
 *
 * Symbolic links are data and never followed. The order is that of the UTF-8 bytes of the paths,
 * so that no locale and no directory order can reach a key.
 */
import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";
import picomatch from "picomatch";

export interface WalkedFile {
  /** Relative to the walked directory, `/` separated. */
  readonly path: string;
  readonly absolute: string;
  readonly stats: Stats;
  /** Target of a symbolic link. */
  readonly link?: string;
}

/** A name that cannot be in a portable tree, or a file that is neither regular nor a link. */
export class UnsupportedFileError extends Error {
  override readonly name = "UnsupportedFileError";
  readonly code = "KMIPS_UNSUPPORTED_FILE";
  readonly path: string;
  constructor(path: string, what: string) {
    super(`Cannot use "${path}" as a source: ${what}`);
    this.path = path;
  }
}

/**
 * Files below `base` that match one of `include` and none of `exclude` (globs relative to it;
 * an empty `include` means all). `onDirectory` is told every directory that was read, because
 * the listing is only as fresh as they are. `.git` is never part of a source.
 * Undefined when `base` is no directory.
 * @throws UnsupportedFileError for sockets, devices, pipes and names that are not UTF-8
 */
export function walkDirectory(
  base: string,
  include: readonly string[],
  exclude: readonly string[],
  onDirectory: (path: string) => void = () => undefined,
): WalkedFile[] | undefined {
  const included = include.length === 0 ? () => true : picomatch([...include], { dot: true });
  const excluded = exclude.length === 0 ? () => false : picomatch([...exclude], { dot: true });
  const files: WalkedFile[] = [];
  const pending = [""];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const absolute = join(base, directory);
    let entries;
    try {
      entries = readdirSync(absolute, { withFileTypes: true });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (directory === "" && (code === "ENOENT" || code === "ENOTDIR")) return undefined;
      throw error;
    }
    onDirectory(absolute);
    for (const entry of entries) {
      const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
      if (entry.name.includes("\uFFFD"))
        throw new UnsupportedFileError(join(base, path), "its name is not UTF-8");
      if (entry.isDirectory()) {
        if (entry.name !== ".git" && !excluded(`${path}/`) && !excluded(path)) pending.push(path);
        continue;
      }
      if (!included(path) || excluded(path)) continue;
      files.push(describeFile(base, path));
    }
  }
  return files.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

/** One file by its path relative to `base`; undefined when it is absent. */
export function walkFile(base: string, path: string): WalkedFile | undefined {
  try {
    return describeFile(base, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

function describeFile(base: string, path: string): WalkedFile {
  const absolute = join(base, path);
  const stats = lstatSync(absolute);
  if (stats.isSymbolicLink()) return { path, absolute, stats, link: readlinkSync(absolute) };
  if (!stats.isFile())
    throw new UnsupportedFileError(absolute, "it is neither a file nor a symbolic link");
  return { path, absolute, stats };
}
