/**
 * `kmips verify`: runs nodes again under other circumstances and compares what comes out.
 *
 * The first node that differs is taken apart: which output, where, and which single circumstance
 * is enough to make it differ.
 */
import { type ActionRecord, type Digest, type Output, type Store } from "../../cache/index.js";
import {
  onEachProcessor,
  produceRecord,
  type Perturbation,
  type RunnerOptions,
} from "../execute/index.js";
import { allowedProcessors } from "../host/index.js";
import { readLayerEntries } from "../image/index.js";
import type { Address, NodeDefinition, NodeKind } from "../model/node.js";
import { planBuild, type PlannedNode } from "../plan/plan.js";
import { runnerOptions, type BuildRequest } from "./build.js";
import { UsageError } from "./errors.js";
import { refuseUnlocked } from "./unlocked.js";
import type { Workspace } from "./workspace.js";

/**
 * The kinds whose rebuild can differ. What is fetched is pinned by digest already; apt's choice of
 * packages is not, and what it chose comes from the vault.
 */
const VERIFIED_KINDS: ReadonlySet<NodeKind> = new Set([
  "patch",
  "modules",
  "generate",
  "component",
  "packages",
  "base",
  "install",
  "run",
  "dockerfile",
  "image",
  "index",
]);

/** Everything at once, and a single processor: if nothing differs under all of it, nothing of it matters. */
const EVERYTHING: Perturbation = {
  directory: "/perturbed/some/other/place",
  umask: 0o077,
  timezone: "Asia/Kathmandu",
  locale: "tr_TR.UTF-8",
  uid: 1234,
  coldCaches: true,
};

const NOTHING: Perturbation = {
  directory: "",
  umask: 0o022,
  timezone: "UTC",
  locale: "C.UTF-8",
  coldCaches: false,
};

/** The class of a cause, with the single change that shows it. */
const singleChanges = (): readonly (readonly [DifferenceClass, Partial<Perturbation>])[] => [
  ["random-or-time", {}],
  ["path", { directory: EVERYTHING.directory }],
  ["umask", { umask: EVERYTHING.umask }],
  ["timezone", { timezone: EVERYTHING.timezone }],
  ["locale", { locale: EVERYTHING.locale }],
  ["uid", { uid: 1234 }],
  ["cpu-count", { processors: allowedProcessors().slice(0, 1) }],
  ["compiler-cache", { coldCaches: true }],
];

export type DifferenceClass =
  | "random-or-time"
  | "path"
  | "umask"
  | "timezone"
  | "locale"
  | "uid"
  | "cpu-count"
  | "compiler-cache"
  | "combination";

export interface Divergence {
  readonly address: Address;
  /** Name of the first output that differs. */
  readonly output: string;
  readonly stored: string;
  readonly rebuilt: string;
  /** Offset of the first byte that differs; undefined when one of the outputs is absent. */
  readonly offset: number | undefined;
  /** For trees and layers: the entry that the byte belongs to. */
  readonly entry?: string;
  readonly cause: DifferenceClass;
}

export interface VerifyReport {
  readonly verified: readonly Address[];
  readonly divergence: Divergence | undefined;
}

/** Verifies the selected nodes and everything they are made from, dependencies first. */
export async function verify(
  workspace: Workspace,
  selection: readonly Address[],
  request: Pick<BuildRequest, "jobs" | "offline" | "signal" | "onEvent" | "builders">,
): Promise<VerifyReport> {
  const { graph, store, inputs, history } = workspace;
  refuseUnlocked(workspace, selection);
  const plan = planBuild({ graph, selection, store, inputs, history });
  const records = new Map<Address, ActionRecord>();
  for (const [address, { decision }] of plan.nodes) {
    if (decision.state === "cached") records.set(address, decision.record);
    else if (decision.state !== "group") {
      throw new UsageError(`"${address}" is not built`, "run kmips build first");
    }
  }
  await store.hold();
  await store.removeAbandoned();
  const subjects = [...plan.nodes.values()].flatMap((planned) => {
    const { decision } = planned;
    return decision.state === "cached" && canDiffer(planned.node.definition)
      ? [{ planned, record: decision.record }]
      : [];
  });
  const toRun = subjects.length;
  request.onEvent({ type: "plan", total: toRun, cached: 0, toRun, waiting: 0 });
  const verified = new Set<Address>();
  let different: Different | undefined;
  const stop = new AbortController();
  const options = runnerOptions(workspace, {
    ...request,
    signal: AbortSignal.any([request.signal, stop.signal]),
  });
  await onEachProcessor(subjects, request.jobs, async (subject, processor) => {
    const { planned, record } = subject;
    const { address } = planned.node;
    if (stop.signal.aborted) return;
    request.onEvent({
      type: "started",
      address,
      cause: "policy.verify: rebuilt under other circumstances",
    });
    try {
      const everything = { ...EVERYTHING, processors: [processor] };
      const rebuilt = await rebuildNode(planned, record.key, records, options, everything);
      if (rebuilt.result !== record.result) {
        different ??= { ...subject, rebuilt };
        stop.abort();
        return;
      }
      const { result } = record;
      const { nativeMs, emulatedMs } = rebuilt;
      request.onEvent({
        type: "finished",
        address,
        outcome: { kind: "built", result, nativeMs, emulatedMs },
      });
      verified.add(address);
    } catch (error) {
      // What was stopped because of another says nothing of itself.
      if (stop.signal.aborted) return;
      stop.abort();
      throw error;
    }
  });
  return {
    verified: [...plan.nodes.keys()].filter((address) => verified.has(address)),
    divergence:
      different === undefined
        ? undefined
        : await takeApart(different, records, runnerOptions(workspace, request), store),
  };
}

