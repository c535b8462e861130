/**
 * Gathers the nodes of the graph and where each needs another.
 */
import type { Location } from "../../grammar/index.js";
import type { Address, GraphNode, NodeDefinition } from "../model/node.js";
import type { CellSet } from "./matrix.js";
import type { Findings } from "./findings.js";
import type { Cell } from "./session.js";
import { axisText } from "./values.js";

/** Most nodes of a project. */
export const NODES = 250_000;

/** What a node needs, in order of first use, with the place that says so. */
export class Needs {
  readonly #places = new Map<Address, Location>();

  add(address: Address, at: Location): Address {
    if (!this.#places.has(address)) this.#places.set(address, at);
    return address;
  }

  get addresses(): readonly Address[] {
    return [...this.#places.keys()];
  }

  placeOf(address: Address): Location | undefined {
    return this.#places.get(address);
  }
}

export interface Emitted {
  readonly node: GraphNode;
  readonly needs: Needs;
}

export class Emitter {
  readonly nodes = new Map<Address, Emitted>();
  readonly #findings: Findings;
  readonly #limit: number;

  constructor(findings: Findings, limit = NODES) {
    this.#findings = findings;
    this.#limit = limit;
  }

  emit(
    address: Address,
    definition: NodeDefinition,
    needs: Needs,
    at: Location,
    doc: string | undefined,
  ): void {
    if (this.nodes.size >= this.#limit) {
      this.#findings.error("KM0313", at, `The project has more than ${this.#limit} nodes`, {
        help: "split the project",
      });
      return;
    }
    const node: GraphNode = {
      address,
      definition,
      dependencies: needs.addresses,
      at,
      ...(doc !== undefined && { doc }),
    };
    this.nodes.set(address, { node, needs });
  }
}

/** A definition as text in which equal definitions are equal; places do not count. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (key, entry: unknown) => (key === "at" ? undefined : entry));
}

/**
 * The addresses of one derived part of every cell. Cells whose definitions are equal share a node, and
 * only the axes that the definition depends on stay in its address.
 */
export function derivedAddresses(
  set: CellSet,
  part: string,
  definitions: ReadonlyMap<Cell, unknown>,
): ReadonlyMap<Cell, Address> {
  const owner = `${set.declared.kind}.${set.declared.name}`;
  const addresses = new Map<Cell, Address>();
  const texts = new Map<Cell, string>();
  if (set.axes.length > 0)
    for (const [cell, definition] of definitions) texts.set(cell, canonical(definition));
  let kept = set.axes.map((axis) => axis.name);
  const project = (cell: Cell, axes: readonly string[]): string =>
    axes.map((axis) => axisOf(cell, axis)).join(",");
  for (const axis of kept) {
    const fewer = kept.filter((name) => name !== axis);
    const seen = new Map<string, string>();
    const decided = [...texts].every(([cell, text]) => {
      const key = project(cell, fewer);
      const known = seen.get(key);
      if (known === undefined) seen.set(key, text);
      return known === undefined || known === text;
    });
    if (decided) kept = fewer;
  }
  for (const cell of definitions.keys()) {
    const axes = kept.length === 0 ? "" : `[${project(cell, kept)}]`;
    addresses.set(cell, `${owner}${axes}/${part}`);
  }
  return addresses;
}

function axisOf(cell: Cell, axis: string): string {
  const value = cell.axes.get(axis);
  return value === undefined ? "" : (axisText(value) ?? "");
}
