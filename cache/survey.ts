/**
 * What is in a store, for those that must see all of it: collection and verification. The only
 * code that lists whole directories.
 *
 * Names that kmips would not write are foreign: reported, otherwise left alone.
 */
import { lstatSync, readdirSync, type Stats } from "node:fs";
import type { Digest } from "./digest.js";
import { errnoOf, storage, StorageError } from "./errors.js";
import { readSmallFile } from "./files.js";
import { pinsOf } from "./lease.js";
import type { Session } from "./session.js";

export interface Listed {
  readonly name: string;
  readonly path: string;
  readonly stats: Stats;
}

const HEX = /^[0-9a-f]{64}$/;
const LEASE = /^[0-9a-f]{32}$/;
const MAX_LEASE_BYTES = 256 * 1024 * 1024;

/** The entries of a directory with their stat data; none when it is not there. */
export function list(directory: string): Listed[] {
  const listed: Listed[] = [];
  for (const name of namesIn(directory)) {
    const path = `${directory}/${name}`;
    const stats = lstatSync(path, { throwIfNoEntry: false });
    // Another process may have removed it since.
    if (stats !== undefined) listed.push({ name, path, stats });
  }
  return listed;
}

function namesIn(directory: string): string[] {
  return storage("list", directory, () => {
    try {
      return readdirSync(directory).sort();
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "ENOENT" || errno === "ENOTDIR") return [];
      throw error;
    }
  });
}

/** All files below a directory, at any depth. Links are listed, not followed. */
export function listDeep(directory: string): Listed[] {
  return list(directory).flatMap((item) =>
    item.stats.isDirectory() ? listDeep(item.path) : [item],
  );
}

/** Every file that has a blob's name, and the names of what does not. */
export function surveyBlobs(session: Session): {
  blobs: (Listed & { digest: Digest })[];
  foreign: string[];
} {
  const listed = list(session.paths.blobs);
  return {
    blobs: listed
      .filter(({ name }) => HEX.test(name))
      .map((item) => ({ ...item, digest: `sha256:${item.name}` as const })),
    foreign: listed.filter(({ name }) => !HEX.test(name)).map(({ path }) => path),
  };
}

/** Every record and tombstone file, by key. */
export function surveyActions(session: Session): {
  records: (Listed & { key: Digest })[];
  tombstones: (Listed & { key: Digest })[];
  foreign: string[];
} {
  const records: (Listed & { key: Digest })[] = [];
  const tombstones: (Listed & { key: Digest })[] = [];
  const foreign: string[] = [];
  for (const shard of list(session.paths.actions)) {
    if (!/^[0-9a-f]{2}$/.test(shard.name) || !shard.stats.isDirectory()) {
      foreign.push(shard.path);
      continue;
    }
    for (const item of list(shard.path)) {
      const hex = item.name.replace(/\.gone$/, "");
      if (!HEX.test(hex) || !hex.startsWith(shard.name)) foreign.push(item.path);
      else if (hex === item.name) records.push({ ...item, key: `sha256:${hex}` });
      else tombstones.push({ ...item, key: `sha256:${hex}` });
    }
  }
  return { records, tombstones, foreign };
}

/** Every checkout by the tree it was made of: its directory, its manifest or both. */
export function surveyCheckouts(session: Session): {
  trees: Map<Digest, Listed[]>;
  foreign: string[];
} {
  const trees = new Map<Digest, Listed[]>();
  const foreign: string[] = [];
  for (const item of list(session.paths.checkouts)) {
    const hex = item.name.replace(/\.ok$/, "");
    if (!HEX.test(hex)) foreign.push(item.path);
    else trees.set(`sha256:${hex}`, [...(trees.get(`sha256:${hex}`) ?? []), item]);
  }
  return { trees, foreign };
}

/** Whether a file changed less than `graceMs` before `now`, both in milliseconds. */
export function isYoung({ mtimeMs, ctimeMs }: Stats, now: number, graceMs: number): boolean {
  return graceMs > 0 && Math.max(mtimeMs, ctimeMs) > now - graceMs;
}

export interface LeaseState {
  readonly id: string;
  readonly path: string;
  /** False when its process is gone. */
  readonly isLive: boolean;
}

/** Every lease; one that nobody holds counts as live for as long as it is younger than `graceMs`. */
export async function surveyLeases(session: Session, graceMs: number): Promise<LeaseState[]> {
  const states: LeaseState[] = [];
  for (const { name, path, stats } of list(session.paths.leases)) {
    if (!LEASE.test(name) || !stats.isFile()) continue;
    // Between making the file and the kernel's lock on it lies the start of a child.
    const isYoung = graceMs > 0 && session.now() - stats.ctimeMs < graceMs;
    const lock = isYoung ? undefined : await session.locker.acquire(path, "exclusive", false);
    await lock?.release();
    states.push({ id: name, path, isLive: lock === undefined });
  }
  return states;
}

export interface BuilderStateFound {
  readonly path: string;
  readonly lock: string;
  readonly size: number;
  readonly stats: Stats;
  /** Whether a process uses it. */
  readonly isLive: boolean;
}

/** The state directories of private builders. */
export async function surveyBuilders(session: Session): Promise<BuilderStateFound[]> {
  const found: BuilderStateFound[] = [];
  for (const { name, path, stats } of list(session.paths.builder)) {
    if (!/^\d+$/.test(name) || !stats.isDirectory()) continue;
    const lockPath = session.paths.builderLock(Number(name));
    const lock = await session.locker.acquire(lockPath, "exclusive", false);
    await lock?.release();
    const size = readableSize(path);
    found.push({ path, lock: lockPath, size, stats, isLive: lock === undefined });
  }
  return found;
}

/** Bytes below a directory, as far as this user may look: a rootless builder has users of its own. */
function readableSize(directory: string): number {
  return list(directory).reduce((sum, { path, stats }) => {
    if (!stats.isDirectory()) return sum + stats.size;
    try {
      return sum + readableSize(path);
    } catch (error) {
      if (error instanceof StorageError && error.errno === "EACCES") return sum;
      throw error;
    }
  }, 0);
}

/** All digests pinned by leases, whether live or not: for the look just before deletion. */
export function pinnedNow(session: Session): Set<string> {
  return new Set(list(session.paths.leases).flatMap(({ path }) => pinsIn(path)));
}

/** The digests that one lease pins, as hex. */
export function pinsIn(path: string): string[] {
  const bytes = readSmallFile(path, MAX_LEASE_BYTES);
  return Buffer.isBuffer(bytes) ? pinsOf(bytes.toString("latin1")) : [];
}
