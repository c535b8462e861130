/** `kmips gc`: what goes, and what it keeps for every project that uses the store. */
import { readdirSync, rmSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { CollectionPlan, Digest } from "../../cache/index.js";
import { History } from "../plan/history.js";
import { HISTORY } from "../plan/locations.js";
import type { Workspace } from "./workspace.js";

export interface CollectRequest {
  readonly dryRun: boolean;
  /** Bytes that the store may hold afterwards. */
  readonly maxBytes?: number;
  /** Results that no project was last built with go when unused for longer. */
  readonly olderThanMs: number;
  /** What was fetched goes too, where no project was last built with it. */
  readonly vault?: boolean;
  /** Nothing younger than this goes. */
  readonly graceMs?: number;
}

/** Plans a collection, and with `dryRun` false carries it out. @throws StoreBusyError */
export async function collectGarbage(
  workspace: Workspace,
  request: CollectRequest,
): Promise<CollectionPlan> {
  const { dryRun, ...limits } = request;
  const options = {
    ...limits,
    roots: lastKeys(workspace),
    removeTree: (path: string) => removeBuilderTree(workspace, path),
  };
  return dryRun ? workspace.store.planCollection(options) : workspace.store.collect(options);
}

/** Files of a rootless builder belong to users that only its own user namespace may act for. */
async function removeBuilderTree({ environment, tools }: Workspace, path: string): Promise<void> {
  if (userInfo().uid === 0) {
    rmSync(path, { recursive: true, force: true });
    return;
  }
  const argv = [tools.require("unshare"), "--user", "--map-root-user", "--map-auto", "--"];
  await environment.processes.run({
    argv: [...argv, tools.require("rm"), "-rf", "--", path],
    env: { LC_ALL: "C" },
  });
}

/** The keys of the last successful builds of every project in the store, with all overrides. */
export function lastKeys({ store }: Workspace): Set<Digest> {
  const keys = new Set<Digest>();
  for (const project of readdirSync(store.paths.projects)) {
    const directory = store.paths.project(project);
    for (const name of readdirSync(directory)) {
      if (!name.startsWith(HISTORY)) continue;
      for (const key of History.open(join(directory, name)).lastKeys()) keys.add(key);
    }
  }
  return keys;
}

/** One line per thing that goes: what, bytes, why. */
export function collectionRows(
  plan: CollectionPlan,
): { what: string; bytes: number; why: string }[] {
  return [
    ...plan.records.map((record) => ({
      what: `result of ${record.address}`,
      bytes: record.size,
      why: record.reason,
    })),
    ...plan.blobs.map((blob) => ({
      what: `blob ${blob.digest.slice(0, 19)}`,
      bytes: blob.size,
      why: "no result needs it",
    })),
    ...plan.checkouts.map((checkout) => ({
      what: `checkout ${checkout.tree.slice(0, 19)}`,
      bytes: checkout.size,
      why: "extracted again when needed",
    })),
    ...summarizeFiles(plan.files),
  ];
}

/** Files that are no results come by the thousand: one row per kind. */
function summarizeFiles(
  files: CollectionPlan["files"],
): { what: string; bytes: number; why: string }[] {
  const kinds = new Map<string, { count: number; bytes: number }>();
  for (const { what, size } of files) {
    const kind = kinds.get(what) ?? { count: 0, bytes: 0 };
    kinds.set(what, { count: kind.count + 1, bytes: kind.bytes + size });
  }
  return [...kinds].map(([what, { count, bytes }]) => ({
    what:
      what === "vault"
        ? `${count} vault entr${count === 1 ? "y" : "ies"}`
        : `${count} ${what} file${count === 1 ? "" : "s"}`,
    bytes,
    why:
      what === "vault" ? "fetched, but no project was last built with it" : "unused or left over",
  }));
}
