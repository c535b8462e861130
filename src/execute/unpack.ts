/**
 * Unpacks foreign archives, by GNU tar in a sandbox where only the destination can be written.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ArchiveError, type StoredBlob } from "../../cache/index.js";
import { NodeFailure } from "../model/failure.js";
import type { ActionContext } from "./context.js";
import { commandFailure, runSandboxed } from "./run-tool.js";
import { HOST_PROGRAMS } from "./sandbox.js";

/**
 * The tree in the tar at `file` (plain, or compressed by gzip, xz, bzip2 or zstd), less `strip`
 * leading path components. `what` names it in messages.
 * @throws NodeFailure when it is no tar, or holds what a tree cannot
 */
export async function unpackTar(
  ctx: ActionContext,
  file: string,
  strip: number,
  what: string,
): Promise<StoredBlob> {
  const destination = join(ctx.temporaryDirectory(), "tree");
  mkdirSync(destination, { mode: 0o755 });
  const result = await runSandboxed(
    ctx,
    {
      mounts: [
        ...HOST_PROGRAMS,
        { type: "ro", source: file, target: "/in/archive" },
        { type: "rw", source: destination, target: "/out" },
      ],
      cwd: "/out",
      argv: [
        "/usr/bin/tar",
        "--extract",
        "--file=/in/archive",
        "--directory=/out",
        "--no-same-owner",
        "--no-same-permissions",
        "--delay-directory-restore",
        `--strip-components=${String(strip)}`,
      ],
    },
    { what: `unpacking ${what}` },
  );
  if (result.code !== 0) throw commandFailure(`unpacking ${what}`, result);
  return captureUntrusted(ctx, destination, what);
}

/** Captures a directory whose content came from outside. @throws NodeFailure for what a tree cannot hold */
export function captureUntrusted(ctx: ActionContext, directory: string, what: string): StoredBlob {
  try {
    return ctx.store.captureTree(directory);
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    throw new NodeFailure({
      type: "command",
      what: `reading ${what}`,
      exit: "refused",
      excerpt: error.message,
    });
  }
}
