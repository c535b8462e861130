/**
 * The outcome of nodes whose only output is a tree.
 */
import type { StoredBlob } from "../../cache/index.js";
import type { ActionOutcome } from "./context.js";

/** The outcome of a node with one output, `tree`, begun at `started` (of `performance.now()`). */
export function treeOutcome(
  tree: StoredBlob,
  started: number,
  notes?: readonly string[],
): ActionOutcome {
  return {
    outputs: [{ name: "tree", digest: tree.digest, size: tree.size }],
    nativeMs: Math.round(performance.now() - started),
    emulatedMs: 0,
    ...(notes === undefined || notes.length === 0 ? {} : { notes }),
  };
}
