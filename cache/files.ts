/**
 * Single files on disk: opened without trusting what stands there, written so that a crash
 * leaves the old content or the new.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
  type Stats,
} from "node:fs";
import { dirname } from "node:path";
import { errnoOf, storage } from "./errors.js";

/** A name no other process has: 128 random bits. */
export function randomName(): string {
  return randomBytes(16).toString("hex");
}

export interface OpenFile {
  readonly fd: number;
  readonly stats: Stats;
}

/**
 * Opens a regular file for reading. Symbolic links are not followed and a pipe does not block:
 * they are "irregular", like directories. The caller closes `fd`.
 */
export function openRegular(path: string): OpenFile | "absent" | "irregular" {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return "absent";
    if (errno === "ELOOP" || errno === "ENXIO") return "irregular";
    return storage("open", path, () => {
      throw error;
    });
  }
  const stats = fstatSync(fd);
  if (stats.isFile()) return { fd, stats };
  closeSync(fd);
  return "irregular";
}

/** The whole of a small file; undefined when there is none. A file of another kind or over `limit` bytes is "unusable". */
export function readSmallFile(path: string, limit: number): Buffer | "unusable" | undefined {
  const file = openRegular(path);
  if (file === "absent") return undefined;
  if (file === "irregular") return "unusable";
  try {
    if (file.stats.size > limit) return "unusable";
    const bytes = Buffer.allocUnsafe(file.stats.size);
    return readFully(file.fd, bytes, 0) === bytes.byteLength ? bytes : "unusable";
  } catch (error) {
    if (errnoOf(error) === "EIO") return "unusable";
    return storage("read", path, () => {
      throw error;
    });
  } finally {
    closeSync(file.fd);
  }
}

/** Fills `buffer` from `position` on; the number of bytes read is smaller only at the end of the file. */
export function readFully(fd: number, buffer: Buffer, position: number): number {
  let filled = 0;
  while (filled < buffer.byteLength) {
    const count = readSync(fd, buffer, filled, buffer.byteLength - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/** Writes all of `bytes` at the descriptor's position; a short write is continued. */
export function writeFully(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.byteLength;) {
    written += writeSync(fd, bytes, written, bytes.byteLength - written);
  }
}

/** Creates a new file for writing; it must not exist. */
export function createExclusive(path: string, mode = 0o600): number {
  return storage("create", path, () =>
    openSync(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      mode,
    ),
  );
}

/**
 * Puts `bytes` at `path` in one step: a reader sees the old content or the new, and after a power
 * cut too when `durable`. `temporary` is a fresh path on the same file system.
 */
export function replaceFile(
  path: string,
  bytes: Uint8Array,
  temporary: string,
  durable: boolean,
): void {
  const fd = createExclusive(temporary, 0o644);
  try {
    storage("write", path, () => {
      try {
        writeFully(fd, bytes);
        if (durable) fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, path);
    });
  } catch (error) {
    removeQuietly(temporary);
    throw error;
  }
  if (durable) syncDirectory(dirname(path));
}

/** Makes the names in a directory survive a power cut. */
export function syncDirectory(path: string): void {
  storage("sync", path, () => {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  });
}

/** Removes a file if it is there and may be removed: for clean-up, where the first error matters. */
export function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // What remains lies below a lease's temporary directory: gc removes it.
  }
}

/** Removes a file; it is no error when there is none. */
export function removeFile(path: string): void {
  storage("remove", path, () => {
    try {
      unlinkSync(path);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  });
}
