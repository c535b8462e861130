/**
 * Derived sources: another tree with an edited go.mod and with generated files in it.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  ArchiveError,
  type Digest,
  type EntryInput,
  type StoredBlob,
} from "../../../cache/index.js";
import { NodeFailure } from "../../model/failure.js";
import { invariant } from "../../model/invariant.js";
import type { SourceOrigin } from "../../model/node.js";
import type { ActionContext } from "../context.js";
import { editGoMod } from "../edit-go-mod.js";
import { checkoutOf, dependencyOutput } from "../go-workspace.js";

/** The tree of a derived source; what it puts in place replaces a file of that path. @throws NodeFailure */
export async function deriveTree(
  origin: Extract<SourceOrigin, { type: "derived" }>,
  ctx: ActionContext,
): Promise<StoredBlob> {
  const { store } = ctx;
  const tree = dependencyOutput(ctx, origin.node, "tree");
  const entries = new Map(store.listTree(tree).map((entry) => [entry.path, entry as EntryInput]));
  for (const [path, entry] of entries) {
    if (entry.type === "file") entries.set(path, { ...entry, content: fileOf(tree, path, ctx) });
  }
  const put = (path: string, content: Uint8Array, mode = 0o644): void =>
    void entries.set(path, { path, type: "file", mode, content });
  if (origin.gomod !== undefined) {
    const { edits, toolchain } = origin.gomod;
    const work = join(ctx.temporaryDirectory(), "work");
    mkdirSync(work);
    const path = join(work, "go.mod");
    const source = { source: origin.node, edits, patched: [] };
    await editGoMod(source, path, await checkoutOf(ctx, toolchain), ctx);
    put("go.mod", readFileSync(path));
  }
  for (const address of origin.generated) {
    for (const { name, digest, executable } of ctx.results(address).outputs)
      put(name, store.readBytes(digest), executable === true ? 0o755 : 0o644);
  }
  try {
    return store.writeTree(entries.values());
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    throw new NodeFailure({
      type: "command",
      what: `putting generated files into ${origin.node}`,
      exit: "refused",
      excerpt: error.message,
    });
  }
}

/** A file of the tree, read when it is written: all of them are more than memory should hold. */
function fileOf(
  tree: Digest,
  path: string,
  ctx: ActionContext,
): NonNullable<EntryInput["content"]> {
  const file = ctx.store.openTreeFile(tree, path);
  invariant(file !== undefined, `the tree lists "${path}"`);
  return file;
}
