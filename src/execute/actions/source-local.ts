/**
 * Snapshots files of this machine into a tree, refusing bytes that changed since they were keyed.
 */
import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { digestOf, type EntryInput, type StoredBlob } from "../../../cache/index.js";
import type { ListedFile } from "../../keys/index.js";
import { NodeFailure } from "../../model/failure.js";
import type { ActionContext } from "../context.js";

/**
 * The tree of `files` below `directory`. Symbolic links stay links.
 *
 * Every file is read once, and its digest compared with the listing the node's key was made of: a
 * result is never recorded under a key that does not describe its bytes.
 * @throws NodeFailure when a file changed, disappeared or is not a file
 */
export function snapshotFiles(
  directory: string,
  files: readonly ListedFile[],
  ctx: ActionContext,
): StoredBlob {
  const items = files.map((file): EntryInput => {
    const path = join(directory, file.path);
    if (file.link !== undefined) {
      const target = lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
      if (target !== file.link) throw changed(path, file.link, target ?? "no link");
      return { path: file.path, type: "symlink", target };
    }
    const content = readRegular(path);
    const actual = digestOf(content);
    if (actual !== file.digest) throw changed(path, file.digest, actual);
    return { path: file.path, type: "file", mode: file.executable ? 0o755 : 0o644, content };
  });
  return ctx.store.writeTree(items);
}

function readRegular(path: string): Buffer {
  // A fifo would block the read for ever, a device has no bytes of its own.
  if (!lstatSync(path).isFile()) {
    throw new NodeFailure({ type: "missing-input", what: "regular file", path, candidates: [] });
  }
  return readFileSync(path);
}

function changed(path: string, expected: string, actual: string): NodeFailure {
  return new NodeFailure(
    { type: "checksum", what: `"${path}" changed while it was read`, expected, actual },
    "Build again once the file is at rest",
  );
}
