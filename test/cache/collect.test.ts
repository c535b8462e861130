import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  ClockSkewError,
  digestOf,
  hexOf,
  MEDIA_TYPES,
  StoreBusyError,
  type ActionRecord,
  type Digest,
  type Store,
} from "../../cache/index.js";
import { makeRecord, makeRig, type Rig } from "./support/rig.js";

const ALL = { olderThanMs: 0, graceMs: 0 } as const;
const DAY_MS = 86_400_000;

/** A store whose records were all written by a process that is gone. */
async function makeLeftStore(
  count: number,
): Promise<Rig & { records: ActionRecord[]; collector: Store }> {
  const rig = await makeRig();
  const records = [...Array(count).keys()].map((index) =>
    makeRecord(rig.store, `node-${index}`, `${index}`.repeat(1000)),
  );
  for (const record of records) rig.store.putAction(record);
  await rig.store.close();
  return { ...rig, records, collector: await rig.open() };
}

function blobsIn(store: Store): string[] {
  return readdirSync(store.paths.blobs).sort();
}

function use(store: Store, record: ActionRecord, daysAgo: number): void {
  const seconds = (Date.now() - daysAgo * DAY_MS) / 1000;
  utimesSync(store.paths.action(record.key), seconds, seconds);
}

/** Leaves what a process leaves that is killed; returns the name of its lease. */
function abandon({ paths }: Store): string {
  const id = "ab".repeat(16);
  writeFileSync(join(paths.leases, id), `${"0".repeat(64)}\ntorn line`);
  mkdirSync(join(paths.tmp, id));
  writeFileSync(join(paths.tmp, id, "half a blob"), "...");
  return id;
}

describe("Store.removeAbandoned()", () => {
  it("removes what killed processes left, and nothing of those that live", async () => {
    const { collector, open } = await makeLeftStore(1);
    const other = await open();
    const used = other.temporaryDirectory();
    await other.hold();
    const own = collector.temporaryDirectory();
    const id = abandon(collector);
    await collector.removeAbandoned();
    expect(existsSync(join(collector.paths.tmp, id)), "it may only have begun").toBe(true);
    await collector.removeAbandoned(0);
    expect(existsSync(join(collector.paths.tmp, id))).toBe(false);
    expect(existsSync(join(collector.paths.leases, id))).toBe(false);
    expect([existsSync(used), existsSync(own)]).toEqual([true, true]);
    await other.close();
  });
});

