/**
 * Runs a patch node: applies a series to a private copy of a tree, without fuzz, one after the
 * other, and says of a patch that does not apply whether it conflicts, has been taken upstream, or
 * is meant for another file.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf, type Digest } from "../../../cache/index.js";
import { nearest } from "../../../grammar/index.js";
import { NodeFailure } from "../../model/failure.js";
import type { PatchDefinition, PatchFile } from "../../model/node.js";
import type { ProcessResult } from "../../model/ports.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import { excerpt } from "../excerpt.js";
import { dependencyOutput } from "../go-workspace.js";
import { runSandboxed } from "../run-tool.js";
import { HOST_PROGRAMS } from "../sandbox.js";
import { treeOutcome } from "../trees.js";
import { escapingPaths, parseUnifiedDiff, type FileDiff, type Hunk } from "../unified-diff.js";
import { captureUntrusted } from "../unpack.js";

/** Lines shown around the place where a hunk should have matched. */
const SHOWN_LINES = 12;

/** Output: `tree`. @throws NodeFailure `patch` */
export async function runPatch(node: PatchDefinition, ctx: ActionContext): Promise<ActionOutcome> {
  const started = performance.now();
  const tree = dependencyOutput(ctx, node.source, "tree");
  const directory = privateCopy(tree, ctx);
  const notes: string[] = [];
  for (const [index, patch] of node.series.entries()) {
    const bytes = readPatch(patch, ctx);
    const result = await runPatchTool(bytes, directory, [], ctx);
    if (result.code !== 0) throw await explain(node, index, bytes, result, ctx);
    const moved = /Hunk #\d+ succeeded at \d+ \(offset [^)]*\)/.exec(result.stdout)?.[0];
    if (moved !== undefined) notes.push(`${patch.label}: ${moved}`);
  }
  for (const patch of node.retired) notes.push(`${patch.label}: retired, not applied`);
  return treeOutcome(captureUntrusted(ctx, directory, ctx.address), started, notes);
}

function privateCopy(tree: Digest, ctx: ActionContext): string {
  const directory = join(ctx.temporaryDirectory(), "tree");
  ctx.store.extractTree(tree, directory);
  return directory;
}

function readPatch(patch: PatchFile, ctx: ActionContext): Buffer {
  if (!existsSync(patch.path)) {
    throw new NodeFailure({
      type: "missing-input",
      what: "patch",
      path: patch.label,
      candidates: [],
    });
  }
  const bytes = readFileSync(patch.path);
  const keyed = ctx.inputs.fileDigest(patch.path);
  const actual = digestOf(bytes);
  if (keyed !== undefined && keyed !== actual) {
    throw new NodeFailure(
      {
        type: "checksum",
        what: `"${patch.label}" changed while it was read`,
        expected: keyed,
        actual,
      },
      "Build again once the file is at rest",
    );
  }
  const [outside] = escapingPaths(bytes.toString("utf8"));
  if (outside !== undefined) {
    throw new NodeFailure({
      type: "patch",
      file: patch.label,
      state: "conflict",
      excerpt: `refused: it names a file outside of the source, "${outside}"`,
    });
  }
  return bytes;
}

function runPatchTool(
  patch: Buffer,
  directory: string,
  options: readonly string[],
  ctx: ActionContext,
): Promise<ProcessResult> {
  const file = join(ctx.temporaryDirectory(), "patch");
  writeFileSync(file, patch);
  return runSandboxed(
    ctx,
    {
      mounts: [
        ...HOST_PROGRAMS,
        { type: "ro", source: file, target: "/in/patch" },
        { type: "rw", source: directory, target: "/kmips/src" },
      ],
      cwd: "/kmips/src",
      argv: [
        ctx.tools.require("patch"),
        "--fuzz=0",
        "-p1",
        "--no-backup-if-mismatch",
        "--batch",
        // Without it, --batch reverts a patch that looks applied.
        ...(options.includes("--reverse") ? [] : ["--forward"]),
        // An ed script would be run as a program, whatever file it came from.
        "--unified",
        "--binary",
        "--reject-file=-",
        "--directory=/kmips/src",
        "--input=/in/patch",
        ...options,
      ],
    },
    { what: "patch", timeoutMs: 10 * 60_000 },
  );
}

