import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  CorruptBlobError,
  digestOf,
  hexOf,
  MissingBlobError,
  openStore,
  StoreFormatError,
} from "../../cache/index.js";
import { storeContract } from "../contracts/store.contract.js";
import { MemoryLocker } from "./support/memory-locker.js";
import { makeRecord, makeRig, temporaryDirectory } from "./support/rig.js";

storeContract("a durable store", async () => (await makeRig({ durable: true })).store);
storeContract("a store without syncs", async () => (await makeRig()).store);

describe("openStore()", () => {
  it("makes an OCI image layout", async () => {
    const { root } = await makeRig();
    expect(JSON.parse(readFileSync(join(root, "oci-layout"), "utf8"))).toEqual({
      imageLayoutVersion: "1.0.0",
    });
    expect(JSON.parse(readFileSync(join(root, "index.json"), "utf8"))).toMatchObject({
      schemaVersion: 2,
      manifests: [],
    });
  });

  it("refuses a store that a newer kmips wrote", async () => {
    const { store, open } = await makeRig();
    writeFileSync(store.paths.format, "kmips store 2\n");
    await expect(open()).rejects.toThrow(StoreFormatError);
    await expect(open({ readOnly: true })).rejects.toThrow(StoreFormatError);
  });

  it.each(["", "garbage", "kmips store 1"])(
    "repairs a damaged format file %j and keeps the blobs",
    async (text) => {
      const { store, open } = await makeRig();
      const digest = store.putBytes("kept");
      writeFileSync(store.paths.format, text);
      expect((await open()).readBytes(digest).toString()).toBe("kept");
      expect(readFileSync(store.paths.format, "utf8")).toBe("kmips store 1\n");
    },
  );

  it("refuses a root that is a file", async () => {
    const path = join(temporaryDirectory(), "file");
    writeFileSync(path, "");
    await expect(openStore(path, { locker: new MemoryLocker() })).rejects.toThrow(StoreFormatError);
  });

  it("writes nothing, locks nothing and pins nothing when only reading", async () => {
    const { store, open, locker } = await makeRig();
    const record = makeRecord(store, "etcd");
    store.putAction(record);
    await store.close();
    const requests = locker.requests;
    const reader = await open({ readOnly: true });
    expect(reader.getAction(record.key)).toEqual(record);
    expect(reader.has(record.closure[0]!)).toBe(true);
    expect(locker.requests).toBe(requests);
    expect(readdirSync(store.paths.leases)).toEqual([]);
    expect(() => reader.putBytes("new")).toThrow(expect.objectContaining({ errno: "EROFS" }));
  });

  it("opens an absent store for reading without making it", async () => {
    const root = join(temporaryDirectory(), "absent");
    const store = await openStore(root, { locker: new MemoryLocker(), readOnly: true });
    expect(store.inspectAction(digestOf("key"))).toEqual({ state: "absent" });
    expect([...store.references()]).toEqual([]);
    expect(statSync(root, { throwIfNoEntry: false })).toBeUndefined();
  });
});

describe("Store.close()", () => {
  it("leaves neither lease nor temporary files", async () => {
    const { store } = await makeRig();
    writeFileSync(join(store.temporaryDirectory(), "left"), "over");
    store.createBlob().write(Buffer.from("never committed"));
    await store.close();
    expect(readdirSync(store.paths.leases)).toEqual([]);
    expect(readdirSync(store.paths.tmp)).toEqual([]);
  });
});