describe("Store.collect()", () => {
  it("keeps the given keys, and removes the rest and their blobs", async () => {
    const { collector, records } = await makeLeftStore(4);
    const kept = records.slice(0, 2);
    const report = await collector.collect({ ...ALL, roots: kept.map(({ key }) => key) });
    expect(report.records.map(({ address }) => address).sort()).toEqual([
      "component.node-2",
      "component.node-3",
    ]);
    expect(blobsIn(collector)).toEqual(kept.map(({ closure }) => hexOf(closure[0]!)).sort());
    for (const { key } of kept) expect(collector.getAction(key)).toBeDefined();
    expect((await collector.verifyStore()).incomplete).toEqual([]);
  });

  it("removes what the plan lists, and nothing the second time", async () => {
    const { collector, records } = await makeLeftStore(5);
    const options = { ...ALL, roots: [records[0]!.key] };
    const plan = await collector.planCollection(options);
    const before = blobsIn(collector);
    expect(plan.blobs).toHaveLength(4);
    expect(blobsIn(collector)).toEqual(before);
    const { restored, ...report } = await collector.collect(options);
    expect(restored).toBe(0);
    expect(report).toEqual(plan);
    expect(report.storeBytes - report.freedBytes).toBeGreaterThan(1000);
    expect(before.length - blobsIn(collector).length).toBe(plan.blobs.length);
    expect((await collector.planCollection(options)).freedBytes).toBe(0);
  });

  it("keeps what a live process pinned, and lets go when it ends", async () => {
    const { collector, records, open } = await makeLeftStore(3);
    const builder = await open();
    expect(builder.getAction(records[0]!.key)).toBeDefined();
    expect(builder.has(records[1]!.closure[0]!)).toBe(true);
    await collector.collect(ALL);
    expect(builder.getAction(records[0]!.key)).toBeDefined();
    expect(blobsIn(collector)).toEqual(
      [records[0]!, records[1]!].map(({ closure }) => hexOf(closure[0]!)).sort(),
    );
    await builder.close();
    await collector.collect(ALL);
    expect(blobsIn(collector)).toEqual([]);
  });

  it("removes the lease and the temporary files of a process that was killed", async () => {
    const { collector } = await makeLeftStore(1);
    const id = abandon(collector);
    await collector.collect({ graceMs: 3_600_000 });
    expect(readdirSync(collector.paths.leases)).toContain(id);
    const report = await collector.collect({ graceMs: 0 });
    expect(report.files.map(({ what }) => what).sort()).toEqual(["lease", "temporary"]);
    expect(existsSync(join(collector.paths.leases, id))).toBe(false);
    expect(existsSync(join(collector.paths.tmp, id))).toBe(false);
  });

  it("keeps everything that a reference leads to", async () => {
    const { store, open } = await makeRig();
    const layer = { mediaType: MEDIA_TYPES.layer, digest: store.putBytes("layer"), size: 5 };
    const config = { mediaType: MEDIA_TYPES.config, digest: store.putBytes("{}"), size: 2 };
    const text = JSON.stringify({ schemaVersion: 2, config, layers: [layer] });
    const manifest = {
      mediaType: MEDIA_TYPES.manifest,
      digest: store.putBytes(text),
      size: text.length,
    };
    const indexText = JSON.stringify({ schemaVersion: 2, manifests: [manifest] });
    store.putBytes("orphan");
    await store.setReferences(
      new Map([
        [
          "a:1",
          {
            mediaType: MEDIA_TYPES.index,
            digest: store.putBytes(indexText),
            size: indexText.length,
          },
        ],
      ]),
    );
    await store.close();
    const collector = await open();
    const report = await collector.collect(ALL);
    expect(report.blobs).toEqual([{ digest: digestOf("orphan"), size: 6 }]);
    expect(blobsIn(collector)).toHaveLength(4);
  });

  it("goes by age when told to, and leaves a tombstone that says so", async () => {
    const { collector, records } = await makeLeftStore(3);
    use(collector, records[0]!, 40);
    use(collector, records[1]!, 20);
    const report = await collector.collect({ olderThanMs: 30 * DAY_MS, graceMs: 0 });
    expect(report.records.map(({ key, reason }) => [key, reason])).toEqual([
      [records[0]!.key, "unused for 30 days"],
    ]);
    expect(collector.inspectAction(records[0]!.key)).toMatchObject({
      state: "absent",
      tombstone: {
        key: records[0]!.key,
        address: "component.node-0",
        kind: "component",
        reason: "unused for 30 days",
      },
    });
    expect(collector.getAction(records[1]!.key)).toBeDefined();
  });

  it("evicts what was used longest ago until the store is below its cap", async () => {
    const { collector, records } = await makeLeftStore(6);
    records.forEach((record, index) => use(collector, record, 10 - index));
    const { storeBytes } = await collector.planCollection({ graceMs: 0 });
    const maxBytes = storeBytes - 3000;
    const report = await collector.collect({ maxBytes, graceMs: 0 });
    expect(report.records.map(({ address }) => address)).toEqual([
      "component.node-0",
      "component.node-1",
    ]);
    expect(report.storeBytes - report.freedBytes).toBeLessThanOrEqual(maxBytes);
    expect(report.overBytes).toBe(0);
    expect(collector.inspectAction(records[0]!.key).tombstone?.reason).toMatch(/^the cap of /);
  });

  it("never evicts a root for the cap, and says how far it is over", async () => {
    const { collector, records } = await makeLeftStore(2);
    const report = await collector.collect({
      maxBytes: 10,
      graceMs: 0,
      roots: records.map(({ key }) => key),
    });
    expect(report.records).toEqual([]);
    expect(report.overBytes).toBeGreaterThan(1000);
  });

  it("forgets the tombstone when the action is stored again", async () => {
    const { collector, records } = await makeLeftStore(1);
    await collector.collect(ALL);
    collector.putAction(makeRecord(collector, "node-0", "0".repeat(1000)));
    expect(collector.inspectAction(records[0]!.key)).toMatchObject({ state: "hit" });
    expect(collector.inspectAction(records[0]!.key).tombstone).toBeUndefined();
  });

  it("keeps what is younger than the grace period", async () => {
    const { collector } = await makeLeftStore(2);
    expect((await collector.collect({ olderThanMs: 0 })).freedBytes).toBe(0);
  });

  it("changes the generation when blobs go, and only then", async () => {
    const { collector } = await makeLeftStore(1);
    const before = collector.generation();
    await collector.collect();
    expect(collector.generation()).toBe(before);
    await collector.collect(ALL);
    expect(collector.generation()).not.toBe(before);
  });

  it("removes checkouts of trees that are gone, old logs and the Go cache", async () => {
    const { store, open } = await makeRig();
    const { digest } = store.writeTree([{ path: "a", type: "file", content: Buffer.from("a") }]);
    await store.checkout(digest);
    const log = store.paths.log(digestOf("key"));
    const cached = join(store.paths.goCache, "00", "entry");
    mkdirSync(join(store.paths.goCache, "00"));
    for (const path of [log, cached]) {
      writeFileSync(path, "text");
      utimesSync(path, 1, 1);
    }
    await store.close();
    const collector = await open();
    const report = await collector.collect({ olderThanMs: 30 * DAY_MS, graceMs: 0 });
    expect(report.checkouts.map(({ tree }) => tree)).toEqual([digest]);
    expect(readdirSync(collector.paths.checkouts)).toEqual([]);
    expect([existsSync(log), existsSync(cached)]).toEqual([false, false]);
  });

  it("puts back what a process pinned between the plan and the deletion", async () => {
    const { collector, records, open } = await makeLeftStore(2);
    const builder = await open();
    const pinned = records[0]!.closure[0]!;
    // The roots are read after the leases: a pin made while they are is one the plan has missed.
    const roots = {
      *[Symbol.iterator](): Generator<Digest> {
        expect(builder.has(pinned)).toBe(true);
      },
    };
    const report = await collector.collect({ ...ALL, roots });
    expect(report.blobs).toHaveLength(2);
    expect(report.restored).toBe(1);
    expect(builder.readBytes(pinned).byteLength).toBe(1000);
    expect(blobsIn(collector)).toEqual([hexOf(pinned)]);
  });

  it("recovers the trash of a collection that was killed", async () => {
    const { collector, records } = await makeLeftStore(1);
    const blob: Digest = records[0]!.closure[0]!;
    const run = join(collector.paths.trash, "run");
    mkdirSync(run);
    writeFileSync(join(run, hexOf(blob)), readFileSync(collector.blobPath(blob)));
    rmSync(collector.blobPath(blob));
    // Until then it can be read where it is.
    expect(collector.readBytes(blob).byteLength).toBe(1000);
    await collector.collect();
    expect(collector.getAction(records[0]!.key)).toBeDefined();
    expect(readdirSync(collector.paths.trash)).toEqual([]);
  });

  it("refuses to run beside another collection", async () => {
    const { collector, locker } = await makeLeftStore(0);
    const lock = await locker.acquire(collector.paths.lock("gc"), "exclusive", true);
    await expect(collector.collect()).rejects.toThrow(StoreBusyError);
    await lock?.release();
    await collector.collect();
  });

  it("refuses when the clock is wrong", async () => {
    const { open } = await makeLeftStore(1);
    const collector = await open({ now: () => Date.now() + 10 * 365 * DAY_MS });
    await expect(collector.collect(ALL)).rejects.toThrow(ClockSkewError);
  });
});
