/**
 * Decides, before anything runs, which nodes are cached and which would run, and why.
 *
 * Works from keys, the action cache and the history alone: it starts no process and writes nothing.
 * A node behind an invalidated one cannot be decided yet, because it is keyed on that node's
 * result: it waits, and may turn out cached when the result is the same as before.
 */
import type { ActionRecord, Digest, Store } from "../../cache/index.js";
import {
  describeAction,
  diffActions,
  keyOf,
  type Action,
  type BlobReader,
  type Change,
  type ChangeCode,
  type KeyInputs,
} from "../keys/index.js";
import { factText } from "../model/facts.js";
import type { BuildGraph } from "../model/graph.js";
import { InternalError } from "../model/invariant.js";
import type { Address, GraphNode } from "../model/node.js";
import type { History } from "./history.js";

export type CauseCode =
  | ChangeCode
  /** Never built in this project, and no result for its key. */
  | "first-build"
  /** There was a result for this key; collection removed it. */
  | "cache.evicted"
  | "cache.corrupt"
  | "result.failed-before"
  | "policy.forced"
  | "input.missing"
  /** A source that neither its recipe nor kmips.lock pins: it does not run. */
  | "not-locked";

/** Why a node would run, one line, with the whole difference behind it. */
export interface Cause {
  readonly code: CauseCode;
  readonly summary: string;
  readonly lines: readonly string[];
}

export type Decision =
  | { readonly state: "cached"; readonly key: Digest; readonly record: ActionRecord }
  /** Has no result under its key: runs. `causes` are root causes of its own. */
  | {
      readonly state: "invalidated";
      readonly key: Digest | undefined;
      readonly causes: readonly Cause[];
    }
  /** Runs or not depending on what `on` turn out as; `causes` are its own, usually none. */
  | { readonly state: "waits"; readonly on: readonly Address[]; readonly causes: readonly Cause[] }
  /** A group: nothing of its own. */
  | { readonly state: "group" };

export interface PlannedNode {
  readonly node: GraphNode;
  readonly action: Action;
  readonly decision: Decision;
  /** Time of the last run on record, in ms; undefined when there is none. */
  readonly expectedMs: { readonly native: number; readonly emulated: number } | undefined;
}

export interface Plan {
  /** The selected nodes and everything they need, in topological order. */
  readonly nodes: ReadonlyMap<Address, PlannedNode>;
}

export interface PlanOptions {
  readonly graph: BuildGraph;
  /** Addresses to build; their dependencies are planned as well. */
  readonly selection: readonly Address[];
  readonly store: Store;
  readonly inputs: KeyInputs;
  readonly history: History;
  /** Nodes that run whatever the cache has. */
  readonly forced?: ReadonlySet<Address>;
}

/** Plans every node of the selection and its dependencies. */
export function planBuild(options: PlanOptions): Plan {
  const wanted = closureOf(options.graph, options.selection);
  const records = new Map<Address, ActionRecord>();
  const inputs: KeyInputs = withResults(options.inputs, (address) => records.get(address));
  const nodes = new Map<Address, PlannedNode>();
  for (const node of options.graph.nodes.values()) {
    if (!wanted.has(node.address)) continue;
    const planned = planNode(node, { ...options, inputs });
    if (planned.decision.state === "cached") records.set(node.address, planned.decision.record);
    nodes.set(node.address, planned);
  }
  return { nodes };
}

/** The result that the store has of a node as the recipes are now; undefined while it would run. */
export function cachedRecord(plan: Plan, address: Address): ActionRecord | undefined {
  const decision = plan.nodes.get(address)?.decision;
  return decision?.state === "cached" ? decision.record : undefined;
}

/** Decides one node; the results of its dependencies come through `inputs`. */
export function planNode(
  node: GraphNode,
  options: Omit<PlanOptions, "selection" | "graph">,
): PlannedNode {
  const { store, history, inputs } = options;
  const action = describeAction(node, inputs);
  if (node.definition.kind === "group") {
    return { node, action, decision: { state: "group" }, expectedMs: undefined };
  }
  const previousKey = history.comparedWith(node.address);
  const previous = previousKey === undefined ? undefined : store.inspectAction(previousKey).record;
  const expectedMs =
    previous === undefined
      ? undefined
      : { native: previous.nativeMs, emulated: previous.emulatedMs };
  const done = (decision: Decision): PlannedNode => ({ node, action, decision, expectedMs });
  if (action.missing.length > 0) {
    const causes = action.missing.map((path): Cause => ({
      code: "input.missing",
      summary: `"${path}" is not there`,
      lines: [],
    }));
    return done({ state: "invalidated", key: undefined, causes });
  }
  if (action.unlocked.length > 0) {
    const causes = action.unlocked.map((fact): Cause => ({
      code: "not-locked",
      summary: factText(fact),
      lines: [],
    }));
    return done({ state: "invalidated", key: undefined, causes });
  }
  if (action.pending.length > 0) {
    const causes =
      previous === undefined ? [] : ownChanges(node, action, previous, store).map(causeOf);
    return done({ state: "waits", on: action.pending, causes });
  }
  const key = keyOf(action);
  const forced = options.forced?.has(node.address) ?? false;
  const record = forced ? undefined : store.getAction(key);
  if (record !== undefined) return done({ state: "cached", key, record });
  return done({
    state: "invalidated",
    key,
    causes: causesOf(node, action, key, forced, previousKey, previous, options),
  });
}

