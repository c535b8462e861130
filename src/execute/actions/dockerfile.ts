/**
 * Reads a Dockerfile from a source's tree: what it says decides the nodes of an image.
 */
import { NodeFailure } from "../../model/failure.js";
import type { DockerfileDefinition } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import { missingInTree, treeOf } from "../trees.js";

/** Dockerfiles beyond this are something else. */
const LIMIT_BYTES = 1024 * 1024;

/** Output: `text`. @throws NodeFailure `missing-input` */
export async function runDockerfile(
  { source, path }: DockerfileDefinition,
  ctx: ActionContext,
): Promise<ActionOutcome> {
  const started = performance.now();
  const tree = treeOf(ctx, source);
  const file = ctx.store.openTreeFile(tree, path);
  if (file === undefined) throw missingInTree(ctx, tree, path);
  if (file.size > LIMIT_BYTES)
    throw new NodeFailure({
      type: "command",
      what: `reading ${path}`,
      exit: "refused",
      excerpt: `It has ${file.size} bytes, and a Dockerfile at most ${LIMIT_BYTES}`,
    });
  const bytes = Buffer.concat(Array.from(file.chunks, (chunk) => Buffer.from(chunk)));
  return {
    outputs: [{ name: "text", digest: ctx.store.putBytes(bytes), size: bytes.length }],
    nativeMs: performance.now() - started,
    emulatedMs: 0,
  };
}