/** A node whose second run made something else. */
interface Different {
  readonly planned: PlannedNode;
  readonly record: ActionRecord;
  readonly rebuilt: ActionRecord;
}

function canDiffer(definition: NodeDefinition): boolean {
  return (
    VERIFIED_KINDS.has(definition.kind) ||
    (definition.kind === "source" && definition.origin.type === "derived")
  );
}

async function rebuildNode(
  planned: PlannedNode,
  key: Digest,
  records: ReadonlyMap<Address, ActionRecord>,
  options: RunnerOptions,
  perturbation: Perturbation,
): Promise<ActionRecord> {
  return produceRecord(planned, key, (address) => records.get(address), options, perturbation);
}

async function takeApart(
  { planned, record, rebuilt }: Different,
  records: ReadonlyMap<Address, ActionRecord>,
  options: RunnerOptions,
  store: Store,
): Promise<Divergence> {
  const [name, before, after] = firstDifferentOutput(record.outputs, rebuilt.outputs);
  const offset =
    before === undefined || after === undefined
      ? undefined
      : firstDifferentByte(store, before.digest, after.digest);
  const entry =
    before === undefined || after === undefined ? undefined : differentEntry(store, before, after);
  let cause: DifferenceClass = "combination";
  for (const [candidate, change] of singleChanges()) {
    const circumstances = { ...NOTHING, ...change };
    const again = await rebuildNode(planned, record.key, records, options, circumstances);
    if (again.result !== record.result) {
      cause = candidate;
      break;
    }
  }
  return {
    address: planned.node.address,
    output: name,
    stored: before?.digest ?? "absent",
    rebuilt: after?.digest ?? "absent",
    offset,
    ...(entry === undefined ? {} : { entry }),
    cause,
  };
}

/** A layer before what names it: an image's manifest differs whenever one of its layers does. */
function firstDifferentOutput(
  before: readonly Output[],
  after: readonly Output[],
): readonly [string, Output | undefined, Output | undefined] {
  const rebuilt = new Map(after.map((output) => [output.name, output]));
  for (const output of [...before.filter(isLayer), ...before.filter((one) => !isLayer(one))]) {
    const other = rebuilt.get(output.name);
    if (other?.digest !== output.digest || other.executable !== output.executable)
      return [output.name, output, other];
    rebuilt.delete(output.name);
  }
  const [extra] = rebuilt.values();
  return [extra?.name ?? "", undefined, extra];
}

function isLayer({ name }: Output): boolean {
  return name.startsWith("layer/");
}

function firstDifferentByte(store: Store, a: Digest, b: Digest): number | undefined {
  const left = store.readBytes(a);
  const right = store.readBytes(b);
  const length = Math.min(left.length, right.length);
  for (let offset = 0; offset < length; offset++) if (left[offset] !== right[offset]) return offset;
  return left.length === right.length ? undefined : length;
}

/** The first entry of a tree or layer that is not the same in both. */
function differentEntry(store: Store, before: Output, after: Output): string | undefined {
  if (before.name !== "tree" && !isLayer(before)) return undefined;
  const rebuilt = entriesOf(store, after);
  for (const [path, text] of entriesOf(store, before)) {
    if (rebuilt.get(path) !== text) return path;
    rebuilt.delete(path);
  }
  const [extra] = rebuilt.keys();
  return extra;
}

/** Path → all that is to be compared of what is there, in the output's order. */
function entriesOf(store: Store, output: Output): Map<string, string> {
  // A layer is no tree: it may lack the directories that those below it have.
  const entries = isLayer(output)
    ? [...readLayerEntries(store, output.digest)]
    : store.listTree(output.digest).map((entry) => [entry.path, entry] as const);
  return new Map(entries.map(([path, entry]) => [path, JSON.stringify(entry)]));
}

/** What to do about each class of difference. */
export const REMEDIES: Readonly<Record<DifferenceClass, string>> = {
  "random-or-time":
    "a second run under the same circumstances differs already: look for random identifiers and time stamps, e.g. -Wl,--build-id=uuid, __TIME__, date in a generator",
  path: "the directory of the build is in the output: use -trimpath, -ffile-prefix-map or relative paths",
  umask: "the umask reaches the output: set the modes of generated files",
  timezone: "the time zone reaches the output: use UTC and SOURCE_DATE_EPOCH",
  locale: "the locale reaches the output: sort by byte order (LC_ALL=C)",
  uid: "the user id reaches the output: set owners",
  "cpu-count":
    "the number of processors reaches the output: look for parallel steps whose order shows",
  "compiler-cache":
    "a compiler cache reaches the output: what was stored was built from another state",
  combination: "no single circumstance is enough: the difference needs several, or comes and goes",
};
