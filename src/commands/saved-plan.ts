/**
 * Between a finished build and the flat plan: what the next start must stat, and what it prints
 * when nothing changed.
 */
import { hash } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { hexOf, type Digest } from "../../cache/index.js";
import { fileSystemClock, readPlan, writePlan } from "../plan/flat-plan.js";
import { isPlanFile, PROJECT_FILE } from "../plan/locations.js";
import type { Plan } from "../plan/plan.js";
import type { BuiltImage } from "./built-image.js";
import { lockPaths } from "./locks.js";
import type { Workspace } from "./workspace.js";

export interface SavedPlanTarget {
  readonly path: string;
  /** `selectionText()` of the selectors as typed. */
  readonly selection: string;
  /** Identity of this build of kmips. */
  readonly tool: string;
  /** What a run with nothing to do prints. */
  readonly answer: (nodes: number, images: readonly BuiltImage[]) => SavedAnswer;
}

export interface SavedAnswer {
  readonly result: string;
  readonly resultJson: string;
  readonly summary: string;
  readonly summaryJson: string;
}

/** The file system's time before a command reads its first input; see FlatPlan.startedMs. */
export function startClock(workspace: Workspace): number {
  return fileSystemClock(workspace.store.paths.projects);
}

/** Saves the plan of a build in which every node has a result. */
export function savePlan(
  workspace: Workspace,
  plan: Plan,
  startedMs: number,
  images: readonly BuiltImage[],
  target: SavedPlanTarget,
): void {
  const { environment, graph, inputs, store } = workspace;
  const outputs = new Set<string>();
  let nodes = 0;
  for (const [address, { node }] of plan.nodes) {
    if (node.definition.kind === "group") continue;
    nodes++;
    const key = workspace.history.lastBuilt(address);
    const record = key === undefined ? undefined : store.inspectAction(key).record;
    for (const output of record?.outputs ?? [])
      outputs.add(relative(store.root, store.blobPath(output.digest)));
  }
  const locks = lockPaths(environment);
  const present = locks.filter((path) => workspace.texts.readText(path) !== undefined);
  const read = [...graph.recipes, ...present].map((path) => ({
    path,
    digest: hash("sha256", workspace.texts.readText(path) ?? "", "hex"),
  }));
  const byProjectFile = environment.entry.some((path) => path.endsWith(`/${PROJECT_FILE}`));
  writePlan(target.path, {
    tool: target.tool,
    selection: target.selection,
    root: environment.root,
    store: store.root,
    startedMs,
    recipes: read,
    files: [...inputs.files],
    // Without a project file every recipe of the directory counts, also one that appears later.
    directories: [...inputs.directories, ...(byProjectFile ? [] : [environment.root])],
    outputs: [...outputs],
    absent: [...inputs.absent, ...locks.filter((path) => !present.includes(path))],
    answer: target.answer(nodes, images),
  });
}

/**
 * Forgets the saved plans of all selections and overrides: an image took a name from another one, so
 * that "nothing changed" is no longer all that has to be said.
 */
export function forgetPlans({ stateDirectory }: Workspace): void {
  for (const name of readdirSync(stateDirectory))
    if (isPlanFile(name)) rmSync(join(stateDirectory, name), { force: true });
}

/** Blobs of the saved plan whose file is not as the plan saw it: damaged, touched or gone. */
export function changedBlobs(workspace: Workspace, planPath: string | undefined): Digest[] {
  const plan = planPath === undefined ? undefined : readPlan(planPath);
  const section = plan?.sections.find((candidate) => candidate.name === "outputs");
  if (plan === undefined || section === undefined) return [];
  const changed: Digest[] = [];
  let at = section.pathsAt;
  for (let index = 0; index < section.count; index++) {
    const end = at + (section.lengths[index] ?? 0);
    const path = section.prefix + plan.bytes.toString("utf8", at, end);
    at = end;
    const found = statSync(join(workspace.store.root, path), { throwIfNoEntry: false });
    const same =
      found !== undefined &&
      found.mtimeMs === section.stats[index] &&
      found.ctimeMs === section.stats[section.count + index] &&
      found.size === section.stats[2 * section.count + index];
    // A void row equals nothing: its blob was written in the same tick as the plan, so that damage
    // done in that tick would show in no stat.
    if (!same) changed.push(`sha256:${path.slice(-64)}`);
  }
  return changed.filter((digest) => hexOf(digest).length === 64);
}
