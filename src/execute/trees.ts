/**
 * Writing trees, and the outcome of nodes whose only output is one.
 */
import { compareUtf8, type Digest, type Store } from "../../cache/index.js";
import type { ActionOutcome } from "./context.js";

export type TreeItem =
  | {
      readonly path: string;
      readonly type: "file";
      readonly mode: number;
      /** The bytes, or how to read them: asked for one file at a time. */
      readonly content: Uint8Array | (() => Uint8Array);
    }
  | { readonly path: string; readonly type: "symlink"; readonly target: string };

/** Stores a tree of these items, in any order; the directories above them are added. */
export function writeTree(
  store: Store,
  items: readonly TreeItem[],
): { digest: Digest; size: number } {
  const byPath = new Map<string, TreeItem | undefined>();
  for (const item of items) {
    for (
      let slash = item.path.indexOf("/");
      slash !== -1;
      slash = item.path.indexOf("/", slash + 1)
    ) {
      const parent = item.path.slice(0, slash);
      if (!byPath.has(parent)) byPath.set(parent, undefined);
    }
    byPath.set(item.path, item);
  }
  const writer = store.treeWriter();
  for (const path of [...byPath.keys()].sort(compareUtf8)) {
    const item = byPath.get(path);
    if (item === undefined) writer.add({ path, type: "directory" });
    else if (item.type === "symlink") writer.add(item);
    else {
      const content = typeof item.content === "function" ? item.content() : item.content;
      writer.add({ path, type: "file", mode: item.mode, content });
    }
  }
  return writer.commit();
}

/** The outcome of a node with one output, `tree`, begun at `started` (of `performance.now()`). */
export function treeOutcome(
  tree: { digest: Digest; size: number },
  started: number,
): ActionOutcome {
  return {
    outputs: [{ name: "tree", digest: tree.digest, size: tree.size }],
    nativeMs: Math.round(performance.now() - started),
    emulatedMs: 0,
  };
}
