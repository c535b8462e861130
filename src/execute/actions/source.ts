/**
 * Runs a source node: brings a tree of files from outside into the store, verified.
 *
 * Network clients run with the user's environment; whatever they bring is checked against what
 * the recipe or the lock names before it becomes a result.
 */
import type { StoredBlob, VaultItem } from "../../../cache/index.js";
import type { SourceDefinition, SourceOrigin } from "../../model/node.js";
import { assertNever, InternalError, invariant } from "../../model/invariant.js";
import { wantedFact } from "../../model/facts.js";
import { NodeFailure } from "../../model/failure.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import { downloadModule } from "../go-client.js";
import { lockedValue } from "../locked-value.js";
import { treeBlobOf, treeOutcome } from "../trees.js";
import { digestArchive, fetchArchive, unpackMember } from "./source-archive.js";
import { deriveTree } from "./source-derived.js";
import { fetchCommit, resolveTag } from "./source-git.js";
import { snapshotFiles } from "./source-local.js";

/** Output: `tree`. @throws NodeFailure */
export async function runSource(
  node: SourceDefinition,
  ctx: ActionContext,
): Promise<ActionOutcome> {
  const started = performance.now();
  const { tree, fetched } = await fetchTree(node.origin, ctx);
  return { ...treeOutcome(tree, started), ...(fetched === undefined ? {} : { fetched }) };
}

/**
 * What a source that its recipe does not pin is now: the commit of a tag, the digest of an archive,
 * the `h1:` hash of a module that go's own checks passed. @throws NodeFailure
 */
export async function valueNow(origin: SourceOrigin, ctx: ActionContext): Promise<string> {
  switch (origin.type) {
    case "git":
      invariant(origin.commit === undefined, `"${ctx.address}" is pinned by its recipe`);
      return resolveTag(origin.url, origin.tag, ctx);
    case "archive":
      return digestArchive(origin.location, ctx);
    case "go-module":
      return (await downloadModule(ctx, origin.path, origin.version, undefined)).sum;
    default:
      throw new InternalError(`"${ctx.address}" has nothing to lock`);
  }
}

async function fetchTree(
  origin: SourceOrigin,
  ctx: ActionContext,
): Promise<{ readonly tree: StoredBlob; readonly fetched?: readonly VaultItem[] }> {
  switch (origin.type) {
    case "go-module": {
      const sum = wantedFact(origin) === undefined ? origin.sum : lockedValue(origin, ctx);
      const module = await downloadModule(ctx, origin.path, origin.version, sum);
      return { tree: ctx.store.captureTree(module.directory) };
    }
    case "git":
      return fetchCommit(origin, ctx);
    case "archive":
      return fetchArchive(origin, ctx);
    case "derived":
      return { tree: await deriveTree(origin, ctx) };
    case "member":
      return { tree: await unpackMember(origin, ctx) };
    case "toolchain":
      return { tree: treeBlobOf(ctx, origin.node) };
    case "directory": {
      const files = ctx.inputs.list(origin.path, origin.include, origin.exclude);
      if (files === undefined) {
        throw new NodeFailure({
          type: "missing-input",
          what: "directory",
          path: origin.path,
          candidates: [],
        });
      }
      return { tree: snapshotFiles(origin.path, files, ctx) };
    }
    case "files": {
      const files = origin.paths.map((path) => {
        const [file] = ctx.inputs.list(origin.base, [path], []) ?? [];
        if (file === undefined) {
          throw new NodeFailure({
            type: "missing-input",
            what: "file",
            path: `${origin.base}/${path}`,
            candidates: [],
          });
        }
        return file;
      });
      return { tree: snapshotFiles(origin.base, files, ctx) };
    }
    default:
      return assertNever(origin);
  }
}
