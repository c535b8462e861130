/**
 * `kmips why`: the root causes of one node's rebuild, and the ways on which they reach it.
 */
import type { Address } from "../model/node.js";
import type { Cause, Plan, PlannedNode } from "../plan/plan.js";
import { printable, type Paint } from "./paint.js";
import { causeText } from "./plan.js";

export interface WhyAnswer {
  readonly address: Address;
  readonly state: "cached" | "runs" | "waits" | "group";
  /** Nodes with causes of their own among the node and what it needs, in topological order. */
  readonly roots: readonly {
    readonly address: Address;
    readonly causes: readonly Cause[];
    readonly path: readonly Address[];
  }[];
  /** Nodes between the roots and the node: they run only because of the roots. */
  readonly followers: readonly Address[];
}

/** Answers for one planned node. `plan` must hold it and everything it needs. */
export function explainNode(plan: Plan, address: Address): WhyAnswer {
  const target = plan.nodes.get(address);
  const state = stateOf(target);
  if (state === "cached" || target === undefined)
    return { address, state, roots: [], followers: [] };
  const parents = pathsTo(plan, address);
  const roots: { address: Address; causes: readonly Cause[]; path: readonly Address[] }[] = [];
  const followers: Address[] = [];
  for (const [candidate, planned] of plan.nodes) {
    if (!parents.has(candidate)) continue;
    const { decision } = planned;
    if (
      decision.state === "invalidated" ||
      (decision.state === "waits" && decision.causes.length > 0)
    ) {
      roots.push({
        address: candidate,
        causes: decision.causes,
        path: pathFrom(candidate, address, parents),
      });
    } else if (decision.state === "waits" && candidate !== address) followers.push(candidate);
  }
  return { address, state, roots, followers };
}

function stateOf(planned: PlannedNode | undefined): WhyAnswer["state"] {
  switch (planned?.decision.state) {
    case "invalidated":
      return "runs";
    case "waits":
      return "waits";
    case "group":
      return "group";
    default:
      return "cached";
  }
}

/** Each node that `address` needs, with the next node on a shortest way to it. */
function pathsTo(plan: Plan, address: Address): ReadonlyMap<Address, Address | undefined> {
  const next = new Map<Address, Address | undefined>([[address, undefined]]);
  const queue = [address];
  for (const current of queue) {
    for (const dependency of plan.nodes.get(current)?.node.dependencies ?? []) {
      if (next.has(dependency)) continue;
      next.set(dependency, current);
      queue.push(dependency);
    }
  }
  return next;
}

function pathFrom(
  start: Address,
  end: Address,
  next: ReadonlyMap<Address, Address | undefined>,
): Address[] {
  const path = [start];
  for (let at = next.get(start); at !== undefined; at = next.get(at)) path.push(at);
  return path.at(-1) === end ? path : [start, end];
}

/** How many difference lines of one cause are shown. */
const SHOWN_LINES = 40;

export function renderWhy(answer: WhyAnswer, paint: Paint): string {
  const name = paint.bold(printable(answer.address));
  if (answer.roots.length === 0) {
    return answer.state === "group"
      ? `${name} is up to date: every member is cached\n`
      : `${name} is cached: no input changed since its last build\n`;
  }
  const [first] = answer.roots;
  const open = answer.roots.filter(({ causes }) =>
    causes.some(({ code }) => code === "not-locked"),
  );
  if (open.length > 0) {
    return `${name} cannot be built before a source is locked\n${open
      .map(
        ({ address, causes }) =>
          `${paint.red("not locked here")}  ${paint.bold(printable(address))}  ${causes.map(({ summary }) => printable(summary)).join("; ")}\n  run kmips update '${printable(address)}' on a network that has it\n`,
      )
      .join("")}`;
  }
  const own = first?.address === answer.address && answer.roots.length === 1;
  const headline = own
    ? `${name} would run: ${causeText(first.causes)}`
    : `${name} would run${answer.state === "waits" ? " unless what it stands on comes out the same" : ""}; changed: ${answer.roots.map((root) => `${printable(root.address)} (${causeText(root.causes)})`).join(", ")}`;
  const lines = [headline];
  for (const root of answer.roots) {
    lines.push(`${paint.yellow("root cause")}  ${paint.bold(printable(root.address))}`);
    for (const cause of root.causes) lines.push(...causeLines(cause, paint));
    if (root.path.length > 1)
      lines.push(`  ${paint.dim("reaches it by")} ${root.path.map(printable).join(" -> ")}`);
  }
  if (answer.followers.length > 0) {
    lines.push(`${paint.cyan("followers")}   ${answer.followers.map(printable).join(", ")}`);
  }
  return `${lines.join("\n")}\n`;
}

function oneLine(cause: Cause): string {
  return `${cause.code}: ${printable(cause.summary)}`;
}

function causeLines(cause: Cause, paint: Paint): string[] {
  const shown = cause.lines.slice(0, SHOWN_LINES).map((line) => {
    const text = `    ${printable(line)}`;
    return line.startsWith("+") ? paint.green(text) : line.startsWith("-") ? paint.red(text) : text;
  });
  if (cause.lines.length > SHOWN_LINES)
    shown.push(`    … ${cause.lines.length - SHOWN_LINES} more lines`);
  return [`  ${oneLine(cause)}`, ...shown];
}
