/** A bit that flips in a stored blob is found by the next build, told, and built again. */
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { chmodSync, existsSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sampleProject } from "../e2e/sample.js";
import { digestsOf, World, type BuildData } from "../e2e/support.js";

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

type BlobKind = "layer" | "manifest" | "config" | "program" | "tree";
const KINDS: readonly BlobKind[] = ["layer", "manifest", "config", "program", "tree"];

let world: World;
let built: BuildData;
beforeAll(async () => {
  world = new World(sampleProject(1));
  built = await world.build();
});
beforeEach(async () => {
  // Two runs: the first may leave rows in its plan that are not to be trusted yet.
  await world.build();
  expect(await world.build()).toMatchObject({ executed: 0 });
});
afterAll(() => world.remove());

function pathOf(digest: string): string {
  return join(world.store, "blobs/sha256", digest.replace("sha256:", ""));
}

/** A stored blob of each kind. */
function blobOf(kind: BlobKind): string {
  const image = built.images.find(({ address }) => address === "image.two")!;
  const manifest = JSON.parse(readFileSync(pathOf(image.digest), "utf8")) as Manifest;
  const layers = new Set(
    built.images.flatMap(({ digest }) =>
      (JSON.parse(readFileSync(pathOf(digest), "utf8")) as Manifest).layers.map((l) => l.digest),
    ),
  );
  switch (kind) {
    case "manifest":
      return image.digest;
    case "config":
      return manifest.config.digest;
    case "layer":
      return manifest.layers.at(-1)!.digest;
    case "program":
      return findBlob((bytes) => bytes.toString("latin1", 1, 4) === "ELF");
    case "tree":
      return findBlob(
        (bytes, digest) => bytes.toString("latin1", 257, 262) === "ustar" && !layers.has(digest),
      );
  }
}

function findBlob(matches: (bytes: Buffer, digest: string) => boolean): string {
  const directory = join(world.store, "blobs/sha256");
  for (const hex of readdirSync(directory).sort()) {
    if (matches(readFileSync(join(directory, hex)), `sha256:${hex}`)) return `sha256:${hex}`;
  }
  throw new Error("no such blob");
}

/** Flips one bit in the middle of a blob; with `keepTimes` its mtime says that nothing happened. */
function flipBit(digest: string, keepTimes: boolean): void {
  const path = pathOf(digest);
  const { size, mode, atime, mtime } = statSync(path);
  const at = size >> 1;
  const byte = readFileSync(path)[at]!;
  chmodSync(path, 0o644);
  const fd = openSync(path, "r+");
  writeSync(fd, Buffer.of(byte ^ 0x10), 0, 1, at);
  closeSync(fd);
  chmodSync(path, mode & 0o777);
  if (keepTimes) utimesSync(path, atime, mtime);
}

function isWhole(digest: string): boolean {
  const path = pathOf(digest);
  if (!existsSync(path)) return false;
  return `sha256:${createHash("sha256").update(readFileSync(path)).digest("hex")}` === digest;
}

describe.each(KINDS)("a flipped bit in a %s", (kind) => {
  it.each([
    ["", false],
    [", with the file's time set back", true],
  ])("is found by the next build and built again%s", async (_title, keepTimes) => {
    const digest = blobOf(kind);
    flipBit(digest, keepTimes);
    const { code, stdout, stderr } = await world.kmips(["build", "--json"]);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^warning/m);
    expect(stderr).toContain(digest);
    const again = JSON.parse(stdout) as BuildData;
    expect(again.executed).toBeGreaterThan(0);
    expect(digestsOf(again)).toEqual(digestsOf(built));
    expect(isWhole(digest)).toBe(true);
    expect(await world.build()).toMatchObject({ executed: 0 });
  });

  it("makes --expect-cached fail before anything runs", async () => {
    const digest = blobOf(kind);
    flipBit(digest, true);
    const { code, stdout } = await world.kmips(["build", "--expect-cached"]);
    expect(code).toBe(10);
    expect(stdout).toMatch(/^cause/m);
    expect(digestsOf(await world.build())).toEqual(digestsOf(built));
  });

  it("is found by verify --store, which puts it aside", async () => {
    const digest = blobOf(kind);
    flipBit(digest, true);
    const { code, stdout } = await world.kmips(["verify", "--store", "--json"]);
    expect(code).toBe(4);
    const { damaged } = JSON.parse(stdout) as { damaged: object[] };
    expect(damaged).toContainEqual(expect.objectContaining({ what: "blob", name: digest }));
    expect(isWhole(digest)).toBe(false);
    expect(digestsOf(await world.build())).toEqual(digestsOf(built));
    expect(isWhole(digest)).toBe(true);
    expect(await world.json(["verify", "--store"])).toMatchObject({ damaged: [] });
  });
});

describe("a blob that is gone or cut short", () => {
  it.each(KINDS)("%s: is built again", async (kind) => {
    const digest = blobOf(kind);
    const path = pathOf(digest);
    chmodSync(path, 0o644);
    closeSync(openSync(path, "w"));
    expect(digestsOf(await world.build())).toEqual(digestsOf(built));
    expect(isWhole(digest)).toBe(true);
  });
});
