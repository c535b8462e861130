/** Patch series with the real GNU patch in the real sandbox. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runPatch } from "../../src/execute/actions/patch.js";
import { NodeFailure } from "../../src/model/failure.js";
import type { PatchDefinition, PatchFile } from "../../src/model/node.js";
import { openRig, type Rig } from "./rig.js";

const at = {
  file: { path: "a.kmips", text: "" },
  span: { start: 0, end: 0 },
} as unknown as PatchFile["at"];
const FILE = Array.from({ length: 20 }, (_, index) => `line ${String(index + 1)}\n`).join("");

let root: string;
let rig: Rig;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "kmips-patch-"));
  rig = await openRig(join(root, "store"));
  const tree = rig.store.writeTree([
    { path: "dir/file.txt", type: "file", content: Buffer.from(FILE) },
    { path: "run.sh", type: "file", mode: 0o755, content: Buffer.from("#!/bin/sh\n") },
    { path: "link", type: "symlink", target: "run.sh" },
  ]);
  rig.finish(
    "source.x",
    { kind: "source", origin: { type: "files", base: "/", paths: [] } },
    {
      outputs: [{ name: "tree", ...tree }],
      nativeMs: 0,
      emulatedMs: 0,
    },
  );
});
afterAll(async () => {
  await rig.store.close();
  rmSync(root, { recursive: true, force: true });
});

/** One hunk that changes `from` (line `line` of dir/file.txt) to `to`. */
function change(line: number, from: string, to: string, path = "dir/file.txt"): string {
  return [
    `--- a/${path}`,
    `+++ b/${path}`,
    `@@ -${String(line - 1)},3 +${String(line - 1)},3 @@`,
    ` line ${String(line - 1)}`,
    `-${from}`,
    `+${to}`,
    ` line ${String(line + 1)}`,
    "",
  ].join("\n");
}

function series(...texts: readonly string[]): PatchDefinition {
  return {
    kind: "patch",
    source: "source.x",
    series: texts.map((text, index) => {
      const path = join(root, `${String(index)}.patch`);
      writeFileSync(path, text);
      return { path, label: `patches/${String(index)}.patch`, reason: "test", at };
    }),
    retired: [],
  };
}

async function failureOf(definition: PatchDefinition): Promise<NodeFailure> {
  const error: unknown = await runPatch(definition, rig.context("p")).catch(
    (thrown: unknown) => thrown,
  );
  if (error instanceof NodeFailure) return error;
  throw error instanceof Error ? error : new Error("it applied");
}

describe("runPatch()", () => {
  it("applies one patch after the other and keeps modes and links", async () => {
    const first = change(5, "line 5", "five");
    const outcome = await runPatch(series(first, change(5, "five", "fünf")), rig.context("p"));
    const tree = outcome.outputs[0]!.digest;
    expect(rig.store.readTreeFile(tree, "dir/file.txt")?.toString()).toBe(
      FILE.replace("line 5", "fünf"),
    );
    const entries = rig.store
      .listTree(tree)
      .map(({ path, mode, target }) => [path, mode & 0o777, target]);
    expect(entries).toEqual([
      ["dir", 0o755, undefined],
      ["dir/file.txt", 0o644, undefined],
      ["link", expect.any(Number), "run.sh"],
      ["run.sh", 0o755, undefined],
    ]);
  });

  it("adds, removes and renames files as git writes it", async () => {
    const text = [
      "diff --git a/dir/file.txt b/dir/moved.txt",
      "similarity index 100%",
      "rename from dir/file.txt",
      "rename to dir/moved.txt",
      "diff --git a/new.sh b/new.sh",
      "new file mode 100755",
      "--- /dev/null",
      "+++ b/new.sh",
      "@@ -0,0 +1 @@",
      "+#!/bin/sh",
      "diff --git a/run.sh b/run.sh",
      "deleted file mode 100755",
      "--- a/run.sh",
      "+++ /dev/null",
      "@@ -1 +0,0 @@",
      "-#!/bin/sh",
      "",
    ].join("\n");
    const outcome = await runPatch(series(text), rig.context("p"));
    const files = rig.store
      .listTree(outcome.outputs[0]!.digest)
      .map(({ path, mode }) => [path, mode & 0o111]);
    expect(files.map(([path]) => path)).toEqual(["dir", "dir/moved.txt", "link", "new.sh"]);
    expect(files.at(-1)?.[1]).toBe(0o111);
  });

  it("notes an offset, but allows no fuzz", async () => {
    const moved = change(5, "line 5", "five").replace("@@ -4,3 +4,3 @@", "@@ -1,3 +1,3 @@");
    const outcome = await runPatch(series(moved), rig.context("p"));
    expect(outcome.notes?.[0]).toMatch(
      /^patches\/0\.patch: Hunk #1 succeeded at 4 \(offset 3 lines\)/,
    );
    const fuzzy = change(5, "line 5", "five").replace(" line 4", " line four");
    expect((await failureOf(series(fuzzy))).reason).toMatchObject({ state: "conflict" });
  });

  it("shows the hunk of a conflict and the lines that stand there", async () => {
    const failure = await failureOf(
      series(change(5, "line 5", "five"), change(5, "line 5", "six")),
    );
    expect(failure.reason).toMatchObject({
      type: "patch",
      file: "patches/1.patch",
      state: "conflict",
    });
    const text = (failure.reason as { excerpt: string }).excerpt;
    expect(text).toContain("dir/file.txt:5\n@@ -4,3 +4,3 @@\n line 4\n-line 5\n+six");
    expect(text).toContain("     5  five");
  });

  it("recognizes what the source already has", async () => {
    const patch = change(5, "line 5", "five");
    const failure = await failureOf(series(patch, patch));
    expect(failure.reason).toMatchObject({ file: "patches/1.patch", state: "already-upstream" });
    expect(failure.help).toContain("retire");
  });

  it("names files that a missing one may have meant", async () => {
    const failure = await failureOf(series(change(5, "line 5", "five", "file.txt")));
    expect(failure.reason).toMatchObject({
      state: "missing-file",
      excerpt: 'the source has no file "file.txt"',
    });
    expect(failure.help).toBe('Did you mean "dir/file.txt"?');
  });

  it.each(["../../evil", "/etc/evil", "x/../../evil"])(
    "refuses a patch that names %s",
    async (path) => {
      const failure = await failureOf(
        series(change(5, "line 5", "five").replaceAll("b/dir/file.txt", path)),
      );
      expect(failure.reason).toMatchObject({ state: "conflict" });
      expect((failure.reason as { excerpt: string }).excerpt).toContain("refused");
    },
  );

  it("cannot be made to run a program by an ed script", async () => {
    const failure = await failureOf(
      series(`--- a/run.sh\n+++ b/run.sh\n1!touch /kmips/src/evil\n.\n`),
    );
    expect(failure.reason).toMatchObject({ type: "patch" });
  });

  it("refuses a patch whose bytes are not the ones that were keyed", async () => {
    const definition = series(change(5, "line 5", "five"));
    const context = rig.context("p");
    const inputs = { ...context.inputs, fileDigest: () => `sha256:${"0".repeat(64)}` as const };
    await expect(runPatch(definition, { ...context, inputs })).rejects.toMatchObject({
      reason: { type: "checksum" },
    });
  });
});