describe("a damaged blob", () => {
  const damages: [string, (path: string) => void][] = [
    ["a flipped bit", (path) => flip(path, 3)],
    ["a lost end", (path) => writeFileSync(path, readFileSync(path).subarray(0, 4))],
    ["emptiness", (path) => writeFileSync(path, "")],
    ["one byte more", (path) => writeFileSync(path, "content and!")],
    ["a directory in its place", (path) => (rmSync(path), mkdirSync(path))],
    ["a link in its place", (path) => (rmSync(path), symlinkSync("/etc/hostname", path))],
  ];

  it.each(damages)(
    "with %s is never read, goes to quarantine, and makes its record a miss",
    async (_name, damage) => {
      const { store, open } = await makeRig();
      const record = makeRecord(store, "etcd", "content and");
      store.putAction(record);
      const path = store.blobPath(record.closure[0]!);
      chmodSync(path, 0o644);
      damage(path);
      const other = await open();
      const before = other.generation();
      expect(() => other.readBytes(record.closure[0]!)).toThrow(CorruptBlobError);
      expect(() => other.readBytes(record.closure[0]!)).toThrow(MissingBlobError);
      expect(other.generation()).not.toBe(before);
      expect(other.getAction(record.key)).toBeUndefined();
      expect(other.inspectAction(record.key)).toMatchObject({
        state: "incomplete",
        missing: record.closure,
      });
      const [place] = readdirSync(store.paths.quarantine);
      expect(readdirSync(join(store.paths.quarantine, place!)).sort()).toEqual([
        "data",
        "why.json",
      ]);
    },
  );

  it("is replaced when its bytes are stored again", async () => {
    const { store, open } = await makeRig();
    const digest = store.putBytes("content");
    chmodSync(store.blobPath(digest), 0o644);
    writeFileSync(store.blobPath(digest), "CONTENT");
    const other = await open();
    const writer = other.createBlob();
    writer.write(Buffer.from("content"));
    writer.commit();
    expect(other.readBytes(digest).toString()).toBe("content");
  });
});

describe("a damaged record", () => {
  it.each([...Array(40).keys()])("with a flipped bit at %i/40 is a miss", async (part) => {
    const { store } = await makeRig();
    const record = makeRecord(store, "etcd");
    store.putAction(record);
    const path = store.paths.action(record.key);
    flip(path, Math.floor((statSync(path).size * part) / 40));
    expect(store.inspectAction(record.key)).toEqual({ state: "corrupt" });
    expect(store.getAction(record.key)).toBeUndefined();
    expect(store.putAction(record)).toEqual({ stored: record });
    expect(store.getAction(record.key)).toEqual(record);
  });

  it("is a miss when it is another key's", async () => {
    const { store } = await makeRig();
    const [a, b] = [makeRecord(store, "a"), makeRecord(store, "b")];
    store.putAction(a);
    store.putAction(b);
    writeFileSync(store.paths.action(b.key), readFileSync(store.paths.action(a.key)));
    expect(store.getAction(b.key)).toBeUndefined();
    expect(store.getAction(a.key)).toEqual(a);
  });
});

describe("a damaged state file", () => {
  it("costs the names when it is index.json, and no more", async () => {
    const { store, root, warnings } = await makeRig();
    writeFileSync(join(root, "index.json"), "{");
    expect([...store.references()]).toEqual([]);
    expect(warnings).toHaveLength(1);
    await store.setReferences(
      new Map([["a:1", { mediaType: "m", digest: digestOf("{}"), size: 2 }]]),
    );
    expect(store.references().size).toBe(1);
  });

  it("ignores what kmips did not write", async () => {
    const { store, open } = await makeRig();
    for (const directory of store.paths.skeleton())
      writeFileSync(join(directory, ".DS_Store"), "junk");
    const other = await open();
    const record = makeRecord(other, "etcd");
    other.putAction(record);
    expect(other.getAction(record.key)).toEqual(record);
    const report = await other.verifyStore();
    expect(report.damaged).toEqual([]);
    expect(report.foreign.length).toBeGreaterThan(0);
    await other.collect({ graceMs: 0 });
  });
});

