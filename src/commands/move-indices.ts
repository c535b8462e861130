/**
 * The Debian half of `kmips update`: package lists as their archive has them now, and the sets of
 * packages that follow from them. Fetches, and runs nothing of what it fetched.
 */
import type { ActionRecord } from "../../cache/index.js";
import { fetchedOutputs, produceRecord, runNode, type RunnerOptions } from "../execute/index.js";
import { indexFacts, packageChanges } from "../keys/index.js";
import { InternalError } from "../model/invariant.js";
import type { Address, GraphNode } from "../model/node.js";
import { cachedRecord, planBuild, planNode, type PlannedNode } from "../plan/plan.js";
import { archiveFacts } from "./record-facts.js";
import { recordOf, type Workspace } from "./workspace.js";

export interface MovedPackages {
  readonly address: Address;
  /** As `packageChanges()` words them, against the last build; undefined when there was none. */
  readonly changes: readonly string[] | undefined;
  /** How many packages the set has now. */
  readonly count: number;
}

/**
 * Fetches the indices anew with their facts set aside, and keeps each under the key that its new
 * facts make. Afterwards the workspace goes by the new facts. @throws NodeFailure
 */
export async function moveIndices(
  workspace: Workspace,
  nodes: readonly GraphNode[],
  runner: RunnerOptions,
): Promise<void> {
  const { inputs, store } = workspace;
  const facts = new Map(inputs.lock.facts);
  for (const { definition } of nodes) {
    if (definition.kind !== "debian-index") continue;
    for (const { kind, name } of indexFacts(definition)) facts.delete(`${kind} ${name}`);
  }
  inputs.lock = { facts };
  await store.hold();
  for (const node of nodes) {
    const planned = planNode(node, workspace);
    const record = await report(planned, runner, (key) =>
      produceRecord(planned, key, () => undefined, runner, undefined),
    );
    // A suite that the next node uses too is now pinned: two nodes see the archive at one moment.
    for (const [fact, digest] of archiveFacts(node.definition, record)) facts.set(fact, digest);
    const { decision, action } = planNode(node, workspace);
    if (decision.state !== "invalidated" || decision.key === undefined) continue;
    const items = fetchedOutputs(node.definition, record.outputs);
    store.putVault({ key: decision.key, address: node.address, items });
    store.putAction({ ...record, key: decision.key, fields: action.fields });
  }
}

export interface Solutions {
  readonly packages: readonly MovedPackages[];
  readonly records: readonly { readonly node: GraphNode; readonly record: ActionRecord }[];
  /** Solved only once what they are installed on is rebuilt. */
  readonly unsolved: readonly Address[];
}

/** Solves sets of packages against the facts that the workspace goes by now. @throws NodeFailure */
export async function solvePackages(
  workspace: Workspace,
  nodes: readonly GraphNode[],
  runner: RunnerOptions,
): Promise<Solutions> {
  const packages: MovedPackages[] = [];
  const records: { node: GraphNode; record: ActionRecord }[] = [];
  const unsolved: Address[] = [];
  for (const node of nodes) {
    const plan = planBuild({ ...workspace, selection: [node.address] });
    const planned = plan.nodes.get(node.address);
    if (planned === undefined) throw new InternalError(`The plan has no node "${node.address}"`);
    const { decision } = planned;
    if (decision.state === "waits") {
      unsolved.push(node.address);
      continue;
    }
    const result = (address: Address): ActionRecord | undefined => cachedRecord(plan, address);
    const record =
      decision.state === "cached"
        ? decision.record
        : await report(planned, runner, (key) => runNode(planned, key, result, runner));
    records.push({ node, record });
    const previous = recordOf(workspace, node.address);
    const changes =
      previous === undefined ? undefined : packageChanges(filesOf(previous), filesOf(record));
    if (changes === undefined || changes.length > 0)
      packages.push({ address: node.address, changes, count: filesOf(record).length });
  }
  return { packages, records, unsolved };
}

/** Runs a planned node with the events of a build. */
async function report(
  { node, decision }: PlannedNode,
  { onEvent }: RunnerOptions,
  run: (key: ActionRecord["key"]) => Promise<ActionRecord>,
): Promise<ActionRecord> {
  const { address } = node;
  const key = "key" in decision ? decision.key : undefined;
  if (key === undefined) throw new InternalError(`"${address}" has no key`);
  onEvent({ type: "started", address, cause: "policy.update: fetched anew" });
  const record = await run(key);
  const { result, nativeMs, emulatedMs } = record;
  onEvent({ type: "finished", address, outcome: { kind: "built", result, nativeMs, emulatedMs } });
  return record;
}

/** `NAME_VERSION_ARCH.deb DIGEST` of every package of a set. */
function filesOf({ outputs }: ActionRecord): string[] {
  return outputs.flatMap(({ name, digest }) =>
    name.startsWith("deb/") ? [`${name.slice("deb/".length)} ${digest}`] : [],
  );
}
