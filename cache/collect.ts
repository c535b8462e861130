/**
 * Carries a collection out, beside running builds: nothing that a live process pins is lost.
 *
 * Records go before the blobs they name. A blob first leaves its name for the trash; only then are
 * the leases read once more, and what was pinned meanwhile is put back. A builder pins before it
 * looks, so either the collector sees the pin or the builder sees the blob gone.
 */
import { closeSync, fstatSync, linkSync, mkdirSync, renameSync, rmSync } from "node:fs";
import {
  planCollection,
  type CollectionPlan,
  type CollectOptions,
  type PlanParts,
} from "./collect-plan.js";
import type { Checkouts } from "./checkout.js";
import { hexOf } from "./digest.js";
import { ClockSkewError, errnoOf, StoreBusyError, storage } from "./errors.js";
import { createExclusive, randomName, removeFile, removeQuietly } from "./files.js";
import type { Session } from "./session.js";
import { list, pinnedNow } from "./survey.js";

export interface CollectionReport extends CollectionPlan {
  /** Blobs that a process pinned while the collection ran: put back. */
  readonly restored: number;
}

export interface CollectParts extends PlanParts {
  readonly checkouts: Checkouts;
}

const MAX_SKEW_MS = 5 * 60_000;

/**
 * Removes what `planCollection` with the same options lists.
 *
 * @throws StoreBusyError when another collection runs; ClockSkewError.
 */
export async function collect(
  parts: CollectParts,
  options: CollectOptions,
): Promise<CollectionReport> {
  const { session, actions, checkouts } = parts;
  const lock = await session.locker.acquire(session.paths.lock("gc"), "exclusive", false);
  if (lock === undefined) throw new StoreBusyError("collect");
  try {
    checkClock(session);
    recoverTrash(session);
    const plan = await planCollection(parts, options);
    if (plan.records.length + plan.blobs.length + plan.checkouts.length > 0)
      session.bumpGeneration();
    for (const record of plan.records) actions.evict(record, record.reason);
    for (const { tree } of plan.checkouts) checkouts.remove(tree);
    const restored = removeBlobs(session, plan);
    for (const { path, what } of plan.files) {
      if (what === "temporary") rmSync(path, { recursive: true, force: true });
      else if (what === "builder") await removeBuilderState(session, path, options);
      else removeFile(path);
    }
    // Again: whoever looked between the first change and here may have seen what is gone now.
    if (plan.blobs.length > 0) session.bumpGeneration();
    return { ...plan, restored };
  } finally {
    await lock.release();
  }
}

/** Removes the state of a private builder, unless a process has begun to use it meanwhile. */
async function removeBuilderState(
  session: Session,
  path: string,
  { removeTree }: CollectOptions,
): Promise<void> {
  const number = Number(path.slice(path.lastIndexOf("/") + 1));
  const lock = await session.locker.acquire(session.paths.builderLock(number), "exclusive", false);
  if (lock === undefined) return;
  try {
    if (removeTree === undefined) rmSync(path, { recursive: true, force: true });
    else await removeTree(path);
  } finally {
    await lock.release();
  }
}

/** Moves the planned blobs to the trash and deletes those that nobody pinned meanwhile. */
function removeBlobs(session: Session, plan: CollectionPlan): number {
  if (plan.blobs.length === 0) return 0;
  const run = `${session.paths.trash}/${randomName()}`;
  storage("create", run, () => mkdirSync(run, { recursive: true }));
  for (const { digest } of plan.blobs) {
    const path = session.paths.blob(digest);
    storage("remove", path, () => {
      try {
        renameSync(path, `${run}/${hexOf(digest)}`);
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") throw error;
      }
    });
  }
  const pinned = pinnedNow(session);
  let restored = 0;
  for (const { name, path } of list(run)) {
    if (pinned.has(name)) {
      restore(session, name, path);
      restored++;
    } else {
      removeFile(path);
    }
  }
  rmSync(run, { recursive: true, force: true });
  return restored;
}

/** Puts back what a collection that was killed left in the trash; the plan decides afresh. */
function recoverTrash(session: Session): void {
  for (const run of list(session.paths.trash)) {
    for (const { name, path } of list(run.path)) {
      if (/^[0-9a-f]{64}$/.test(name)) restore(session, name, path);
    }
    rmSync(run.path, { recursive: true, force: true });
  }
}

/** Links a blob back under its name, unless it has been stored anew. */
function restore(session: Session, hex: string, path: string): void {
  storage("restore", path, () => {
    try {
      linkSync(path, `${session.paths.blobs}/${hex}`);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
  });
  removeFile(path);
}

/** The file system's clock stamps the files, this machine's decides their age: they must agree. */
function checkClock(session: Session): void {
  const path = session.temporaryPath();
  const fd = createExclusive(path);
  try {
    const skew = Math.abs(fstatSync(fd).mtimeMs - session.now());
    if (skew > MAX_SKEW_MS) throw new ClockSkewError(skew);
  } finally {
    closeSync(fd);
    removeQuietly(path);
  }
}