function causesOf(
  node: GraphNode,
  action: Action,
  key: Digest,
  forced: boolean,
  previousKey: Digest | undefined,
  previous: ActionRecord | undefined,
  { store, history }: Pick<PlanOptions, "store" | "history">,
): Cause[] {
  if (forced) return [{ code: "policy.forced", summary: "asked for", lines: [] }];
  const last = history.last(node.address);
  if (last?.failed === true && last.key === key) {
    return [
      {
        code: "result.failed-before",
        summary: "the last attempt with the same inputs failed",
        lines: [],
      },
    ];
  }
  if (previousKey !== undefined && previousKey !== key && previous !== undefined) {
    const changes = changesOf(node, action, previous, store);
    const causes = changes.flatMap((change) =>
      change.follows === undefined || change.code === "packages"
        ? [causeOf(change)]
        : traceFollowed(change, change.follows, store, history),
    );
    if (causes.length > 0) return causes;
    return [
      {
        code: "schema.version",
        summary: `kmips ${previous.producer} computed this kind's key another way`,
        lines: [],
      },
    ];
  }
  const inspected = store.inspectAction(key);
  if (inspected.state === "corrupt") {
    return [{ code: "cache.corrupt", summary: "its record in the store is damaged", lines: [] }];
  }
  if (inspected.state === "incomplete") {
    const missing = inspected.missing ?? [];
    const first = missing[0] === undefined ? "a blob" : `blob ${missing[0].slice(0, 19)}…`;
    const more = missing.length > 1 ? ` and ${missing.length - 1} more` : "";
    return [
      {
        code: "cache.corrupt",
        summary: `${first}${more} of its result is missing or damaged`,
        lines: missing,
      },
    ];
  }
  if (inspected.tombstone !== undefined) {
    return [{ code: "cache.evicted", summary: inspected.tombstone.reason, lines: [] }];
  }
  return [{ code: "first-build", summary: "no result yet", lines: [] }];
}

/** What changed in the node itself and in the packages it is given, apart from other results. */
function ownChanges(
  node: GraphNode,
  action: Action,
  previous: ActionRecord,
  store: Store,
): Change[] {
  return changesOf(node, action, previous, store).filter(
    ({ code, follows }) =>
      follows === undefined || (code === "packages" && !action.pending.includes(follows)),
  );
}

/**
 * Why the result of a dependency is another one, although the dependency itself is cached: it was
 * built since, by a build that did not get as far as this node. The record it had then is compared
 * with the one it has now.
 */
function traceFollowed(
  change: Change,
  dependency: Address,
  store: Store,
  history: History,
): Cause[] {
  const [nowKey, ...earlierKeys] = history.recentlyBuilt(dependency);
  const now = nowKey === undefined ? undefined : store.inspectAction(nowKey).record;
  for (const key of earlierKeys) {
    const then = store.inspectAction(key).record;
    if (now === undefined || then === undefined || !wasResultOf(change.followedFrom, then))
      continue;
    const read: BlobReader = (digest) => readText(store, digest);
    const changes = diffActions(
      now.kind as GraphNode["definition"]["kind"],
      then.fields,
      now.fields,
      new Map(),
      read,
      read,
    );
    if (changes.length === 0) continue;
    return changes.map((c) => ({
      code: c.code,
      summary: `${dependency}: ${c.summary}`,
      lines: c.lines,
    }));
  }
  return [causeOf(change)];
}

/** Whether a field's text names the record's result or one of its outputs. */
function wasResultOf(text: string | undefined, record: ActionRecord): boolean {
  if (text === undefined) return false;
  return [record.result, ...record.outputs.map((output) => output.digest)].some((digest) =>
    text.includes(digest),
  );
}

function changesOf(
  node: GraphNode,
  action: Action,
  previous: ActionRecord,
  store: Store,
): Change[] {
  const readOld: BlobReader = (digest) => readText(store, digest);
  const readNew: BlobReader = (digest) =>
    action.attachments.get(digest)?.toString() ?? readText(store, digest);
  return diffActions(
    node.definition.kind,
    previous.fields,
    action.fields,
    action.followed,
    readOld,
    readNew,
  );
}

/** The text of a long field's blob; undefined when the store does not have it. */
export function readText(store: Store, digest: Digest): string | undefined {
  return store.has(digest) ? store.readBytes(digest).toString() : undefined;
}

function causeOf(change: Change): Cause {
  return { code: change.code, summary: change.summary, lines: change.lines };
}

/** Whether a node cannot run before `kmips update` locks what it fetches. */
export function isNotLocked(decision: Decision): boolean {
  return (
    decision.state === "invalidated" && decision.causes.some(({ code }) => code === "not-locked")
  );
}

/** The selected addresses and everything they depend on. */
export function closureOf(graph: BuildGraph, selection: readonly Address[]): ReadonlySet<Address> {
  const wanted = new Set<Address>();
  const stack = [...selection];
  for (let address = stack.pop(); address !== undefined; address = stack.pop()) {
    if (wanted.has(address)) continue;
    wanted.add(address);
    const node = graph.nodes.get(address);
    if (node === undefined) throw new InternalError(`The graph has no node "${address}"`);
    stack.push(...node.dependencies);
  }
  return wanted;
}

/** The same inputs with other results of dependencies. */
export function withResults(
  inputs: KeyInputs,
  result: (address: Address) => ActionRecord | undefined,
): KeyInputs {
  return {
    result,
    fileDigest: (path) => inputs.fileDigest(path),
    fileBytes: (path) => inputs.fileBytes(path),
    list: (directory, include, exclude) => inputs.list(directory, include, exclude),
    emulator: (platform) => inputs.emulator(platform),
    isNative: (platform) => inputs.isNative(platform),
    packageVersion: (name) => inputs.packageVersion(name),
    compilerPrograms: (triplet) => inputs.compilerPrograms(triplet),
    lockedSum: (path, version) => inputs.lockedSum(path, version),
    locked: (kind, name) => inputs.locked(kind, name),
    hostArch: inputs.hostArch,
  };
}
