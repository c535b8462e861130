/**
 * What the store says when the world said no: one class a case, each with a stable `code`.
 *
 * Callers tell cases apart by class or `code`, never by message text.
 */
import type { Digest } from "./digest.js";

/** A blob is not in the store. */
export class MissingBlobError extends Error {
  override readonly name = "MissingBlobError";
  readonly code = "KMIPS_MISSING_BLOB";
  readonly digest: Digest;
  constructor(digest: Digest) {
    super(`Cannot read blob ${digest}: it is not in the store`);
    this.digest = digest;
  }
}

/**
 * A stored blob no longer matches its name. It is in quarantine by the time this is thrown, so
 * that every record naming it is a miss from now on.
 */
export class CorruptBlobError extends Error {
  override readonly name = "CorruptBlobError";
  readonly code = "KMIPS_CORRUPT_BLOB";
  readonly digest: Digest;
  readonly path: string;
  /** What is wrong with the file, e.g. the digest it has. */
  readonly problem: string;
  constructor(path: string, digest: Digest, problem: string) {
    super(`Cannot read blob ${digest}: "${path}" ${problem}`);
    this.digest = digest;
    this.path = path;
    this.problem = problem;
  }
}

/** Bytes that were to be stored are not the ones their writer announced. */
export class DigestMismatchError extends Error {
  override readonly name = "DigestMismatchError";
  readonly code = "KMIPS_DIGEST_MISMATCH";
  readonly actual: Digest;
  readonly expected: Digest;
  constructor(actual: Digest, expected: Digest) {
    super(`Cannot store blob: it is ${actual}, expected ${expected}`);
    this.actual = actual;
    this.expected = expected;
  }
}

/** The store is not one this version can use: written by a newer kmips, or no directory. */
export class StoreFormatError extends Error {
  override readonly name = "StoreFormatError";
  readonly code = "KMIPS_STORE_FORMAT";
  readonly path: string;
  constructor(path: string, problem: string) {
    super(`Cannot use store "${path}": ${problem}`);
    this.path = path;
  }
}

/** Another process does what only one may do at a time. */
export class StoreBusyError extends Error {
  override readonly name = "StoreBusyError";
  readonly code = "KMIPS_STORE_BUSY";
  constructor(what: string) {
    super(`Cannot ${what}: another process is at it`);
  }
}

/** The clock cannot be trusted, so nothing is collected by age. */
export class ClockSkewError extends Error {
  override readonly name = "ClockSkewError";
  readonly code = "KMIPS_CLOCK_SKEW";
  readonly skewMs: number;
  constructor(skewMs: number) {
    super(
      `Cannot collect by age: this machine's clock and the store's file system are ${Math.round(skewMs / 1000)} s apart`,
    );
    this.skewMs = skewMs;
  }
}

/** A tar or a directory that cannot be (or become) a tree; `entry` names the culprit. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
  readonly code = "KMIPS_ARCHIVE";
  readonly entry: string | undefined;
  constructor(problem: string, entry?: string) {
    super(
      entry === undefined
        ? `Cannot use archive: ${problem}`
        : `Cannot use archive: "${entry}" ${problem}`,
    );
    this.entry = entry;
  }
}

/** The file system said no; `errno` is its word (`ENOSPC`, `EROFS`, `EMFILE`, `EIO`). */
export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly code = "KMIPS_STORAGE";
  readonly errno: string;
  readonly path: string;
  constructor(action: string, path: string, errno: string, cause?: unknown) {
    super(`Cannot ${action} "${path}": ${errno}`, { cause });
    this.errno = errno;
    this.path = path;
  }
}

/** The error number's name of a failed system call, or undefined for any other value. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof StorageError) return error.errno;
  if (
    error instanceof Error &&
    "code" in error &&
    "syscall" in error &&
    typeof error.code === "string"
  )
    return error.code;
  return undefined;
}

/** Runs `work`; a failed system call becomes a StorageError that keeps its errno. */
export function storage<T>(action: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined || error instanceof StorageError) throw error;
    throw new StorageError(action, path, errno, error);
  }
}
