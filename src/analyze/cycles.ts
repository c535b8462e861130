/**
 * The order of the nodes, dependencies first, and the cycles that have none.
 *
 * Iterative, so that a chain of any length fits the stack; independent of the order of declaration.
 */
import type { Location } from "../../grammar/index.js";
import type { Address } from "../model/node.js";
import type { Emitted } from "./emit.js";

export interface Cycle {
  /** The nodes in order, the first one not repeated. */
  readonly path: readonly Address[];
  /** Where each node needs the next. */
  readonly places: readonly (Location | undefined)[];
}

/** Nodes in topological order, ties by address in code-unit order, or the cycles found. */
export function orderNodes(nodes: ReadonlyMap<Address, Emitted>): {
  readonly order: readonly Address[];
  readonly cycles: readonly Cycle[];
} {
  const order: Address[] = [];
  const cycles: Cycle[] = [];
  const state = new Map<Address, "open" | "done">();
  const roots = [...nodes.keys()].sort();
  for (const root of roots) {
    if (state.has(root)) continue;
    const stack: { readonly address: Address; readonly next: readonly Address[]; index: number }[] =
      [];
    const enter = (address: Address): void => {
      state.set(address, "open");
      stack.push({ address, next: nodes.get(address)?.node.dependencies ?? [], index: 0 });
    };
    enter(root);
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const dependency = frame.next[frame.index++];
      if (dependency === undefined) {
        state.set(frame.address, "done");
        order.push(frame.address);
        stack.pop();
      } else if (!nodes.has(dependency)) {
        // A node that failed is left out, and its fault is reported.
        continue;
      } else if (state.get(dependency) === undefined) enter(dependency);
      else if (state.get(dependency) === "open") {
        const start = stack.findIndex((candidate) => candidate.address === dependency);
        const path = stack.slice(start).map((candidate) => candidate.address);
        const places = path.map((address, index) =>
          nodes.get(address)?.needs.placeOf(path[index + 1] ?? dependency),
        );
        cycles.push({ path, places });
      }
    }
  }
  return { order, cycles };
}
