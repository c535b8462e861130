/** `kmips gc`: what goes, and what it keeps for every project that uses the store. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { CollectionPlan, Digest } from "../../cache/index.js";
import { History } from "../plan/history.js";
import type { Workspace } from "./workspace.js";

export interface CollectRequest {
  readonly dryRun: boolean;
  /** Bytes that the store may hold afterwards. */
  readonly maxBytes?: number;
  /** Results that no project was last built with go when unused for longer. */
  readonly olderThanMs: number;
  /** Nothing younger than this goes. */
  readonly graceMs?: number;
}

/** Plans a collection, and with `dryRun` false carries it out. @throws StoreBusyError */
export async function collectGarbage(workspace: Workspace, request: CollectRequest): Promise<CollectionPlan> {
  const { dryRun, ...limits } = request;
  const options = { ...limits, roots: lastKeys(workspace) };
  return dryRun ? workspace.store.planCollection(options) : workspace.store.collect(options);
}

/** The keys of the last successful builds of every project in the store. */
function lastKeys({ store }: Workspace): Set<Digest> {
  const keys = new Set<Digest>();
  for (const project of readdirSync(store.paths.projects)) {
    const history = History.open(join(store.paths.project(project), "history"));
    for (const key of history.lastKeys()) keys.add(key);
  }
  return keys;
}

/** One line per thing that goes: what, bytes, why. */
export function collectionRows(plan: CollectionPlan): { what: string; bytes: number; why: string }[] {
  return [
    ...plan.records.map((record) => ({ what: `result of ${record.address}`, bytes: record.size, why: record.reason })),
    ...plan.blobs.map((blob) => ({ what: `blob ${blob.digest.slice(0, 19)}`, bytes: blob.size, why: "no result needs it" })),
    ...plan.checkouts.map((checkout) => ({ what: `checkout ${checkout.tree.slice(0, 19)}`, bytes: checkout.size, why: "extracted again when needed" })),
    ...plan.files.map((file) => ({ what: `${file.what} ${file.path}`, bytes: file.size, why: "left over" })),
  ];
}
