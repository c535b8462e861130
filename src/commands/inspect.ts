/**
 * The commands that only look: key, diff, query, graph, images, log.
 */
import { readFileSync } from "node:fs";
import type { ActionRecord, Digest } from "../../cache/index.js";
import {
  describeAction,
  diffActions,
  keyOf,
  linesOf,
  type Action,
  type Change,
} from "../keys/index.js";
import type { BuildGraph } from "../model/graph.js";
import { VARIANT_LABEL, WANTED_LABEL } from "../model/labels.js";
import type { Address, NodeKind } from "../model/node.js";
import { closureOf, planBuild, readText, withResults, type PlannedNode } from "../plan/plan.js";
import { isNamed, layerBytes, topOutput } from "./built-image.js";
import { UsageError } from "./errors.js";
import { unlockedSources } from "./unlocked.js";
import { currentRecords, recordOf, type Workspace } from "./workspace.js";

export interface KeyDocument {
  readonly address: Address;
  readonly kind: NodeKind;
  /** Undefined while a dependency has no result. */
  readonly key: Digest | undefined;
  readonly fields: readonly { readonly name: string; readonly lines: readonly string[] }[];
  /** Dependencies that must run before the key is known. */
  readonly waitsFor: readonly Address[];
}

/** Every field of a node's key, printable. */
export function keyDocument(workspace: Workspace, address: Address): KeyDocument {
  const { action, node } = plannedNode(workspace, address);
  const { store } = workspace;
  const read = (digest: Digest): string | undefined =>
    action.attachments.get(digest)?.toString() ?? readText(store, digest);
  return {
    address,
    kind: node.definition.kind,
    key: isComplete(action) ? keyOf(action) : undefined,
    fields: action.fields.map(({ name, value }) => ({
      name,
      lines: value.type === "blob" ? [value.digest, ...linesOf(value, read)] : linesOf(value, read),
    })),
    waitsFor: action.pending,
  };
}

function isComplete({ pending, missing, unlocked }: Action): boolean {
  return [pending, missing, unlocked].every((open) => open.length === 0);
}

function plannedNode(workspace: Workspace, address: Address): PlannedNode {
  const plan = planBuild({ ...workspace, selection: [address] });
  const planned = plan.nodes.get(address);
  if (planned === undefined) throw new UsageError(`No node "${address}"`);
  return planned;
}

/**
 * The difference between two sides, each an address (as it would be built now), an action key of
 * the store, or `last:ADDRESS` (as it was last built).
 * @throws UsageError when a side cannot be found
 */
export function diffSides(workspace: Workspace, before: string, after: string): Change[] {
  const left = sideOf(workspace, before);
  const right = sideOf(workspace, after);
  const { store } = workspace;
  return diffActions(
    right.kind,
    left.fields,
    right.fields,
    new Map(),
    (digest) => left.read(digest) ?? readText(store, digest),
    (digest) => right.read(digest) ?? readText(store, digest),
  );
}

interface Side {
  readonly kind: NodeKind;
  readonly fields: ActionRecord["fields"];
  readonly read: (digest: Digest) => string | undefined;
}

function sideOf(workspace: Workspace, text: string): Side {
  const { graph, store } = workspace;
  const nothing = (): undefined => undefined;
  if (/^sha256:[0-9a-f]{64}$/.test(text)) {
    const { record } = store.inspectAction(text as Digest);
    if (record === undefined)
      throw new UsageError(
        `The store has no action ${text}`,
        "kmips key NODE prints the key of a node",
      );
    return { kind: record.kind as NodeKind, fields: record.fields, read: nothing };
  }
  const address = text.replace(/^last:/, "");
  const node = graph.nodes.get(address);
  if (node === undefined)
    throw new UsageError(`No node "${address}"`, "kmips query lists the nodes");
  if (text.startsWith("last:")) {
    const key = workspace.history.lastBuilt(address);
    const record = key === undefined ? undefined : store.inspectAction(key).record;
    if (record === undefined)
      throw new UsageError(`"${address}" was never built here`, "run kmips build first");
    return { kind: node.definition.kind, fields: record.fields, read: nothing };
  }
  const action = describeAction(
    node,
    withResults(workspace.inputs, (dependency) => recordOf(workspace, dependency)),
  );
  return {
    kind: node.definition.kind,
    fields: action.fields,
    read: (digest) => action.attachments.get(digest)?.toString(),
  };
}

export interface QueryRequest {
  readonly selection: readonly Address[];
  readonly relation: "self" | "dependencies" | "dependents";
}

