import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MEDIA_TYPES, type Digest, type EntryInput } from "../../cache/index.js";
import { rootFileSystem } from "../../src/image/index.js";
import { NodeFailure } from "../../src/model/failure.js";
import { ImageRig } from "./support/rig.js";

let rig: ImageRig;
let root: string;
beforeEach(async () => {
  rig = await ImageRig.open();
  root = join(rig.directory, "root");
  mkdirSync(root);
});
afterEach(() => rig.close());

const file = (path: string, text = ""): EntryInput => ({
  path,
  type: "file",
  content: Buffer.from(text),
});
const directory = (path: string, mode = 0o755): EntryInput => ({ path, type: "directory", mode });
const link = (path: string, target: string): EntryInput => ({ path, type: "symlink", target });

/** An image whose layers have these entries, in canonical order each. */
function imageOf(...layers: EntryInput[][]): Digest {
  const descriptors = layers.map((entries) => {
    const writer = rig.store.treeWriter({ kind: "layer" });
    for (const entry of entries) writer.add(entry);
    return { mediaType: MEDIA_TYPES.layer, ...writer.commit() };
  });
  const config = JSON.stringify({
    architecture: "mips64le",
    os: "linux",
    rootfs: { type: "layers", diff_ids: descriptors.map(({ digest }) => digest) },
  });
  return rig.store.putBytes(
    JSON.stringify({
      config: {
        mediaType: MEDIA_TYPES.config,
        digest: rig.store.putBytes(config),
        size: config.length,
      },
      layers: descriptors,
    }),
  );
}

function unpack(...layers: EntryInput[][]): void {
  rootFileSystem(rig.store, imageOf(...layers), root, { setOwners: false });
}

const text = (path: string): string => readFileSync(join(root, path), "utf8");

describe("rootFileSystem()", () => {
  it("applies layers in order, later ones over earlier ones", () => {
    unpack([directory("a"), file("a/x", "1"), file("b", "1")], [file("a/x", "2"), directory("b")]);
    expect(text("a/x")).toBe("2");
    expect(lstatSync(join(root, "b")).isDirectory()).toBe(true);
  });

  it("sets modes after filling directories, whatever the umask", () => {
    const before = process.umask(0o077);
    try {
      unpack([
        directory("a", 0o555),
        { ...file("a/x", "1"), mode: 0o4755 },
        directory("t", 0o1777),
      ]);
    } finally {
      process.umask(before);
    }
    const mode = (path: string): string => (lstatSync(join(root, path)).mode & 0o7777).toString(8);
    expect([mode("a"), mode("a/x"), mode("t")]).toEqual(["555", "4755", "1777"]);
  });

  it("hides what whiteouts name, and only what lower layers have", () => {
    unpack(
      [directory("a"), file("a/gone", ""), file("a/kept", ""), directory("d"), file("d/x", "")],
      [file("a/.wh.gone"), file(".wh.d"), directory("d"), file("d/new", "n")].sort((x, y) =>
        x.path < y.path ? -1 : 1,
      ),
    );
    expect(readdirSync(join(root, "a"))).toEqual(["kept"]);
    expect(readdirSync(join(root, "d"))).toEqual(["new"]);
  });

  it("empties a directory for an opaque whiteout, but for what the same layer adds", () => {
    unpack(
      [directory("a"), file("a/1"), directory("a/sub"), file("a/sub/old"), file("b")],
      [
        directory("a"),
        file("a/!first"),
        file("a/.wh..wh..opq"),
        directory("a/sub"),
        file("a/sub/new"),
      ],
    );
    expect(readdirSync(join(root, "a")).sort()).toEqual(["!first", "sub"]);
    expect(readdirSync(join(root, "a/sub"))).toEqual(["new"]);
    expect(readdirSync(root).sort()).toEqual(["a", "b"]);
  });

  it("follows links of lower layers inside the image only", () => {
    const outside = join(rig.directory, "outside");
    mkdirSync(outside);
    unpack(
      [link("abs", outside), link("lib", "usr/lib"), link("up", "../../.."), directory("usr/lib")],
      [file("abs/x", "1"), file("lib/y", "2"), file("up/z", "3")],
    );
    expect(readdirSync(outside)).toEqual([]);
    expect(text(`${outside}/x`)).toBe("1");
    expect(text("usr/lib/y")).toBe("2");
    expect(text("z")).toBe("3");
    expect(readlinkSync(join(root, "lib"))).toBe("usr/lib");
  });

  it("replaces a link by a file instead of writing through it", () => {
    const victim = join(rig.directory, "victim");
    writeFileSync(victim, "safe");
    unpack([link("x", victim)], [file("x", "new")]);
    expect(readFileSync(victim, "utf8")).toBe("safe");
    expect(text("x")).toBe("new");
  });

  it("refuses links in a circle and paths below files", () => {
    expect(() => unpack([link("a", "b"), link("b", "a")], [file("a/x")])).toThrow(NodeFailure);
    expect(() => unpack([file("f")], [file("f/x")])).toThrow(NodeFailure);
  });

  it("refuses whiteouts that name no entry", () => {
    for (const name of [".wh.", ".wh..", ".wh..."]) {
      expect(() => unpack([file(name)])).toThrow(NodeFailure);
    }
  });

  it("refuses a manifest that is none", () => {
    const digest = rig.store.putBytes("{}");
    expect(() => rootFileSystem(rig.store, digest, root)).toThrow(NodeFailure);
  });
});
