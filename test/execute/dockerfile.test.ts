import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runDockerfile } from "../../src/execute/actions/dockerfile.js";
import { runSource } from "../../src/execute/actions/source.js";
import { NodeFailure } from "../../src/model/failure.js";
import type { SourceDefinition } from "../../src/model/node.js";
import { openRig, type Rig } from "./rig.js";

const SOURCE: SourceDefinition = {
  kind: "source",
  origin: { type: "directory", path: "/nowhere", include: [], exclude: [] },
};

let root: string;
let rig: Rig;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "kmips-dockerfile-"));
  rig = await openRig(join(root, "store"), { PATH: "/usr/bin:/bin", HOME: root });
  writeFileSync(join(root, "inside"), "inside\n");
  execFileSync("tar", ["--create", "--gzip", "--file=a.tar.gz", "inside"], { cwd: root });
  const tree = rig.store.writeTree([
    { path: "i/Dockerfile", type: "file", mode: 0o644, content: Buffer.from("FROM é\n") },
    { path: "i/big", type: "file", mode: 0o644, content: Buffer.alloc(1024 * 1024 + 1) },
    {
      path: "i/a.tar.gz",
      type: "file",
      mode: 0o644,
      content: readFileSync(join(root, "a.tar.gz")),
    },
  ]);
  rig.finish("source.s", SOURCE, {
    outputs: [{ name: "tree", ...tree }],
    nativeMs: 0,
    emulatedMs: 0,
  });
});
afterAll(async () => {
  await rig.store.close();
  rmSync(root, { recursive: true, force: true });
});

const read = (path: string) =>
  runDockerfile(
    { kind: "dockerfile", source: "source.s", path },
    rig.context("image.i/dockerfile"),
  );

describe("a Dockerfile node", () => {
  it("gives the text", async () => {
    const { outputs } = await read("i/Dockerfile");
    expect(outputs.map(({ name }) => name)).toEqual(["text"]);
    expect(rig.store.readBytes(outputs[0]!.digest).toString()).toBe("FROM é\n");
  });

  it("names what may have been meant when the file is not there", async () => {
    const failure: unknown = await read("Dockerfile").catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NodeFailure);
    expect((failure as NodeFailure).reason).toEqual({
      type: "missing-input",
      what: "image.i/dockerfile",
      path: "Dockerfile",
      candidates: ["i/Dockerfile"],
    });
  });

  it("refuses what is too large to be one", async () => {
    await expect(read("i/big")).rejects.toMatchObject({ reason: { exit: "refused" } });
  });
});

describe("an archive of a tree", () => {
  const unpack = (path: string) =>
    runSource(
      { kind: "source", origin: { type: "member", node: "source.s", path } },
      rig.context("image.i/2:archive"),
    );

  it("becomes a tree of its own", async () => {
    const { outputs } = await unpack("i/a.tar.gz");
    const entries = rig.store.listTree(outputs[0]!.digest).map(({ path }) => path);
    expect(entries).toEqual(["inside"]);
  });

  it("must be there, and be an archive", async () => {
    await expect(unpack("a.tar.gz")).rejects.toMatchObject({
      reason: { type: "missing-input", candidates: ["i/a.tar.gz"] },
    });
    await expect(unpack("i/Dockerfile")).rejects.toMatchObject({ reason: { type: "command" } });
  });
});
