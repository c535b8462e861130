/**
 * Sources that neither their recipe nor kmips.lock pins: told by what looks, refused by what builds.
 */
import type { Diagnostic } from "../../grammar/index.js";
import { factText, wantedFact, type Fact } from "../model/facts.js";
import type { BuildGraph } from "../model/graph.js";
import type { Address, GraphNode } from "../model/node.js";
import { closureOf } from "../plan/plan.js";
import { RecipeErrors, type Workspace } from "./workspace.js";

/** Stable codes of faults that only the lock shows. */
export const LOCK_CODES = {
  KM0401: "A source that neither its recipe nor kmips.lock pins",
} as const;

export interface UnlockedSource {
  readonly node: GraphNode;
  readonly fact: Fact;
}

/** What there is to look facts up in. */
interface Facts {
  locked(kind: string, name: string): string | undefined;
}

/** The sources that are not locked among the selected nodes and everything they need. */
export function unlockedSources(
  graph: BuildGraph,
  selection: readonly Address[],
  facts: Facts,
): UnlockedSource[] {
  const wanted = closureOf(graph, selection);
  return [...graph.nodes.values()].flatMap((node) => {
    const { address, definition } = node;
    const fact =
      definition.kind === "source" && wanted.has(address)
        ? wantedFact(definition.origin)
        : undefined;
    const isOpen = fact !== undefined && facts.locked(fact.kind, fact.name) === undefined;
    return isOpen ? [{ node, fact }] : [];
  });
}

/** Refuses a selection with sources that are not locked, before anything runs. @throws RecipeErrors */
export function refuseUnlocked(
  { graph, inputs }: Pick<Workspace, "graph" | "inputs">,
  selection: readonly Address[],
): void {
  const sources = unlockedSources(graph, selection, inputs);
  if (sources.length === 0) return;
  const wanted = closureOf(graph, selection);
  const diagnostics = sources.map(({ node, fact }): Diagnostic => {
    const { address, at } = node;
    const users = [...graph.nodes.values()].filter(
      (user) => wanted.has(user.address) && user.dependencies.includes(address),
    );
    return {
      code: "KM0401",
      severity: "error",
      at,
      message: `${address} is not locked here: nothing says yet what ${factText(fact)} is`,
      notes: users.map((user) => ({ message: `${user.address} needs it`, at: user.at })),
      help: `run kmips update '${address}' on a network that has it`,
    };
  });
  throw new RecipeErrors(diagnostics);
}
