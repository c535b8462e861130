import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
  digestOf,
  hexOf,
  MEDIA_TYPES,
  openStore,
  StorageError,
  type Digest,
  type Store,
} from "../../cache/index.js";
import { MemoryLocker } from "./support/memory-locker.js";
import { recordOf } from "./support/records.js";
import { makeRig, temporaryDirectory } from "./support/rig.js";

const KILLS = 50;
let driver = "";

beforeAll(() => {
  const built = buildSync({
    entryPoints: [fileURLToPath(new URL("support/driver.ts", import.meta.url))],
    bundle: true,
    platform: "node",
    format: "esm",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    write: false,
  });
  driver = built.outputFiles[0]!.text;
});

function start(root: string, task: string, seed: string): ChildProcess {
  const path = join(temporaryDirectory(), "driver.mjs");
  writeFileSync(path, driver);
  return spawn(process.execPath, [path, root, task, seed], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("exit", (code) => resolve(code)));
}

async function openPlain(root: string): Promise<Store> {
  const store = await openStore(root, { locker: new MemoryLocker(), durable: false });
  onTestFinished(() => store.close());
  return store;
}

describe("a process that is killed", () => {
  it("leaves a store that verifies clean, wherever it was", { timeout: 120_000 }, async () => {
    const root = join(temporaryDirectory(), "store");
    for (let kill = 0; kill < KILLS; kill++) {
      const child = start(root, "churn", String(kill));
      const end = ended(child);
      await new Promise((resolve) => child.stdout!.once("data", resolve));
      // From right after opening to some rounds later; where exactly is up to the machine.
      const waiting = AbortSignal.timeout(1 + ((kill * 37) % 150));
      await new Promise((resolve) => waiting.addEventListener("abort", resolve));
      child.kill("SIGKILL");
      await end;
      const store = await openPlain(root);
      const report = await store.verifyStore();
      expect(report.damaged.filter(({ what }) => what !== "reference")).toEqual([]);
      expect(report.incomplete).toEqual([]);
      await store.close();
    }
    // The next collection removes all that the killed processes left behind.
    const last = start(root, "collect", "");
    expect(await ended(last)).toBe(0);
    const store = await openPlain(root);
    expect(readdirSync(store.paths.tmp)).toEqual([]);
    expect(readdirSync(store.paths.leases)).toEqual([]);
    expect((await store.verifyStore()).damaged).toEqual([]);
  });
});

describe("two processes", () => {
  it("store the same blobs and records at the same time", async () => {
    const root = join(temporaryDirectory(), "store");
    const children = [start(root, "share", "a"), start(root, "share", "b")];
    expect(await Promise.all(children.map(ended))).toEqual([0, 0]);
    const store = await openPlain(root);
    const report = await store.verifyStore();
    expect(report).toMatchObject({ blobs: 200, records: 200, damaged: [], incomplete: [] });
    expect(readdirSync(store.paths.quarantine)).toEqual([]);
    expect(store.getAction(recordOf("shared-7", digestOf(""), 0).key)?.outputs[0]?.size).toBe(49);
  });
});

/** Mounts a small file system for one test; undefined when this user may not. */
function mountSmall(options: string): string | undefined {
  const path = join(temporaryDirectory(), "small");
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync("umount", [path]));
  return path;
}

describe("a full disk", () => {
  it.each([
    ["bytes", "size=2m"],
    ["inodes", "size=8m,nr_inodes=60"],
  ])(
    "of %s ends in ENOSPC, keeps no part of a blob, and works again with room",
    async (_what, options) => {
      const path = mountSmall(options);
      if (path === undefined) {
        console.log("skipped: mounting a tmpfs needs root");
        return;
      }
      const root = join(path, "store");
      const store = await openPlain(root);
      const stored: Digest[] = [];
      let failure: unknown;
      for (let index = 0; index < 100 && failure === undefined; index++) {
        try {
          stored.push(store.putBytes(Buffer.alloc(100_000, index)));
        } catch (error) {
          failure = error;
        }
      }
      expect(failure).toBeInstanceOf(StorageError);
      expect(failure).toMatchObject({ errno: "ENOSPC" });
      expect(readdirSync(store.paths.blobs).sort()).toEqual(stored.map(hexOf).sort());
      expect(readdirSync(join(store.paths.tmp, readdirSync(store.paths.tmp)[0]!))).toEqual([]);
      expect((await store.verifyStore()).damaged).toEqual([]);
      execFileSync("rm", [store.blobPath(stored.pop()!), store.blobPath(stored.pop()!)]);
      expect(store.readBytes(store.putBytes("room again")).toString()).toBe("room again");
    },
  );

  it("frees the reserve before it gives up", async () => {
    const path = mountSmall("size=160m");
    if (path === undefined) {
      console.log("skipped: mounting a tmpfs needs root");
      return;
    }
    const store = await openPlain(join(path, "store"));
    store.putBytes("the first write sets the reserve aside");
    expect(existsSync(store.paths.reserve)).toBe(true);
    const free =
      Number(execFileSync("stat", ["-f", "-c", "%f", path], { encoding: "utf8" })) * 4096;
    writeFileSync(join(path, "filler"), Buffer.alloc(free));
    const digest = store.putBytes(Buffer.alloc(1_000_000, "fits the reserve"));
    expect(existsSync(store.paths.reserve)).toBe(false);
    expect(store.readBytes(digest).byteLength).toBe(1_000_000);
  });
});

describe("other tools", () => {
  it("read images in place", async () => {
    try {
      execFileSync("skopeo", ["--version"], { stdio: "ignore" });
    } catch {
      console.log("skipped: skopeo is not installed");
      return;
    }
    const { store, root } = await makeRig();
    const writer = store.treeWriter({ kind: "layer", mtime: 0 });
    writer.add({ path: "etc/motd", type: "file", content: Buffer.from("hello") });
    const layer = writer.commit();
    const config = JSON.stringify({
      architecture: "mips64le",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [layer.digest] },
      config: {},
    });
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.manifest,
      config: {
        mediaType: MEDIA_TYPES.config,
        digest: store.putBytes(config),
        size: config.length,
      },
      layers: [{ mediaType: MEDIA_TYPES.layer, ...layer }],
    });
    await store.setReferences(
      new Map([
        [
          "etcd:3.3.15-0",
          {
            mediaType: MEDIA_TYPES.manifest,
            digest: store.putBytes(manifest),
            size: manifest.length,
          },
        ],
      ]),
    );
    const out = temporaryDirectory();
    execFileSync(
      "skopeo",
      ["copy", "--insecure-policy", "-q", `oci:${root}:etcd:3.3.15-0`, `dir:${out}`],
      { stdio: "inherit" },
    );
    expect(JSON.parse(readFileSync(join(out, "manifest.json"), "utf8"))).toMatchObject({
      config: { size: config.length },
    });
  });
});
