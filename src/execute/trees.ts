/**
 * Trees that executors make of files, and the outcome of nodes whose only output is one.
 */
import { lstatSync, readFileSync } from "node:fs";
import type { Digest, StoredBlob } from "../../cache/index.js";
import { similarPaths } from "../image/index.js";
import { NodeFailure } from "../model/failure.js";
import { invariant } from "../model/invariant.js";
import type { Address } from "../model/node.js";
import type { ActionContext, ActionOutcome } from "./context.js";

/** The tree of a source, patch or Go toolchain node that has run. */
export function treeBlobOf(ctx: ActionContext, address: Address): StoredBlob {
  const output = ctx.results(address).outputs.find(({ name }) => name === "tree");
  invariant(output !== undefined, `"${address}" has no tree`);
  return output;
}

/** The digest of the tree of such a node. */
export function treeOf(ctx: ActionContext, address: Address): Digest {
  return treeBlobOf(ctx, address).digest;
}

/** That a tree has no regular file at `path`, with the paths that may have been meant. */
export function missingInTree(
  { store, address }: Pick<ActionContext, "store" | "address">,
  tree: Digest,
  path: string,
): NodeFailure {
  const paths = store.listTree(tree).map((entry) => entry.path);
  return new NodeFailure({
    type: "missing-input",
    what: address,
    path,
    candidates: similarPaths(paths, path),
  });
}

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
