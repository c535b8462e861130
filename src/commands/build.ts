/**
 * `kmips build`: plan, execute what is invalidated, name the images, write the flat plan that
 * lets the next run of nothing be quick.
 */
import {
  CorruptBlobError,
  MEDIA_TYPES,
  MissingBlobError,
  type Descriptor,
} from "../../cache/index.js";
import { executePlan, runNode, type RunnerOptions } from "../execute/index.js";
import type { BuildEvent, BuildReport } from "../model/event.js";
import type { Address } from "../model/node.js";
import { ociPlatform } from "../model/platform.js";
import { planBuild, type Plan } from "../plan/plan.js";
import { checkBudgets } from "./budgets.js";
import { isNamed, layerBytes, topOutput, type BuiltImage } from "./built-image.js";
import { recordFacts } from "./record-facts.js";
import { changedBlobs, savePlan, startClock, type SavedPlanTarget } from "./saved-plan.js";
import { recordOf, type Workspace } from "./workspace.js";

export interface BuildRequest {
  readonly selection: readonly Address[];
  readonly jobs: number;
  readonly keepGoing: boolean;
  readonly offline: boolean;
  readonly forced: ReadonlySet<Address>;
  /** Only find out whether anything would run. */
  readonly expectCached: boolean;
  readonly signal: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
  /** Where the flat plan of this selection goes; undefined: nowhere. */
  readonly savedPlan: SavedPlanTarget | undefined;
  /** Milliseconds on any steady clock. */
  readonly now: () => number;
}

export interface BuildResult {
  readonly plan: Plan;
  /** Undefined when `expectCached` stopped the build before it began. */
  readonly report: BuildReport | undefined;
  readonly images: readonly BuiltImage[];
  readonly elapsedMs: number;
}

/** Builds the selection. Failed nodes are in the report; only bugs and store faults are thrown. */
export async function build(workspace: Workspace, request: BuildRequest): Promise<BuildResult> {
  const { store, graph, inputs, history } = workspace;
  const start = request.now();
  const startedMs = startClock(workspace);
  recheckChangedBlobs(workspace, request);
  const planOptions = {
    graph,
    selection: request.selection,
    store,
    inputs,
    history,
    forced: request.forced,
  };
  const plan = planBuild(planOptions);
  const states = [...plan.nodes.values()].map((planned) => planned.decision.state);
  const toRun = states.filter((state) => state === "invalidated").length;
  const waiting = states.filter((state) => state === "waits").length;
  if (request.expectCached && toRun > 0) {
    return { plan, report: undefined, images: [], elapsedMs: request.now() - start };
  }
  const total = states.filter((state) => state !== "group").length;
  request.onEvent({ type: "plan", total, cached: total - toRun - waiting, toRun, waiting });
  const runner = runnerOptions(workspace, request);
  const executed = await executePlan({
    ...planOptions,
    plan,
    jobs: request.jobs,
    keepGoing: request.keepGoing,
    signal: request.signal,
    onEvent: request.onEvent,
    logPath: (key) => store.paths.log(key),
    run: (planned, key, results) =>
      runNode(planned, key, results, runner, request.forced.has(planned.node.address)),
  });
  recordFacts(workspace, plan, executed, (message) =>
    request.onEvent({ type: "warning", message }),
  );
  const images = await nameImages(workspace, plan, executed);
  const outcomes = new Map(executed.outcomes);
  for (const [address, { reason, help }] of checkBudgets(workspace, plan, executed)) {
    const outcome = { kind: "failed", reason, ...(help === undefined ? {} : { help }) } as const;
    outcomes.set(address, outcome);
    request.onEvent({ type: "finished", address, outcome });
  }
  workspace.fileIndex.save();
  const report = { ...executed, outcomes };
  if (isComplete(report)) {
    if (report.executed.length > 0) history.compact();
    if (request.savedPlan !== undefined)
      savePlan(workspace, plan, startedMs, images, request.savedPlan);
  }
  return { plan, report, images, elapsedMs: request.now() - start };
}

/** Whether every node has a result. */
function isComplete(report: BuildReport): boolean {
  return [...report.outcomes.values()].every(
    (outcome) => outcome.kind === "cached" || outcome.kind === "built",
  );
}

export function runnerOptions(
  workspace: Workspace,
  request: Pick<BuildRequest, "jobs" | "offline" | "signal" | "onEvent">,
): RunnerOptions {
  const { environment, store, graph, tools } = workspace;
  return {
    store,
    graph,
    tools,
    processes: environment.processes,
    environment: environment.variables,
    lock: workspace.inputs,
    testDriver: environment.testDriver,
    // One node may use every processor: most of the time a single Go build is what is left.
    jobs: request.jobs,
    offline: request.offline,
    inputs: workspace.inputs,
    signal: request.signal,
    onEvent: request.onEvent,
    producer: environment.version,
  };
}

/** A blob whose file changed since the last build is hashed before its record counts as a hit. */
function recheckChangedBlobs(workspace: Workspace, request: BuildRequest): void {
  for (const digest of changedBlobs(workspace, request.savedPlan?.path)) {
    try {
      for (const chunk of workspace.store.readChunks(digest)) void chunk;
    } catch (error) {
      if (!(error instanceof CorruptBlobError || error instanceof MissingBlobError)) throw error;
      request.onEvent({
        type: "warning",
        message: `${error.message}; what needs it is built again`,
      });
    }
  }
}

/** Gives every base, image and index of the plan its name in the store's index.json. */
async function nameImages(
  workspace: Workspace,
  plan: Plan,
  report: BuildReport,
): Promise<BuiltImage[]> {
  const { store } = workspace;
  const images: BuiltImage[] = [];
  const references = new Map<string, Descriptor>();
  const known = store.references();
  for (const [address, { node }] of plan.nodes) {
    const { definition } = node;
    if (!isNamed(definition)) continue;
    const outcome = report.outcomes.get(address);
    if (outcome?.kind !== "built" && outcome?.kind !== "cached") continue;
    const record = recordOf(workspace, address);
    const output = record === undefined ? undefined : topOutput(record);
    if (record === undefined || output === undefined) continue;
    const sizeBytes = layerBytes(record);
    images.push({ address, reference: definition.reference, digest: output.digest, sizeBytes });
    if (known.get(definition.reference)?.digest === output.digest) continue;
    references.set(definition.reference, {
      mediaType: definition.kind === "index" ? MEDIA_TYPES.index : MEDIA_TYPES.manifest,
      digest: output.digest,
      size: output.size,
      ...(definition.kind === "index" ? {} : { platform: ociPlatform(definition.platform) }),
    });
  }
  if (references.size > 0) await store.setReferences(references);
  return images;
}
