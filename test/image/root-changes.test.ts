import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compareUtf8, type EntryInput, type Output } from "../../cache/index.js";
import {
  layeredImage,
  manifestOf,
  readImage,
  rootChanges,
  rootFileSystem,
  snapshotRoot,
  storeChanges,
} from "../../src/image/index.js";
import type { ChangeOrigin } from "../../src/debian/normalize.js";
import { platformOf } from "../../src/model/platform.js";
import { NO_CONFIG } from "../../src/model/no-config.js";
import { ImageRig } from "./support/rig.js";

const PLATFORM = platformOf("mips64le");
const OWNER = { uid: process.getuid!(), gid: process.getgid!() };

let rig: ImageRig;
let root: string;
beforeEach(async () => {
  rig = await ImageRig.open();
  root = join(rig.directory, "root");
  mkdirSync(root);
});
afterEach(() => rig.close());

const file = (path: string, text = "", mode = 0o644): EntryInput => ({
  path,
  type: "file",
  mode,
  ...OWNER,
  content: Buffer.from(text),
});
const directory = (path: string): EntryInput => ({ path, type: "directory", ...OWNER });
const link = (path: string, target: string): EntryInput => ({
  path,
  type: "symlink",
  ...OWNER,
  target,
});

/** An image of these layers, unpacked to `root`. */
function unpacked(...layers: EntryInput[][]): readonly Output[] {
  let outputs: readonly Output[] | undefined;
  for (const entries of layers) {
    const writer = rig.store.treeWriter({ kind: "layer" });
    for (const entry of entries.sort((a, b) => compareUtf8(a.path, b.path))) writer.add(entry);
    const layer = writer.commit();
    outputs = layeredImage(rig.store, {
      platform: PLATFORM,
      epoch: 0,
      layer,
      config: NO_CONFIG,
      ...(outputs === undefined ? {} : { base: outputs }),
    }).outputs;
  }
  rootFileSystem(rig.store, manifestOf(outputs!), root);
  return outputs!;
}

/** The changes at `root`, as one line each, with and without a snapshot. */
function changes(
  base: readonly Output[],
  change: () => void,
  origin: ChangeOrigin = "install",
): Record<string, string> {
  const { layers } = readImage(rig.store, manifestOf(base)).manifest;
  const snapshot = snapshotRoot(root);
  change();
  const options = { root, layers: layers.map(({ digest }) => digest), origin };
  const quick = rootChanges(rig.store, { ...options, snapshot });
  const layer = storeChanges(rig.store, quick, 0);
  // Reading everything gives the same answer.
  expect(storeChanges(rig.store, rootChanges(rig.store, options), 0)).toEqual(layer);
  if (layer === undefined) return {};
  const { outputs } = layeredImage(rig.store, { platform: PLATFORM, epoch: 0, base, layer });
  const summary = rig.summary(outputs, layers.length);

  // What was written unpacks to what is there, but for what the rules treat.
  const again = join(rig.directory, "again");
  rmSync(again, { recursive: true, force: true });
  mkdirSync(again);
  rootFileSystem(rig.store, manifestOf(outputs), again);
  const all = [...layers.map(({ digest }) => digest), layer.digest];
  expect(rootChanges(rig.store, { root: again, layers: all, origin })).toEqual([]);
  return Object.fromEntries(
    Object.entries(summary).map(([path, row]) => [
      path,
      row.replace(` ${OWNER.uid}:${OWNER.gid} `, " "),
    ]),
  );
}

