/**
 * What a build adds to the project's lock: the facts of what it took from a Debian archive first.
 */
import { join } from "node:path";
import { errnoOf, type ActionRecord } from "../../cache/index.js";
import { fetchedOutputs } from "../execute/index.js";
import { describeAction, keyOf } from "../keys/index.js";
import type { BuildReport } from "../model/event.js";
import type { GraphNode, NodeDefinition } from "../model/node.js";
import { mergeLocks, parseLock } from "../plan/lock-file.js";
import type { Plan } from "../plan/plan.js";
import { LOCK_NAME, writeLock } from "./locks.js";
import { recordOf, type Workspace } from "./workspace.js";

/** `KIND NAME` → digest of everything that a node's result took from a Debian archive. */
export function archiveFacts(
  definition: NodeDefinition,
  record: ActionRecord,
): Map<string, string> {
  return new Map(
    fetchedOutputs(definition, record.outputs).map(({ kind, name, digest }) => [
      `${kind} ${name}`,
      digest,
    ]),
  );
}

/**
 * Adds to the project's lock what the nodes of a build took from Debian archives and no lock knows
 * yet; never changes a fact. Nodes that are keyed on the facts get their result under the new key
 * too, so that the next build has nothing to do. A lock that cannot be read or written is a warning.
 */
export function recordFacts(
  workspace: Workspace,
  plan: Plan,
  report: BuildReport,
  onWarning: (message: string) => void,
): void {
  const { inputs, environment, texts } = workspace;
  const missing = new Map<string, string>();
  const finished: { readonly node: GraphNode; readonly record: ActionRecord }[] = [];
  for (const [address, { node }] of plan.nodes) {
    if (node.definition.kind !== "debian-index" && node.definition.kind !== "packages") continue;
    const outcome = report.outcomes.get(address)?.kind;
    if (outcome !== "built" && outcome !== "cached") continue;
    const record = recordOf(workspace, address);
    if (record === undefined) continue;
    finished.push({ node, record });
    for (const [fact, digest] of archiveFacts(node.definition, record))
      if (!inputs.lock.facts.has(fact)) missing.set(fact, missing.get(fact) ?? digest);
  }
  if (missing.size === 0) return;
  const path = join(environment.root, LOCK_NAME);
  // Whoever changed the file since it was read keeps what they wrote, and the next build reads it.
  const now = texts.readAgain(path) ?? "";
  const unchanged = now === (texts.readText(path) ?? "");
  const { lock, problems } = parseLock(now);
  const lost = `${missing.size} facts of what was fetched are not locked`;
  const [problem] = problems;
  if (problem !== undefined) {
    // Writing would drop the line, which may be half of a merge.
    onWarning(`"${path}" line ${problem.line}: ${problem.message}; ${lost}`);
    return;
  }
  const completed = mergeLocks({ facts: missing }, lock);
  try {
    const text = writeLock(path, completed);
    if (unchanged) texts.remember(path, text);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    onWarning(`"${path}" cannot be written (${errno}): ${lost}`);
    return;
  }
  inputs.lock = mergeLocks(inputs.lock, { facts: missing });
  for (const { node, record } of finished) keepUnderNewKey(workspace, node, record);
  workspace.history.flush();
}

/** Stores a result once more when its key holds facts that were written since. */
function keepUnderNewKey(workspace: Workspace, node: GraphNode, record: ActionRecord): void {
  const { store, inputs, history } = workspace;
  if (node.definition.kind !== "debian-index") return;
  const action = describeAction(node, inputs);
  const key = keyOf(action);
  if (key === record.key) return;
  const items = fetchedOutputs(node.definition, record.outputs);
  // With the fact of another run in the lock, this result is not what the new key stands for.
  if (items.some(({ kind, name, digest }) => inputs.locked(kind, name) !== digest)) return;
  store.putVault({ key, address: node.address, items });
  store.putAction({ ...record, key, fields: action.fields });
  history.record(node.address, key, false);
}
