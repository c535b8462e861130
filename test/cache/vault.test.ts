import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { digestOf, hexOf, type Store, type VaultEntry } from "../../cache/index.js";
import { makeRig } from "./support/rig.js";

const ALL = { olderThanMs: 0, graceMs: 0 } as const;

function keep(store: Store, name: string): VaultEntry {
  const text = `bytes of ${name}`;
  const entry: VaultEntry = {
    key: digestOf(`key of ${name}`),
    address: `source.${name}`,
    items: [{ kind: "archive", name, digest: store.putBytes(text), size: text.length }],
  };
  store.putVault(entry);
  return entry;
}

describe("the vault", () => {
  it("finds what was fetched by kind and name, with an empty action cache", async () => {
    const { store, open } = await makeRig();
    const entry = keep(store, "a.tar");
    await store.close();
    const later = await open();
    rmSync(later.paths.actions, { recursive: true, force: true });
    expect(later.vaultEntries()).toEqual([entry]);
    expect(later.findVaulted("archive", "a.tar")).toBe(entry.items[0]!.digest);
    expect(later.findVaulted("git", "a.tar")).toBeUndefined();
    expect(later.findVaulted("archive", "b.tar")).toBeUndefined();
  });

  it("keeps its blobs through a collection, whatever their age and the cap", async () => {
    const { store, open } = await makeRig();
    const entry = keep(store, "a.tar");
    store.putBytes("nobody's");
    await store.close();
    const collector = await open();
    await collector.collect({ ...ALL, maxBytes: 0 });
    expect(readdirSync(collector.paths.blobs)).toEqual([hexOf(entry.items[0]!.digest)]);
    expect(collector.vaultEntries()).toEqual([entry]);
  });

  it("is dropped on request where no given key needs it, and never while young", async () => {
    const { store, open } = await makeRig();
    const used = keep(store, "used.tar");
    const unused = keep(store, "unused.tar");
    await store.close();
    const collector = await open();
    const young = await collector.planCollection({ vault: true, roots: [used.key] });
    expect(young.files.filter(({ what }) => what === "vault")).toEqual([]);
    const options = { ...ALL, vault: true, roots: [used.key] };
    const plan = await collector.planCollection(options);
    expect(plan.files.map(({ path }) => path)).toContain(collector.paths.vaultEntry(unused.key));
    await collector.collect(options);
    expect(collector.vaultEntries()).toEqual([used]);
    expect(collector.findVaulted("archive", "used.tar")).toBe(used.items[0]!.digest);
    expect(readdirSync(collector.paths.blobs)).toHaveLength(1);
  });

  it("sets a damaged entry and a damaged blob aside", async () => {
    const { store, open } = await makeRig();
    const entry = keep(store, "a.tar");
    const torn = keep(store, "b.tar");
    const path = store.paths.vaultEntry(torn.key);
    writeFileSync(path, readFileSync(path).subarray(0, 40));
    const report = await (await open()).verifyStore();
    expect(report.damaged).toMatchObject([{ what: "vault", name: torn.key }]);
    expect(store.vaultEntries()).toEqual([entry]);
    expect((await store.verifyStore()).damaged).toEqual([]);

    const blob = store.blobPath(entry.items[0]!.digest);
    chmodSync(blob, 0o644);
    writeFileSync(blob, "x".repeat(entry.items[0]!.size));
    expect(store.holdsVaulted(entry.items[0]!)).toBe(true);
    expect(store.findVaulted("archive", "a.tar")).toBeUndefined();
    expect(store.holdsVaulted(entry.items[0]!)).toBe(false);
  });
});
