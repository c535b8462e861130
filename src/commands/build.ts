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
import type { BuildEvent, BuildReport, NodeOutcome } from "../model/event.js";
import type { BuildGraph } from "../model/graph.js";
import type { Address } from "../model/node.js";
import { ociPlatform } from "../model/platform.js";
import { closureOf, planBuild, type Plan } from "../plan/plan.js";
import { checkBudgets } from "./budgets.js";
import { isNamed, layerBytes, topOutput, type BuiltImage } from "./built-image.js";
import { recordFacts } from "./record-facts.js";
import {
  changedBlobs,
  forgetPlans,
  savePlan,
  startClock,
  type SavedPlanTarget,
} from "./saved-plan.js";
import { refuseUnlocked } from "./unlocked.js";
import { analyzeAgain, recordOf, type Workspace } from "./workspace.js";

export interface BuildRequest {
  /** The addresses to build; asked again for a graph of which more is known. @throws UsageError */
  readonly select: (graph: BuildGraph) => readonly Address[];
  readonly jobs: number;
  readonly keepGoing: boolean;
  readonly offline: boolean;
  /** The selection runs whatever the cache has. */
  readonly force: boolean;
  /** Only find out whether anything would run. */
  readonly expectCached: boolean;
  readonly signal: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
  /** Where RUN steps run; the caller closes it. */
  readonly builders: RunnerOptions["builders"];
  /** Where the flat plan of this selection goes; undefined: nowhere. */
  readonly savedPlan: SavedPlanTarget | undefined;
  /** Milliseconds on any steady clock. */
  readonly now: () => number;
}

export interface BuildResult {
  /** With everything that the build itself found out. */
  readonly graph: BuildGraph;
  readonly plan: Plan;
  /** Undefined when `expectCached` stopped the build before it began. */
  readonly report: BuildReport | undefined;
  readonly images: readonly BuiltImage[];
  readonly elapsedMs: number;
}

/**
 * Builds the selection. What decides the graph comes first: lists of packages and Dockerfiles, so that
 * the recipe's faults that only they show come before anything else runs.
 *
 * Failed nodes are in the report; only bugs and store faults are thrown.
 * @throws RecipeErrors for sources that are not locked, and for what the results of the first nodes show
 */
export async function build(workspace: Workspace, request: BuildRequest): Promise<BuildResult> {
  const start = request.now();
  const startedMs = startClock(workspace);
  recheckChangedBlobs(workspace, request);
  const first = new Map<Address, NodeOutcome>();
  const forced = request.force ? new Set(request.select(workspace.graph)) : new Set<Address>();
  let current = workspace;
  for (;;) {
    const { graph } = current;
    const selection = request.select(graph);
    refuseUnlocked(current, selection);
    const wanted = closureOf(graph, selection);
    const deciding = current.unknown.filter(
      (address) => wanted.has(address) && first.get(address) === undefined,
    );
    const isLast = deciding.length === 0;
    for (const address of deciding) if (current.known.isDamaged(address)) forced.add(address);
    const { plan, report } = await execute(current, request, isLast ? selection : deciding, forced);
    const elapsedMs = (): number => request.now() - start;
    if (report === undefined) return { graph, plan, report, images: [], elapsedMs: elapsedMs() };
    for (const [address, outcome] of report.outcomes) {
      if (outcome.kind === "built" || !first.has(address)) first.set(address, outcome);
      forced.delete(address);
    }
    const whole: BuildReport = {
      ...report,
      outcomes: new Map([...report.outcomes.keys()].map((a) => [a, first.get(a) as NodeOutcome])),
      executed: [...first].flatMap(([address, { kind }]) => (kind === "built" ? [address] : [])),
    };
    if (isLast) {
      const images = await nameImages(current, plan, report);
      const judged = withBudgets(current, plan, whole, request);
      finish(current, plan, judged, startedMs, images, request);
      return { graph, plan, report: judged, images, elapsedMs: elapsedMs() };
    }
    if (!isComplete(report)) {
      current.fileIndex.save();
      return { graph, plan, report: whole, images: [], elapsedMs: elapsedMs() };
    }
    for (const address of deciding) {
      const record = recordOf(current, address);
      if (record !== undefined) current.known.learn(address, record);
    }
    current = analyzeAgain(current);
  }
}

