/** What processes that were killed left behind and nobody else will take away. */
import { rm } from "node:fs/promises";
import { removeQuietly } from "./files.js";
import type { Session } from "./session.js";
import { isYoung, list, surveyLeases } from "./survey.js";

/**
 * Removes the temporary directories of processes that are gone, and their leases. Whatever cannot be
 * removed stays, and never fails a build: only room is lost by it.
 *
 * @param graceMs what is younger is left alone: its process may only have begun
 */
export async function removeAbandoned(session: Session, graceMs: number): Promise<void> {
  if (session.readOnly) return;
  try {
    await remove(session, graceMs);
  } catch (error) {
    session.warn(`What killed runs left in the store stays there: ${String(error)}`);
  }
}

async function remove(session: Session, graceMs: number): Promise<void> {
  const found = list(session.paths.tmp).filter(
    ({ name, stats }) => name !== session.lease.id && !isYoung(stats, session.now(), graceMs),
  );
  // Whether a lease is held, a child process finds out.
  if (found.length === 0) return;
  const leases = await surveyLeases(session, graceMs);
  const states = new Map(leases.map((lease) => [lease.id, lease]));
  for (const { name, path } of found) {
    const lease = states.get(name);
    if (lease?.isLive === true) continue;
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
    if (lease !== undefined) removeQuietly(lease.path);
  }
}
