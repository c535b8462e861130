/** `kmips update --record`: writes the digests that the store has into kmips.lock. */
import { join } from "node:path";
import { closureOf, planBuild } from "../plan/plan.js";
import type { Address } from "../model/node.js";
import { LOCK_NAME, readLock, writeLock } from "./locks.js";
import {
  IMAGE_FACT,
  imageFact,
  namedImages,
  recordableNames,
  recordedImages,
  TOOL_FACT,
  toolsOf,
  word,
} from "./recorded.js";
import { readRuns, RUN_FACT, runFact } from "./group-run.js";
import type { FactChange } from "./update.js";
import type { Workspace } from "./workspace.js";

export interface RecordRequest {
  readonly selection: readonly Address[];
  /** Whether the selection is everything: what no image has any more is then dropped. */
  readonly everything: boolean;
  /** Tell what would change, and write nothing. */
  readonly dryRun: boolean;
}

export interface RecordReport {
  readonly facts: readonly FactChange[];
  readonly recorded: readonly Address[];
  /** Images that the store does not have as the recipes are now; what is recorded of them stays. */
  readonly unbuilt: readonly Address[];
}

/** Records the built images of a selection, with the tools they were made with. @throws UsageError */
export function recordImages(
  workspace: Workspace,
  { selection, everything, dryRun }: RecordRequest,
): RecordReport {
  const { inputs, environment, graph } = workspace;
  const path = join(environment.root, LOCK_NAME);
  const own = readLock(path, environment.reader).facts;
  const images = recordedImages(workspace, namedImages(workspace, selection));
  const built = images.flatMap((image) =>
    image.built === undefined ? [] : [{ ...image, built: image.built }],
  );
  const replaced = new Set(built.map(({ reference, platform }) => `${reference} ${platform}`));
  const present = recordableNames(graph);
  const after = new Map(own);
  for (const fact of own.keys()) {
    const [kind, reference, platform] = fact.split(" ");
    const image = `${reference ?? ""} ${platform ?? ""}`;
    const isStale = replaced.has(image) || (everything && !present.has(image));
    if (kind === IMAGE_FACT && isStale) after.delete(fact);
  }
  const isKind = (fact: string, kind: string): boolean => fact.startsWith(`${kind} `);
  // What stays was recorded with tools that must stay too: they explain a difference.
  if (![...after.keys()].some((fact) => isKind(fact, IMAGE_FACT)))
    for (const fact of own.keys()) if (isKind(fact, TOOL_FACT)) after.delete(fact);
  for (const { reference, platform, fingerprint, built: digest } of built)
    after.set(imageFact(reference, platform, fingerprint), digest);
  const recorded = built.map(({ address }) => address);
  const plan = planBuild({ ...workspace, selection: recorded });
  for (const [name, version] of toolsOf(plan, closureOf(graph, recorded)))
    after.set(`${TOOL_FACT} ${name} ${word(version)}`, inputs.hostArch);
  for (const run of readRuns(workspace)) {
    for (const fact of after.keys())
      if (fact.startsWith(`${RUN_FACT} ${run.group} `)) after.delete(fact);
    after.set(runFact(run), run.images);
  }
  const facts = changesBetween(own, after);
  if (!dryRun && facts.length > 0) writeLock(path, { facts: after });
  const unbuilt = images.filter((image) => image.built === undefined);
  return { facts, recorded, unbuilt: unbuilt.map(({ address }) => address) };
}

function changesBetween(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): FactChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names
    .filter((fact) => before.get(fact) !== after.get(fact))
    .map((fact) => ({ fact, from: before.get(fact), to: after.get(fact) }));
}
