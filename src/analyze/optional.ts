/**
 * Which nodes no selection takes unless it names them: optional cells, and what only they need.
 */
import type { Address, GraphNode } from "../model/node.js";

/**
 * `nodes` (dependencies first) with the optional ones marked. `cells` are the optional cells; their
 * tests, groups with one of them, and the sources, toolchains and derived nodes that nothing else
 * needs follow them.
 */
export function markOptional(
  nodes: Map<Address, GraphNode>,
  cells: ReadonlySet<Address>,
): Map<Address, GraphNode> {
  if (cells.size === 0) return nodes;
  const optional = new Set(cells);
  for (const { address, definition } of nodes.values()) {
    if (definition.kind === "test" && optional.has(definition.subject)) optional.add(address);
    if (definition.kind === "group" && definition.members.some((member) => optional.has(member)))
      optional.add(address);
  }
  const neededBy = new Map<Address, "optional" | "others">();
  for (const node of [...nodes.values()].reverse()) {
    const { address, definition, dependencies } = node;
    if (isInput(node) && neededBy.get(address) === "optional") optional.add(address);
    // A group is a name for its members and needs nothing itself.
    if (definition.kind === "group") continue;
    for (const dependency of dependencies) {
      if (!optional.has(address)) neededBy.set(dependency, "others");
      else if (!neededBy.has(dependency)) neededBy.set(dependency, "optional");
    }
  }
  for (const address of optional) {
    const node = nodes.get(address);
    if (node === undefined) continue;
    const { definition } = node;
    // Nobody may have been able to fetch it yet, so that there is nothing that it was compared with.
    nodes.set(
      address,
      definition.kind === "source" && definition.origin.type === "go-module"
        ? {
            ...node,
            optional: true,
            definition: { ...definition, origin: { ...definition.origin, needsFact: true } },
          }
        : { ...node, optional: true },
    );
  }
  return nodes;
}

/** Whether a node is there for others only: what is fetched, and the parts that a declaration makes. */
function isInput({ address, definition: { kind } }: GraphNode): boolean {
  return kind === "source" || kind === "toolchain" || address.includes("/");
}
