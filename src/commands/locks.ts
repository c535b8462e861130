/**
 * The lock files of a project: read over those of the shipped recipes, completed by builds with
 * the facts of what they fetched from a Debian archive, changed by `kmips update` alone.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { FileReader } from "../model/ports.js";
import { formatLock, mergeLocks, parseLock, type LockFile } from "../plan/lock-file.js";
import { UsageError } from "./errors.js";

export const LOCK_NAME = "kmips.lock";

/** Where the lock files of a project lie. */
interface LockPlaces {
  readonly root: string;
  readonly shipped: string;
  readonly reader: FileReader;
}

/** The project's lock, then the one of the shipped recipes: the same path when kmips builds its own. */
export function lockPaths({ root, shipped }: Omit<LockPlaces, "reader">): string[] {
  return [...new Set([join(root, LOCK_NAME), join(shipped, LOCK_NAME)])];
}

/** The project's lock over the one of the shipped recipes. @throws UsageError for a damaged lock */
export function readLocks(places: LockPlaces): LockFile {
  let merged: LockFile = { facts: new Map() };
  for (const path of lockPaths(places).reverse())
    merged = mergeLocks(merged, readLock(path, places.reader));
  return merged;
}

/** What the locks of a project say, for commands that open no store. @throws UsageError */
export function lockOf(places: LockPlaces): {
  locked(kind: string, name: string): string | undefined;
} {
  const { facts } = readLocks(places);
  return { locked: (kind, name) => facts.get(`${kind} ${name}`) };
}

/** One lock file; an absent one has no facts. @throws UsageError for a damaged one */
export function readLock(path: string, reader: FileReader): LockFile {
  const { lock, problems } = parseLock(reader.readText(path) ?? "");
  const [problem] = problems;
  if (problem !== undefined) {
    throw new UsageError(
      `"${path}" line ${problem.line}: ${problem.message}`,
      "correct the line, or remove it and run kmips update",
    );
  }
  return lock;
}

/** Replaces a lock file in one step; its text. @throws the system's error, e.g. EACCES or EROFS */
export function writeLock(path: string, lock: LockFile): string {
  const text = formatLock(lock);
  const temporary = `${path}.${randomBytes(8).toString("hex")}.new`;
  const fd = openSync(temporary, "wx", 0o644);
  try {
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
    return text;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
