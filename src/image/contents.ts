/**
 * The bytes that go into a layer, wherever they come from: blobs, members of tree blobs, files of
 * this machine, text. Read in chunks: no file is ever in memory as a whole.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Content, Digest, Output, Store, TreeEntry } from "../../cache/index.js";
import { NodeFailure } from "../model/failure.js";
import { invariant } from "../model/invariant.js";

const CHUNK_BYTES = 1024 * 1024;

/** A regular file to be: its bytes, and whether it is by nature a program. */
export interface FileContent {
  readonly content: Content;
  readonly executable: boolean;
}

/** The bytes of an output, verified as they are read. */
export function contentOfOutput(store: Store, output: Output): FileContent {
  return {
    content: {
      chunks: { [Symbol.iterator]: () => store.readChunks(output.digest) },
      size: output.size,
    },
    executable: output.executable ?? false,
  };
}

/** The bytes of a text, as UTF-8. */
export function contentOfText(text: string): FileContent {
  return { content: Buffer.from(text), executable: false };
}

/**
 * The bytes of a file of this machine.
 *
 * @throws NodeFailure when it is not there or no regular file.
 */
export function contentOfLocal(path: string): FileContent {
  const fd = openLocal(path);
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) throw missing(path);
    return {
      content: {
        chunks: { [Symbol.iterator]: () => readFile(path, found.size) },
        size: found.size,
      },
      executable: (found.mode & 0o111) !== 0,
    };
  } finally {
    closeSync(fd);
  }
}

/** The bytes of a regular file of a tree, verified as they are read. */
export function contentOfMember(store: Store, tree: Digest, member: TreeEntry): FileContent {
  const file = store.openTreeFile(tree, member.path);
  invariant(file !== undefined, `The tree has no file "${member.path}"`);
  return {
    content: { chunks: file.chunks, size: file.size },
    executable: (member.mode & 0o111) !== 0,
  };
}

/** `size` bytes of a file in chunks of one reused buffer; fewer when it has become shorter. */
function* readFile(path: string, size: number): Generator<Buffer> {
  const fd = openSync(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(Math.min(size, CHUNK_BYTES));
    for (let done = 0; done < size;) {
      const read = readSync(fd, buffer, 0, Math.min(buffer.length, size - done), done);
      if (read === 0) return;
      yield buffer.subarray(0, read);
      done += read;
    }
  } finally {
    closeSync(fd);
  }
}

function openLocal(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") throw missing(path);
    throw error;
  }
}

function missing(path: string): NodeFailure {
  return new NodeFailure({ type: "missing-input", what: "The image", path, candidates: [] });
}