/** Finds out, on a fresh copy with the predecessors applied, what is wrong with a patch. */
async function explain(
  node: PatchDefinition,
  index: number,
  bytes: Buffer,
  result: ProcessResult,
  ctx: ActionContext,
): Promise<NodeFailure> {
  const patch = node.series[index] as PatchFile;
  const directory = privateCopy(dependencyOutput(ctx, node.source, "tree"), ctx);
  for (const before of node.series.slice(0, index)) {
    await runPatchTool(readPatch(before, ctx), directory, [], ctx);
  }
  const reversed = await runPatchTool(bytes, directory, ["--reverse", "--dry-run"], ctx);
  if (reversed.code === 0) {
    return new NodeFailure(
      {
        type: "patch",
        file: patch.label,
        state: "already-upstream",
        excerpt: "the source already has what the patch adds",
      },
      "Remove the patch, or set `retire` to the version that has it",
    );
  }
  const files = parseUnifiedDiff(bytes.toString("utf8"));
  const missing = files.find(
    (file) => file.oldPath !== undefined && !existsSync(join(directory, file.oldPath)),
  );
  if (missing?.oldPath !== undefined) {
    return missingFile(patch, missing.oldPath, directory, ctx);
  }
  const conflict = firstConflict(files, result.stdout);
  return new NodeFailure(
    {
      type: "patch",
      file: patch.label,
      state: "conflict",
      excerpt:
        conflict === undefined
          ? excerpt(`${result.stdout}\n${result.stderr}`)
          : describeConflict(conflict.file, conflict.hunk, directory),
    },
    "Rebase the patch onto this version of the source",
  );
}

function missingFile(
  patch: PatchFile,
  path: string,
  directory: string,
  ctx: ActionContext,
): NodeFailure {
  const all = ctx.store
    .listTree(captureUntrusted(ctx, directory, ctx.address).digest)
    .filter((entry) => entry.type === "file")
    .map((entry) => entry.path);
  const base = path.slice(path.lastIndexOf("/") + 1);
  const sameName = all.filter((candidate) => candidate === base || candidate.endsWith(`/${base}`));
  const candidates = sameName.length > 0 ? sameName.slice(0, 3) : nearest(path, all);
  return new NodeFailure(
    {
      type: "patch",
      file: patch.label,
      state: "missing-file",
      excerpt: `the source has no file "${path}"`,
    },
    candidates.length === 0
      ? undefined
      : `Did you mean ${candidates.map((name) => `"${name}"`).join(", ")}?`,
  );
}

/** The first hunk that GNU patch reports as failed. */
function firstConflict(
  files: readonly FileDiff[],
  said: string,
): { readonly file: FileDiff; readonly hunk: Hunk } | undefined {
  let current = "";
  for (const line of said.split("\n")) {
    current = /^(?:patching|checking) file '?(.*?)'?(?: \(.*\))?$/.exec(line)?.[1] ?? current;
    const number = /^Hunk #(\d+) FAILED/.exec(line)?.[1];
    if (number === undefined) continue;
    const file = files.find(
      (candidate) => candidate.oldPath === current || candidate.newPath === current,
    );
    const hunk = file?.hunks[Number(number) - 1];
    if (file !== undefined && hunk !== undefined) return { file, hunk };
  }
  return undefined;
}

/** The hunk beside what the file has there, with the first line that differs. */
function describeConflict(file: FileDiff, hunk: Hunk, directory: string): string {
  const path = file.oldPath ?? file.newPath ?? "";
  const actual = readFileSync(join(directory, path), "utf8").split("\n");
  const start = hunk.oldStart - 1;
  const differs = hunk.oldLines.findIndex((line, index) => actual[start + index] !== line);
  const at = hunk.oldStart + Math.max(0, differs);
  const shown = actual
    .slice(start, start + Math.min(hunk.oldLines.length, SHOWN_LINES))
    .map((line, index) => `${String(hunk.oldStart + index).padStart(6)}  ${line}`);
  return [`${path}:${String(at)}`, hunk.text, `${path} has there:`, ...shown].join("\n");
}
