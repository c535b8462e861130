/**
 * `kmips update`: moves the facts of kmips.lock. The only thing that changes one.
 *
 * Sources that only the lock pins: asked where they come from, a tag for its commit and an archive for
 * its bytes. Go: what the last build fetched is recorded. Debian: the indices of the nodes are fetched anew and
 * their packages solved and fetched; nothing is built, so that what would be rebuilt can be read
 * before it is. The lock is written at the very end: any failure leaves it as it was.
 */
import { join } from "node:path";
import { askForFact, type RunnerOptions } from "../execute/index.js";
import { factText, wantedFact } from "../model/facts.js";
import type { BuildGraph } from "../model/graph.js";
import type { Address, GraphNode } from "../model/node.js";
import { closureOf, planBuild, type Plan } from "../plan/plan.js";
import { runnerOptions, type BuildRequest } from "./build.js";
import { goFacts } from "./go-facts.js";
import { query } from "./inspect.js";
import { LOCK_NAME, readLock, writeLock } from "./locks.js";
import { moveIndices, solvePackages, type MovedPackages, type Solutions } from "./move-indices.js";
import { archiveFacts } from "./record-facts.js";
import { recordOf, type Workspace } from "./workspace.js";

export interface UpdateRequest extends Pick<
  BuildRequest,
  "jobs" | "offline" | "signal" | "onEvent" | "builders"
> {
  readonly selection: readonly Address[];
  /** Tell what would change, and write nothing. */
  readonly dryRun: boolean;
}

/** One fact of the lock, e.g. `deb-release bookworm`. */
export interface FactChange {
  readonly fact: string;
  readonly from: string | undefined;
  /** Undefined: no node uses it any more, it is dropped. */
  readonly to: string | undefined;
}

export interface UpdateReport {
  readonly facts: readonly FactChange[];
  /** Sets of packages that are others now. */
  readonly packages: readonly MovedPackages[];
  /** Sets that are known only once what they are installed on is rebuilt. */
  readonly unsolved: readonly Address[];
  /** Go nodes that are not built, so nothing is known of what they fetch. */
  readonly unbuilt: readonly Address[];
  /** Of everything that depends on the nodes, with the new facts. */
  readonly plan: Plan;
}

/**
 * Updates the facts of the selected nodes and of everything they need.
 * @throws NodeFailure `network` when an index or a package cannot be fetched; UsageError
 */
export async function updateLock(
  workspace: Workspace,
  request: UpdateRequest,
): Promise<UpdateReport> {
  const { graph, inputs, environment } = workspace;
  const path = join(environment.root, LOCK_NAME);
  const own = readLock(path, environment.reader).facts;
  const before = inputs.lock.facts;
  const wanted = closureOf(graph, request.selection);
  const fresh = new Map<string, string>();
  const unbuilt: Address[] = [];
  const runner = runnerOptions(workspace, request);
  for (const node of nodesOf(graph, wanted, ["source", "toolchain", "modules"])) {
    const open = await askOpenFact(workspace, node, runner);
    if (open !== undefined) {
      fresh.set(...open);
      continue;
    }
    const record = recordOf(workspace, node.address);
    const facts = record === undefined ? undefined : goFacts(workspace, node.definition, record);
    if (facts === undefined) unbuilt.push(node.address);
    else for (const [fact, sum] of facts) fresh.set(fact, sum);
  }
  const indices = nodesOf(graph, wanted, ["debian-index"]);
  await moveIndices(workspace, indices, runner);
  const dependents = query(graph, { selection: [...wanted], relation: "dependents" });
  const followers = query(graph, {
    selection: indices.map(({ address }) => address),
    relation: "dependents",
  });
  const sets = nodesOf(graph, new Set(followers), ["packages"]);
  const solutions = await solvePackages(workspace, sets, runner);
  for (const [fact, digest] of inputs.lock.facts)
    if (before.get(fact) !== digest) fresh.set(fact, digest);
  for (const { node, record } of solutions.records)
    for (const [fact, digest] of archiveFacts(node.definition, record)) fresh.set(fact, digest);
  const dropped = unusedFacts(workspace, own, solutions);
  const facts = [
    ...[...fresh].flatMap(([fact, to]): FactChange[] =>
      before.get(fact) === to ? [] : [{ fact, from: before.get(fact), to }],
    ),
    ...dropped.map((fact): FactChange => ({ fact, from: own.get(fact), to: undefined })),
  ];
  const after = new Map(own);
  for (const { fact, to } of facts) {
    if (to === undefined) after.delete(fact);
    else after.set(fact, to);
  }
  inputs.lock = { facts: new Map([...inputs.lock.facts, ...fresh]) };
  const plan = planBuild({ ...workspace, selection: dependents });
  if (!request.dryRun && facts.length > 0) writeLock(path, { facts: after });
  const { packages, unsolved } = solutions;
  return { facts, packages, unsolved, unbuilt, plan };
}

/** The fact of a source that its recipe leaves open, as it is now; undefined when it has none. */
async function askOpenFact(
  { inputs }: Workspace,
  { address, definition }: GraphNode,
  runner: RunnerOptions,
): Promise<[fact: string, value: string] | undefined> {
  if (definition.kind !== "source") return undefined;
  const { origin } = definition;
  const fact = wantedFact(origin);
  if (fact === undefined) return undefined;
  const { kind, name } = fact;
  // A version of a module is published once; a tag or an archive may have been replaced.
  const known = kind === "gomod" ? inputs.locked(kind, name) : undefined;
  if (known !== undefined) return [`${kind} ${name}`, known];
  runner.onEvent({
    type: "started",
    address,
    cause: `policy.update: asking for ${factText(fact)}`,
  });
  return [`${kind} ${name}`, await askForFact(address, origin, runner)];
}

/** The nodes of some kinds among `addresses`, in topological order. */
function nodesOf(
  graph: BuildGraph,
  addresses: ReadonlySet<Address>,
  kinds: readonly GraphNode["definition"]["kind"][],
): GraphNode[] {
  return [...graph.nodes.values()].filter(
    ({ address, definition }) => addresses.has(address) && kinds.includes(definition.kind),
  );
}

/**
 * The packages that the project's lock names and no node uses. None while any set of packages is
 * unknown: a fact that is dropped too early lets another build take other bytes.
 */
function unusedFacts(
  workspace: Workspace,
  own: ReadonlyMap<string, string>,
  { unsolved, records }: Solutions,
): string[] {
  const { graph } = workspace;
  const isOpen = [...graph.nodes.values()].some(
    ({ definition }) => definition.kind === "image" && definition.awaits !== undefined,
  );
  if (unsolved.length > 0 || records.length === 0 || isOpen) return [];
  const sets = nodesOf(graph, new Set(graph.nodes.keys()), ["packages"]);
  const plan = planBuild({ ...workspace, selection: sets.map(({ address }) => address) });
  const used = new Set<string>();
  for (const { address, definition } of sets) {
    const decision = plan.nodes.get(address)?.decision;
    if (decision?.state !== "cached") return [];
    for (const fact of archiveFacts(definition, decision.record).keys()) used.add(fact);
  }
  return [...own.keys()].filter((fact) => fact.startsWith("deb ") && !used.has(fact));
}
