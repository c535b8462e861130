/**
 * Trees that executors make of files, and the outcome of nodes whose only output is one.
 */
import { lstatSync, readFileSync } from "node:fs";
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

/** The bytes of a file, read when they are asked for: a toolchain is larger than memory should hold. */
export function fileContent(path: string): {
  readonly chunks: Iterable<Uint8Array>;
  readonly size: number;
} {
  return {
    size: lstatSync(path).size,
    chunks: {
      *[Symbol.iterator]() {
        yield readFileSync(path);
      },
    },
  };
}
