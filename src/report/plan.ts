/**
 * A plan as text: one line per node that would run, root causes first with their followers below.
 */
import type { Address, NodeKind } from "../model/node.js";
import { isNotLocked, type Cause, type Plan, type PlannedNode } from "../plan/plan.js";
import { formatMs } from "./duration.js";
import { printable, type Paint } from "./paint.js";

export interface PlanCounts {
  readonly total: number;
  readonly cached: number;
  readonly toRun: number;
  readonly waiting: number;
  /** Sources that must be locked before they, and what waits for them, can run. */
  readonly notLocked: number;
  readonly nativeMs: number;
  readonly emulatedMs: number;
  /** Emulated ms by kind of node. */
  readonly emulatedByKind: Readonly<Partial<Record<NodeKind, number>>>;
  /** Of those to run and waiting, the ones that never ran, so that nothing is known of their time. */
  readonly unknown: number;
}

/** Groups are names, not work: they are not counted. */
export function countPlan(plan: Plan): PlanCounts {
  const counts = {
    total: 0,
    cached: 0,
    toRun: 0,
    waiting: 0,
    notLocked: 0,
    nativeMs: 0,
    emulatedMs: 0,
    unknown: 0,
  };
  const emulatedByKind: Partial<Record<NodeKind, number>> = {};
  for (const { node, decision, expectedMs } of plan.nodes.values()) {
    if (decision.state === "group") continue;
    counts.total++;
    if (decision.state === "cached") counts.cached++;
    else {
      if (isNotLocked(decision)) counts.notLocked++;
      else if (decision.state === "invalidated") counts.toRun++;
      else counts.waiting++;
      counts.nativeMs += expectedMs?.native ?? 0;
      const emulated = expectedMs?.emulated ?? 0;
      counts.emulatedMs += emulated;
      const { kind } = node.definition;
      if (emulated > 0) emulatedByKind[kind] = (emulatedByKind[kind] ?? 0) + emulated;
      if (expectedMs === undefined) counts.unknown++;
    }
  }
  return { ...counts, emulatedByKind };
}

export interface PlanTextOptions {
  readonly paint: Paint;
  /** Nodes of the plan whose results decide more of the graph and are not known. */
  readonly unknown?: readonly Address[];
  /** Cached nodes are listed too. */
  readonly all: boolean;
}

/** `cause`, `follows` and, with `all`, `cached` lines, then the counts. */
export function renderPlan(plan: Plan, { paint, all, unknown = [] }: PlanTextOptions): string {
  const lines: string[] = [];
  for (const planned of plan.nodes.values()) {
    const line = planLine(planned, paint, all);
    if (line !== undefined) lines.push(line);
  }
  lines.push(...unknownLines(plan, unknown, paint));
  lines.push(planSummary(countPlan(plan)));
  return `${lines.join("\n")}\n`;
}

/** What cannot be said yet, and what the build does about it. */
export function unknownLines(plan: Plan, unknown: readonly Address[], paint: Paint): string[] {
  return unknown.flatMap((address) => {
    const node = plan.nodes.get(address)?.node;
    if (node === undefined) return [];
    const what =
      node.definition.kind === "dockerfile"
        ? "the nodes of its instructions are not known"
        : "the names of packages are not checked";
    return [`${paint.cyan("unknown")}  ${printable(address)}  until it has run ${what}`];
  });
}

function planLine(planned: PlannedNode, paint: Paint, all: boolean): string | undefined {
  const address = printable(planned.node.address);
  const { decision } = planned;
  switch (decision.state) {
    case "group":
      return undefined;
    case "cached":
      return all
        ? `${paint.green("cached ")}  ${address}  ${paint.dim(decision.key.slice(0, 19))}`
        : undefined;
    case "invalidated":
      if (isNotLocked(decision)) {
        const open = decision.causes.map(({ summary }) => printable(summary)).join("; ");
        return `${paint.red("not locked here")}  ${paint.bold(address)}  ${open}; kmips update '${address}' locks it where that can be had`;
      }
      return `${paint.yellow("cause  ")}  ${paint.bold(address)}  ${causeText(decision.causes)}  ${costText(planned, paint)}`.trimEnd();
    case "waits": {
      const own = decision.causes.length > 0 ? `${causeText(decision.causes)}; ` : "";
      const stop = decision.causes.length > 0 ? "" : paint.dim("may stop here");
      return `${paint.cyan("follows")}  ${address}  ${own}waits for ${nameFew(decision.on)}  ${[costText(planned, paint), stop].filter((t) => t !== "").join("  ")}`.trimEnd();
    }
  }
}

/** `code: difference`, the first cause and how many more. */
export function causeText(causes: readonly Cause[]): string {
  const [first] = causes;
  if (first === undefined) return "unknown";
  const more = causes.length > 1 ? ` (and ${causes.length - 1} more)` : "";
  return `${first.code}: ${printable(first.summary)}${more}`;
}

function costText(planned: PlannedNode, paint: Paint): string {
  if (planned.expectedMs === undefined) return "";
  const { native, emulated } = planned.expectedMs;
  const parts = [
    native > 0 ? `${formatMs(native)} native` : "",
    emulated > 0 ? `${formatMs(emulated)} emulated` : "",
  ];
  return paint.dim(parts.filter((part) => part !== "").join(", "));
}

function nameFew(addresses: readonly Address[]): string {
  const shown = addresses.slice(0, 2).map(printable).join(", ");
  return addresses.length > 2 ? `${shown} and ${addresses.length - 2} more` : shown;
}

export function planSummary(counts: PlanCounts): string {
  const parts = [
    `${counts.total} nodes: ${counts.cached} cached, ${counts.toRun} to run, ${counts.waiting} waiting on them${counts.notLocked > 0 ? `, ${counts.notLocked} not locked here` : ""}`,
  ];
  if (counts.nativeMs + counts.emulatedMs > 0) {
    const kinds = Object.entries(counts.emulatedByKind)
      .sort(([, a], [, b]) => b - a)
      .map(([kind, ms]) => `${kind} ${formatMs(ms)}`);
    const split = kinds.length > 0 ? ` (${kinds.join(", ")})` : "";
    parts.push(
      `about ${formatMs(counts.nativeMs)} native, ${formatMs(counts.emulatedMs)} emulated${split}`,
    );
    if (counts.unknown > 0) parts.push(`${counts.unknown} never ran`);
  }
  return parts.join("; ");
}

/** The plan for `--json`; `unknown` as in `PlanTextOptions`. */
export function planAsData(plan: Plan, unknown: readonly Address[] = []): unknown {
  return {
    ...countPlan(plan),
    unknown: unknown.filter((address) => plan.nodes.has(address)),
    nodes: [...plan.nodes.values()]
      .filter(({ decision }) => decision.state !== "group")
      .map(({ node, decision, expectedMs }) => ({
        address: node.address,
        kind: node.definition.kind,
        state: decision.state,
        notLocked: isNotLocked(decision) || undefined,
        key: "key" in decision ? decision.key : undefined,
        causes: "causes" in decision ? decision.causes : undefined,
        waitsFor: "on" in decision ? decision.on : undefined,
        result: decision.state === "cached" ? decision.record.result : undefined,
        expectedMs,
      })),
  };
}