/** Addresses in topological order. */
export function query(graph: BuildGraph, { selection, relation }: QueryRequest): Address[] {
  if (relation === "self") return inOrder(graph, new Set(selection));
  if (relation === "dependencies") return inOrder(graph, closureOf(graph, selection));
  const reached = new Set(selection);
  for (const node of graph.nodes.values()) {
    if (node.dependencies.some((dependency) => reached.has(dependency))) reached.add(node.address);
  }
  return inOrder(graph, reached);
}

function inOrder(graph: BuildGraph, wanted: ReadonlySet<Address>): Address[] {
  return [...graph.nodes.keys()].filter((address) => wanted.has(address));
}

/** The graph of the selection for Graphviz (`dot`) or Mermaid. */
export function graphText(
  graph: BuildGraph,
  selection: readonly Address[],
  format: "dot" | "mermaid",
): string {
  const wanted = inOrder(graph, closureOf(graph, selection));
  const ids = new Map(wanted.map((address, index) => [address, `n${index}`]));
  const lines: string[] = [];
  for (const address of wanted) {
    const label = address.replaceAll('"', "'");
    lines.push(
      format === "dot"
        ? `  ${ids.get(address)} [label="${label}"];`
        : `  ${ids.get(address)}["${label}"]`,
    );
    for (const dependency of graph.nodes.get(address)?.dependencies ?? []) {
      const edge =
        format === "dot"
          ? `${ids.get(dependency)} -> ${ids.get(address)};`
          : `${ids.get(dependency)} --> ${ids.get(address)}`;
      lines.push(`  ${edge}`);
    }
  }
  const [open, close] =
    format === "dot"
      ? ["digraph kmips {\n  rankdir=LR;\n  node [shape=box];", "}\n"]
      : ["graph LR", ""];
  return `${open}\n${lines.join("\n")}\n${close}`;
}

export interface ImageRow {
  readonly address: Address;
  readonly reference: string;
  readonly platform: string;
  /** As the recipes are now if the store has that, else as it was last built; undefined: never. */
  readonly digest: string | undefined;
  /** Whether the digest is of the recipes as they are now. */
  readonly isCurrent: boolean;
  readonly sizeBytes: number;
  /** Tests of the image, and how many of them passed with this digest. */
  readonly tests: number;
  readonly passed: number;
  /** The version that the original port had: the label `io.kmips.wanted`. */
  readonly wanted?: string;
  /** Which of several recipes of one image it is: the label `io.kmips.variant`. */
  readonly variant?: string;
  /** Sources that must be locked before it can be built. */
  readonly notLocked: readonly Address[];
}

/** Every base, image and index of the project with what the store has of it. */
export function listImages(workspace: Workspace): ImageRow[] {
  const rows: ImageRow[] = [];
  const nodes = [...workspace.graph.nodes.values()];
  const selection = nodes
    .filter(({ definition }) => isNamed(definition) || definition.kind === "test")
    .map(({ address }) => address);
  const currents = currentRecords(workspace, selection);
  for (const { address, definition } of nodes) {
    if (!isNamed(definition)) continue;
    const current = currents.get(address);
    const record = current ?? recordOf(workspace, address);
    const tests = nodes.filter(
      (node) => node.definition.kind === "test" && node.definition.subject === address,
    );
    const labels = definition.kind === "index" ? {} : definition.config.labels;
    const { [WANTED_LABEL]: wanted, [VARIANT_LABEL]: variant } = labels;
    rows.push({
      address,
      ...(wanted !== undefined && { wanted }),
      ...(variant !== undefined && { variant }),
      notLocked: unlockedSources(workspace.graph, [address], workspace.inputs).map(
        ({ node }) => node.address,
      ),
      reference: definition.reference,
      platform:
        definition.kind === "index"
          ? `${definition.images.length} platforms`
          : `linux/${definition.platform.arch}`,
      digest: record === undefined ? undefined : topOutput(record)?.digest,
      isCurrent: current !== undefined,
      sizeBytes: record === undefined ? 0 : layerBytes(record),
      tests: tests.length,
      passed: tests.filter((test) =>
        current === undefined
          ? record !== undefined && testedResult(workspace, test.address) === record.result
          : currents.has(test.address),
      ).length,
    });
  }
  return rows;
}

/** The result of its subject that a test last passed with. */
function testedResult(workspace: Workspace, address: Address): string | undefined {
  const subject = recordOf(workspace, address)?.fields.find(
    (field) => field.name === "subject",
  )?.value;
  return subject?.type === "text" ? subject.text : undefined;
}

/** What the last run of a node printed. @throws UsageError when it never ran here */
export function nodeLog(workspace: Workspace, address: Address): string {
  const key = workspace.history.last(address)?.key;
  if (key === undefined)
    throw new UsageError(`"${address}" never ran here`, "run kmips build first");
  try {
    return readFileSync(workspace.store.paths.log(key), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return "";
  }
}
