/**
 * The whole build graph: immutable, acyclic, known before anything runs.
 */
import type { Address, GraphNode } from "./node.js";

export interface BuildGraph {
  /** In topological order: dependencies before dependents. */
  readonly nodes: ReadonlyMap<Address, GraphNode>;
  /** Absolute path of the directory that holds the project's root recipe. */
  readonly root: string;
  readonly projectName: string;
  /** Every recipe that was read, absolute paths, root first. */
  readonly recipes: readonly string[];
}