/** Plans and executes a selection; no report when `expectCached` stops it before anything ran. */
export async function execute(
  workspace: Workspace,
  request: Pick<
    BuildRequest,
    "jobs" | "keepGoing" | "offline" | "expectCached" | "signal" | "onEvent" | "builders"
  >,
  selection: readonly Address[],
  forced: ReadonlySet<Address>,
): Promise<{ readonly plan: Plan; readonly report: BuildReport | undefined }> {
  const { store, graph, inputs, history } = workspace;
  const planOptions = { graph, selection, store, inputs, history, forced };
  const plan = planBuild(planOptions);
  const states = [...plan.nodes.values()].map((planned) => planned.decision.state);
  const toRun = states.filter((state) => state === "invalidated").length;
  const waiting = states.filter((state) => state === "waits").length;
  if (request.expectCached && toRun > 0) return { plan, report: undefined };
  const total = states.filter((state) => state !== "group").length;
  request.onEvent({ type: "plan", total, cached: total - toRun - waiting, toRun, waiting });
  const runner = runnerOptions(workspace, request);
  const executing = executePlan({
    ...planOptions,
    plan,
    jobs: request.jobs,
    keepGoing: request.keepGoing,
    signal: request.signal,
    onEvent: request.onEvent,
    logPath: (key) => store.paths.log(key),
    run: (planned, key, results) =>
      runNode(planned, key, results, runner, forced.has(planned.node.address)),
  });
  const [executed] = await Promise.all([
    executing,
    toRun + waiting > 0 ? store.removeAbandoned() : undefined,
  ]);
  recordFacts(workspace, plan, executed, (message) =>
    request.onEvent({ type: "warning", message }),
  );
  return { plan, report: executed };
}

/** The report in which images over their budgets have failed. */
function withBudgets(
  workspace: Workspace,
  plan: Plan,
  report: BuildReport,
  { onEvent }: BuildRequest,
): BuildReport {
  const outcomes = new Map(report.outcomes);
  for (const [address, { reason, help }] of checkBudgets(workspace, plan, report)) {
    const outcome = { kind: "failed", reason, ...(help === undefined ? {} : { help }) } as const;
    outcomes.set(address, outcome);
    onEvent({ type: "finished", address, outcome });
  }
  return { ...report, outcomes };
}

/** Saves what makes the next start quick. */
function finish(
  workspace: Workspace,
  plan: Plan,
  report: BuildReport,
  startedMs: number,
  images: readonly BuiltImage[],
  { savedPlan }: BuildRequest,
): void {
  workspace.fileIndex.save();
  if (!isComplete(report)) return;
  if (report.executed.length > 0) workspace.history.compact();
  if (savedPlan !== undefined) savePlan(workspace, plan, startedMs, images, savedPlan);
}

/** Whether every node has a result. */
function isComplete(report: BuildReport): boolean {
  return [...report.outcomes.values()].every(
    (outcome) => outcome.kind === "cached" || outcome.kind === "built",
  );
}

export function runnerOptions(
  workspace: Workspace,
  request: Pick<BuildRequest, "jobs" | "offline" | "signal" | "onEvent" | "builders">,
): RunnerOptions {
  const { environment, store, graph, tools } = workspace;
  return {
    store,
    graph,
    tools,
    processes: environment.processes,
    environment: environment.variables,
    lock: workspace.inputs,
    builders: request.builders,
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
  let hasMoved = false;
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
    const named = known.get(definition.reference);
    if (named?.digest === output.digest) continue;
    hasMoved ||= named !== undefined;
    references.set(definition.reference, {
      mediaType: definition.kind === "index" ? MEDIA_TYPES.index : MEDIA_TYPES.manifest,
      digest: output.digest,
      size: output.size,
      ...(definition.kind === "index" ? {} : { platform: ociPlatform(definition.platform) }),
    });
  }
  if (references.size > 0) await store.setReferences(references);
  if (hasMoved) forgetPlans(workspace);
  return images;
}
