/** What every store must do, whatever its options; run by test/cache/store.test.ts. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { digestOf, DigestMismatchError, MissingBlobError, type Store } from "../../cache/index.js";
import { recordOf } from "../cache/support/records.js";
import { makeRecord, temporaryDirectory } from "../cache/support/rig.js";

export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`${name}: blobs`, () => {
    it.each(["", "hello", "ünïcödé", "x".repeat(3 * 1024 * 1024 + 7)])(
      "gives back the bytes it was given",
      async (text) => {
        const store = await open();
        const digest = store.putBytes(text);
        expect(digest).toBe(digestOf(text));
        expect(store.readBytes(digest).toString()).toBe(text);
        expect(store.has(digest, Buffer.byteLength(text))).toBe(true);
      },
    );

    it("stores the same bytes once, whoever brings them", async () => {
      const store = await open();
      const path = join(temporaryDirectory(), "file");
      writeFileSync(path, "same");
      const writer = store.createBlob();
      writer.write(Buffer.from("sa"));
      writer.write(Buffer.from("me"));
      expect(writer.commit()).toEqual({ digest: digestOf("same"), size: 4 });
      expect(await store.putFile(path)).toEqual({ digest: digestOf("same"), size: 4 });
      expect(store.putBytes("same")).toBe(digestOf("same"));
    });

    it("knows nothing of bytes it was not given", async () => {
      const store = await open();
      expect(store.has(digestOf("nothing"))).toBe(false);
      expect(() => store.readBytes(digestOf("nothing"))).toThrow(MissingBlobError);
    });

    it("refuses bytes that are not the announced ones, and keeps nothing of them", async () => {
      const store = await open();
      const writer = store.createBlob();
      writer.write(Buffer.from("other"));
      expect(() => writer.commit(digestOf("announced"))).toThrow(DigestMismatchError);
      expect(store.has(digestOf("other"))).toBe(false);
    });

    it("says no when a blob is larger than the reader's limit", async () => {
      const store = await open();
      expect(() => store.readBytes(store.putBytes("12345"), 4)).toThrow(
        expect.objectContaining({ errno: "EFBIG" }),
      );
    });
  });

  describe(`${name}: actions`, () => {
    it("gives back the record it was given", async () => {
      const store = await open();
      const record = makeRecord(store, "etcd");
      expect(store.getAction(record.key)).toBeUndefined();
      expect(store.putAction(record)).toEqual({ stored: record });
      expect(store.getAction(record.key)).toEqual(record);
      expect(store.inspectAction(record.key)).toEqual({ state: "hit", record });
    });

    it("refuses a record whose blobs are not there", async () => {
      const store = await open();
      const record = recordOf("etcd", digestOf("nowhere"), 7);
      expect(() => store.putAction(record)).toThrow(expect.objectContaining({ errno: "ENOENT" }));
      expect(store.inspectAction(record.key)).toEqual({ state: "absent" });
    });

    it("keeps the first of two different results, and says so", async () => {
      const store = await open();
      const first = makeRecord(store, "etcd", "first");
      const second = { ...makeRecord(store, "etcd", "second"), key: first.key };
      store.putAction(first);
      expect(store.putAction(second)).toEqual({ stored: first, diverged: second });
      expect(store.getAction(first.key)).toEqual(first);
    });

    it("accepts the same result twice", async () => {
      const store = await open();
      const record = makeRecord(store, "etcd");
      store.putAction(record);
      expect(store.putAction({ ...record, nativeMs: 2 })).toEqual({ stored: record });
    });
  });

  describe(`${name}: references`, () => {
    const descriptor = {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: digestOf("{}"),
      size: 2,
    };

    it("adds, moves and removes names and leaves the others", async () => {
      const store = await open();
      await store.setReferences(
        new Map([
          ["b:1", descriptor],
          ["a:1", descriptor],
        ]),
      );
      await store.setReferences(new Map([["b:1", { ...descriptor, size: 3 }]]));
      expect([...store.references()].map(([name, { size }]) => [name, size])).toEqual([
        ["a:1", 2],
        ["b:1", 3],
      ]);
      await store.removeReferences(new Set(["a:1"]));
      expect([...store.references().keys()]).toEqual(["b:1"]);
    });
  });
}
