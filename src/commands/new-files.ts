/** Files and directories that come into being whole or not at all. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, StorageError } from "../../cache/index.js";
import { UsageError } from "./errors.js";

/**
 * Makes the directory `path`: `fill` gets an empty one beside it, which takes its place at the end
 * and is removed when anything fails.
 *
 * @throws UsageError when something is at `path`; StorageError when it cannot be written; whatever
 *   `fill` throws.
 */
export async function makeDirectory(
  path: string,
  fill: (directory: string) => void | Promise<void>,
): Promise<void> {
  if (existsSync(path))
    throw new UsageError(`"${path}" is there already`, "remove it, or name another directory");
  const temporary = temporaryName(path);
  try {
    mkdirSync(temporary);
    await fill(temporary);
    renameSync(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    throw asStorageError(error, path);
  }
}

/** Puts a text at `path`, in place of what is there. @throws StorageError when it cannot be written */
export function writeText(path: string, text: string): void {
  const temporary = temporaryName(path);
  try {
    writeFileSync(temporary, text, { flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    throw asStorageError(error, path);
  }
}

/**
 * Puts a text at `path` unless something is there; makes the directories above it.
 * @returns whether it was written
 * @throws StorageError when it cannot be written
 */
export function writeNewText(path: string, text: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true });
    // Not a rename, which would take the place of a file that came meanwhile.
    writeFileSync(path, text, { flag: "wx" });
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST" && existsSync(path)) return false;
    throw asStorageError(error, path);
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // The fault that stopped the write is the one to tell.
  }
}

function temporaryName(path: string): string {
  return `${path}.${randomBytes(8).toString("hex")}.tmp`;
}

/** A failed system call as one that names what was asked for. */
function asStorageError(error: unknown, path: string): unknown {
  const errno = error instanceof StorageError ? undefined : errnoOf(error);
  return errno === undefined ? error : new StorageError("write", path, errno, error);
}

/** Writes texts below a directory: relative path → text. */
export function writeTexts(directory: string, texts: ReadonlyMap<string, string>): void {
  for (const [path, text] of texts) {
    const absolute = join(directory, path);
    mkdirSync(dirname(absolute), { recursive: true });
    writeFileSync(absolute, text, { flag: "wx" });
  }
}
