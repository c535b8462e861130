/**
 * Brings a tar archive by its digest: the bytes are verified before anything looks into them.
 */
import { closeSync, createReadStream, existsSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import {
  DigestMismatchError,
  isDigest,
  type Digest,
  type StoredBlob,
  type VaultItem,
} from "../../../cache/index.js";
import { NodeFailure } from "../../model/failure.js";
import { invariant } from "../../model/invariant.js";
import type { SourceOrigin } from "../../model/node.js";
import type { ActionContext } from "../context.js";
import { httpGet } from "../http-get.js";
import { lockedValue } from "../locked-value.js";
import { missingInTree, treeOf } from "../trees.js";
import { unpackTar } from "../unpack.js";

/** The tree of the archive, `strip` leading components less, and the archive itself. @throws NodeFailure */
export async function fetchArchive(
  origin: Extract<SourceOrigin, { type: "archive" }>,
  ctx: ActionContext,
): Promise<{ readonly tree: StoredBlob; readonly fetched: readonly VaultItem[] }> {
  const { location, strip } = origin;
  const digest = origin.digest ?? lockedValue(origin, ctx);
  invariant(isDigest(digest), `Not a digest: ${digest}`);
  // An archive that was fetched once is found by its digest, wherever it came from.
  if (!ctx.store.has(digest) || ctx.store.check(digest) !== undefined) {
    await storeVerified(await openArchive(location, ctx), location, digest, ctx);
  }
  // tar wants a file of its own: the blob is bound read-only into the sandbox.
  const copy = join(ctx.temporaryDirectory(), "archive");
  ctx.store.copyTo(digest, copy, 0o600);
  return {
    tree: await unpackTar(ctx, copy, strip, location),
    fetched: [{ kind: "archive", name: location, digest, size: statSync(copy).size }],
  };
}

/** The digest of what stands at an archive's location now; the bytes are kept. @throws NodeFailure */
export async function digestArchive(location: string, ctx: ActionContext): Promise<Digest> {
  const blob = ctx.store.createBlob();
  try {
    for await (const chunk of await openArchive(location, ctx)) blob.write(chunk as Buffer);
    return blob.commit().digest;
  } catch (error) {
    blob.abort();
    throw fetchFailure(error, location, ctx);
  }
}

/** The tree of an archive that is a file of another tree. @throws NodeFailure */
export async function unpackMember(
  { node, path }: Extract<SourceOrigin, { type: "member" }>,
  ctx: ActionContext,
): Promise<StoredBlob> {
  const tree = treeOf(ctx, node);
  const member = ctx.store.openTreeFile(tree, path);
  if (member === undefined) throw missingInTree(ctx, tree, path);
  const copy = join(ctx.temporaryDirectory(), "archive");
  const fd = openSync(copy, "wx", 0o600);
  try {
    for (const chunk of member.chunks) writeSync(fd, chunk);
  } finally {
    closeSync(fd);
  }
  return unpackTar(ctx, copy, 0, path);
}

async function openArchive(location: string, ctx: ActionContext): Promise<Readable> {
  if (/^https?:/.test(location)) {
    if (ctx.offline) {
      throw new NodeFailure(
        {
          type: "network",
          what: location,
          excerpt: "not in the store, and nothing may be fetched (--offline)",
        },
        "Build once without --offline",
      );
    }
    return httpGet(location, { signal: ctx.signal, environment: ctx.environment });
  }
  if (!existsSync(location)) {
    throw new NodeFailure({
      type: "missing-input",
      what: "archive",
      path: location,
      candidates: [],
    });
  }
  return createReadStream(location);
}

async function storeVerified(
  stream: Readable,
  location: string,
  expected: Digest,
  ctx: ActionContext,
): Promise<void> {
  const blob = ctx.store.createBlob();
  try {
    for await (const chunk of stream) blob.write(chunk as Buffer);
    blob.commit(expected);
  } catch (error) {
    blob.abort();
    if (error instanceof DigestMismatchError) {
      throw new NodeFailure(
        { type: "checksum", what: location, expected, actual: error.actual },
        "Compare with the digest that the publisher names; then correct the recipe's digest, or run kmips update",
      );
    }
    throw fetchFailure(error, location, ctx);
  }
}

/** What broke off a download, as a failure of the node. */
function fetchFailure(error: unknown, location: string, ctx: ActionContext): unknown {
  if (error instanceof NodeFailure) return error;
  if (ctx.signal.aborted) return new NodeFailure({ type: "interrupted" });
  const { code } = error as NodeJS.ErrnoException;
  if (!/^https?:/.test(location) || code === "KMIPS_STORAGE") return error;
  return new NodeFailure({ type: "network", what: location, excerpt: (error as Error).message });
}