describe("Store.verifyStore()", () => {
  it("finds every flipped blob and record, and finds nothing the second time", async () => {
    const { store, open } = await makeRig();
    const records = [...Array(12).keys()].map((index) => makeRecord(store, `node-${index}`));
    for (const record of records) store.putAction(record);
    for (const record of records.slice(0, 6)) {
      chmodSync(store.blobPath(record.closure[0]!), 0o644);
      flip(store.blobPath(record.closure[0]!), 2);
    }
    for (const record of records.slice(6, 9)) flip(store.paths.action(record.key), 100);
    const other = await open();
    const report = await other.verifyStore();
    expect(report.damaged.map(({ what }) => what)).toEqual([
      ...Array(6).fill("blob"),
      ...Array(3).fill("record"),
    ]);
    expect(report.damaged.map(({ name }) => name)).toEqual([
      ...records
        .slice(0, 6)
        .map(({ closure }) => closure[0]!)
        .sort(),
      ...records
        .slice(6, 9)
        .map(({ key }) => key)
        .sort(),
    ]);
    expect([...report.incomplete].sort()).toEqual(
      records
        .slice(0, 6)
        .map(({ key }) => key)
        .sort(),
    );
    expect((await other.verifyStore()).damaged).toEqual([]);
    expect(records.slice(9).every(({ key }) => other.getAction(key) !== undefined)).toBe(true);
  });

  it("finds a checkout that holds more than its tree, and makes it again", async () => {
    const { store, open } = await makeRig();
    const { digest } = store.writeTree([{ path: "a", type: "file", content: Buffer.from("aa") }]);
    const directory = await store.checkout(digest);
    expect((await (await open()).verifyStore()).damaged).toEqual([]);
    writeFileSync(join(directory, "b"), "not of this tree");
    const report = await store.verifyStore();
    expect(report.damaged).toMatchObject([{ what: "checkout", name: digest }]);
    expect(readdirSync(await (await open()).checkout(digest))).toEqual(["a"]);
  });

  it("names a reference that leads nowhere", async () => {
    const { store } = await makeRig();
    await store.setReferences(
      new Map([["a:1", { mediaType: "m", digest: digestOf("gone"), size: 4 }]]),
    );
    expect((await store.verifyStore()).damaged).toMatchObject([{ what: "reference", name: "a:1" }]);
  });
});

describe("Store.lockAction()", () => {
  it("lets one process in at a time", async () => {
    const { store, open } = await makeRig();
    const other = await open();
    const order: string[] = [];
    const first = await store.lockAction(digestOf("key"));
    const second = other.lockAction(digestOf("key")).then(async (lock) => {
      order.push("second");
      await lock.release();
    });
    order.push("first");
    await first.release();
    await second;
    expect(order).toEqual(["first", "second"]);
  });
});

describe("Store.copyTo()", () => {
  it("replaces the destination only with verified bytes", async () => {
    const { store, open } = await makeRig();
    const destination = join(temporaryDirectory(), "out");
    writeFileSync(destination, "old");
    const digest = store.putBytes("new");
    store.copyTo(digest, destination, 0o755);
    expect(readFileSync(destination, "utf8")).toBe("new");
    expect(statSync(destination).mode & 0o777).toBe(0o755);
    chmodSync(store.blobPath(digest), 0o644);
    flip(store.blobPath(digest), 0);
    const other = await open();
    expect(() => other.copyTo(digest, destination, 0o755)).toThrow(CorruptBlobError);
    expect(readFileSync(destination, "utf8")).toBe("new");
    expect(readdirSync(join(destination, ".."))).toEqual(["out"]);
  });
});

/** Flips the lowest bit of one byte. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(path, bytes);
}

describe("paths", () => {
  it("put each blob under its digest", async () => {
    const { store, root } = await makeRig();
    const digest = store.putBytes("x");
    expect(store.blobPath(digest)).toBe(join(root, "blobs", "sha256", hexOf(digest)));
    expect(statSync(store.blobPath(digest)).mode & 0o777).toBe(0o444);
  });
});