describe("changes of a root file system", () => {
  it("has nothing where only times moved or a file was written again as it was", () => {
    const base = unpacked([directory("etc"), file("etc/a", "1"), link("etc/l", "a")]);
    const same = changes(base, () => {
      utimesSync(join(root, "etc/a"), 5, 5);
      writeFileSync(join(root, "etc/b"), "1");
      renameSync(join(root, "etc/b"), join(root, "etc/a"));
    });
    expect(same).toEqual({});
  });

  it("has content, mode, links and new directories, in canonical order", () => {
    const base = unpacked([file("a", "1"), file("b"), link("l", "a")]);
    const found = changes(base, () => {
      writeFileSync(join(root, "a"), "2");
      chmodSync(join(root, "b"), 0o4755);
      rmSync(join(root, "l"));
      symlinkSync("b", join(root, "l"));
      mkdirSync(join(root, "z/y"), { recursive: true, mode: 0o755 });
      chmodSync(join(root, "z"), 0o700);
      chmodSync(join(root, "z/y"), 0o755);
    });
    expect(Object.entries(found)).toEqual([
      ["a", "644 2"],
      ["b", "4755 "],
      ["l", "777 -> b"],
      ["z", "700 /"],
      ["z/y", "755 /"],
    ]);
  });

  it("hides what is gone by one whiteout for its topmost path", () => {
    const base = unpacked(
      [directory("d"), file("d/x"), file("e"), file("keep")],
      [directory("d/sub"), file("d/sub/y")],
    );
    const found = changes(base, () => {
      rmSync(join(root, "d"), { recursive: true });
      rmSync(join(root, "e"));
    });
    expect(Object.keys(found)).toEqual([".wh.d", ".wh.e"]);
  });

  it("knows what upper layers of the base hide", () => {
    const base = unpacked([directory("d"), file("d/x"), file("d/y")], [file("d/.wh.x")]);
    expect(changes(base, () => undefined)).toEqual({});
    const found = changes(base, () => {
      writeFileSync(join(root, "d/x"), "back");
      chmodSync(join(root, "d/x"), 0o644);
    });
    expect(found).toEqual({ "d/x": "644 back" });
  });

  it("tells a directory that became a file or a link, and back", () => {
    const base = unpacked([directory("d"), file("d/x"), directory("e"), file("e/x"), file("f")]);
    const found = changes(base, () => {
      for (const name of ["d", "e", "f"]) rmSync(join(root, name), { recursive: true });
      symlinkSync("e", join(root, "d"));
      writeFileSync(join(root, "e"), "file", { mode: 0o644 });
      chmodSync(join(root, "e"), 0o644);
      mkdirSync(join(root, "f"));
      chmodSync(join(root, "f"), 0o755);
    });
    expect(found).toEqual({ d: "777 -> e", e: "644 file", f: "755 /" });
  });

  it("refuses a file that would hide another", () => {
    const base = unpacked([file("a")]);
    const write = (): void => writeFileSync(join(root, ".wh.a"), "");
    expect(() => changes(base, write)).toThrowError(
      expect.objectContaining({
        reason: expect.objectContaining({ exit: expect.stringMatching(/whiteout/) }),
      }),
    );
  });
});

describe("normalisation", () => {
  const dirs = ["etc", "run", "var", "var/log", "var/log/x", "var/cache", "var/cache/apt"];

  /** Writes every path and reads the layer back. */
  function written(paths: Record<string, string>, origin: ChangeOrigin): Record<string, string> {
    const base = unpacked([...dirs.map(directory), file("var/log/x/kept", "from the base")]);
    return changes(
      base,
      () => {
        for (const [path, text] of Object.entries(paths)) {
          writeFileSync(join(root, path), text);
          chmodSync(join(root, path), 0o640);
        }
      },
      origin,
    );
  }

  const traces = {
    "etc/machine-id": "6ab0\n",
    "etc/passwd-": "root",
    "etc/shadow": "root:*:19700:0:99999:7:::\na:$6$x:19701::::::\nb:!::::::\n",
    "etc/ld.so.cache": "cache",
    "run/lock": "",
    "var/cache/apt/pkgcache.bin": "x",
    "var/log/dpkg.log": "2026",
    "var/log/x/access.log": "2026",
  };

  it("leaves out, empties and rewrites what tells of the build", () => {
    expect(written(traces, "install")).toEqual({
      "etc/ld.so.cache": "640 cache",
      "etc/machine-id": "640 ",
      "etc/shadow": "640 root:*::0:99999:7:::\na:$6$x:::::::\nb:!::::::\n",
      "var/log/x/access.log": "640 ",
    });
  });

  it("leaves out the loader's cache of a base only", () => {
    expect(Object.keys(written(traces, "base"))).not.toContain("etc/ld.so.cache");
  });

  it("keeps what a command of the user's wrote to /run and its logs", () => {
    const found = written(traces, "run");
    expect(found["run/lock"]).toBe("640 ");
    expect(found["var/log/x/access.log"]).toBe("640 2026");
    expect(Object.keys(found)).not.toContain("var/log/dpkg.log");
  });

  it("leaves alone what the base has and nobody touched", () => {
    written({ "etc/x": "1" }, "install");
    expect(readFileSync(join(root, "var/log/x/kept"), "utf8")).toBe("from the base");
  });

  it("restores nothing and hides nothing where a trace of the base is gone", () => {
    const base = unpacked([
      directory("etc"),
      file("etc/passwd-", "old"),
      file("etc/hostname", "h"),
    ]);
    const found = changes(base, () => {
      rmSync(join(root, "etc/passwd-"));
      writeFileSync(join(root, "etc/hostname"), "builder");
    });
    expect(found).toEqual({});
  });
});
