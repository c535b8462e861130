/** `kmips slow`: where the time under emulators went, as of each node's last run. */
import type { ActionRecord } from "../../cache/index.js";
import { countPackages } from "../keys/index.js";
import type { BuildGraph } from "../model/graph.js";
import type { Address, NodeDefinition, NodeKind } from "../model/node.js";
import type { Workspace } from "./workspace.js";

export interface SlowRow {
  readonly address: Address;
  readonly kind: NodeKind;
  readonly emulatedMs: number;
  readonly nativeMs: number;
  /** Of the emulated time of all nodes: 0 to 1. */
  readonly share: number;
  /** What would make it less. */
  readonly hint: string;
}

export interface SlowReport {
  readonly emulatedMs: number;
  readonly nativeMs: number;
  /** Nodes with emulated time, the worst first. */
  readonly rows: readonly SlowRow[];
  /** Nodes that were never built here. */
  readonly unknown: readonly Address[];
}

/** The emulated time of the selected nodes' last runs. */
export function slowNodes(workspace: Workspace, selection: readonly Address[]): SlowReport {
  const { graph } = workspace;
  const { ran, unknown } = lastRuns(workspace, selection);
  const { nativeMs, emulatedMs } = costOf(ran);
  const rows = ran
    .filter(({ record }) => record.emulatedMs > 0)
    .sort((a, b) => b.record.emulatedMs - a.record.emulatedMs)
    .map(({ address, definition, record }) => ({
      address,
      kind: definition.kind,
      emulatedMs: record.emulatedMs,
      nativeMs: record.nativeMs,
      share: record.emulatedMs / emulatedMs,
      hint: hintFor(definition, record, graph),
    }));
  return { emulatedMs, nativeMs, rows, unknown };
}

/** What nodes took when each of them last ran here. */
export interface Cost {
  /** Results: nodes of one key, as two tags of one image have, count once. */
  readonly results: number;
  readonly nativeMs: number;
  readonly emulatedMs: number;
}

/** The cost of everything that the selected nodes last made. */
export function costOfNodes(workspace: Workspace, selection: readonly Address[]): Cost {
  return costOf(lastRuns(workspace, selection).ran);
}

interface LastRun {
  readonly address: Address;
  readonly definition: NodeDefinition;
  readonly record: ActionRecord;
}

function lastRuns(
  { graph, history, store }: Workspace,
  selection: readonly Address[],
): { readonly ran: readonly LastRun[]; readonly unknown: readonly Address[] } {
  const ran: LastRun[] = [];
  const unknown: Address[] = [];
  for (const address of selection) {
    const definition = graph.nodes.get(address)?.definition;
    if (definition === undefined || definition.kind === "group") continue;
    const key = history.lastBuilt(address);
    const record = key === undefined ? undefined : store.inspectAction(key).record;
    if (record === undefined) unknown.push(address);
    else ran.push({ address, definition, record });
  }
  return { ran, unknown };
}

function costOf(ran: readonly LastRun[]): Cost {
  const records = [...new Map(ran.map(({ record }) => [record.key, record])).values()];
  const sum = (pick: (record: ActionRecord) => number): number =>
    records.reduce((total, record) => total + pick(record), 0);
  return {
    results: records.length,
    nativeMs: sum((record) => record.nativeMs),
    emulatedMs: sum((record) => record.emulatedMs),
  };
}

function hintFor(definition: NodeDefinition, record: ActionRecord, graph: BuildGraph): string {
  switch (definition.kind) {
    case "base":
      return definition.scripts === "emulated"
        ? "scripts = chrootless runs the maintainer scripts natively"
        : "";
    case "install": {
      if (definition.scripts === "emulated")
        return "scripts = split emulates the maintainer scripts alone";
      const count = packageCount(record);
      const set = graph.nodes.get(definition.packages)?.definition;
      const fewer =
        set?.kind === "packages" && set.recommends
          ? "; recommends = false leaves out what is only recommended"
          : "";
      return `maintainer scripts of ${count} package${count === 1 ? "" : "s"}${fewer}`;
    }
    case "run":
      return "what it only writes belongs into a files block, what it installs into install";
    case "test":
      return `${definition.steps.length} step${definition.steps.length === 1 ? "" : "s"}, ${definition.services.length} service${definition.services.length === 1 ? "" : "s"}; not part of the image`;
    default:
      return "";
  }
}

function packageCount({ fields }: ActionRecord): number {
  const value = fields.find(({ name }) => name === "packages")?.value;
  return value?.type === "list" ? countPackages(value.items) : 0;
}
