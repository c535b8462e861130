import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ArchiveReader, digestOf } from "../../cache/index.js";
import { compressLayer, writeDockerArchive } from "../../src/image/index.js";
import { image, ImageRig, textFile } from "./support/rig.js";

let rig: ImageRig;
beforeEach(async () => {
  rig = await ImageRig.open();
});
afterEach(() => rig.close());

describe("writeDockerArchive()", () => {
  it("writes a layout and docker's manifest.json over the same blobs, shared ones once", async () => {
    const base = rig.assemble(image({ files: [textFile("/a", "a")] }));
    const child = rig.assemble(image({ files: [textFile("/b", "b")] }), base);
    const path = join(rig.directory, "images.tar");
    const images = [
      { reference: "base:1", manifest: base[0]!.digest },
      { reference: "child:1", manifest: child[0]!.digest },
    ];
    await writeDockerArchive(rig.store, images, path);
    const members = new Map<string, string>();
    let last = "";
    const reader = new ArchiveReader({
      entry: (entry) => {
        last = entry.path;
        members.set(last, "");
      },
      data: (chunk) => {
        members.set(last, members.get(last)! + chunk.toString());
      },
    });
    reader.write(readFileSync(path));
    reader.end();
    const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
    expect(JSON.parse(members.get("manifest.json")!)).toEqual([
      { Config: blob(base[1]!.digest), RepoTags: ["base:1"], Layers: [blob(base[2]!.digest)] },
      {
        Config: blob(child[1]!.digest),
        RepoTags: ["child:1"],
        Layers: [blob(base[2]!.digest), blob(child[3]!.digest)],
      },
    ]);
    expect(JSON.parse(members.get("index.json")!)).toMatchObject({
      manifests: images.map(({ manifest, reference }) => ({
        digest: manifest,
        annotations: { "org.opencontainers.image.ref.name": reference },
      })),
    });
    expect(members.has("oci-layout")).toBe(true);
    expect([...members.keys()].filter((name) => name.startsWith("blobs/sha256/"))).toHaveLength(6);
    expect(readdirSync(rig.directory)).toEqual(["images.tar"]);
    const first = readFileSync(path);
    await writeDockerArchive(rig.store, images, path);
    expect(readFileSync(path).equals(first)).toBe(true);
  });
});

describe("compressLayer()", () => {
  it("gives the same gzip member and digests for any chunks", async () => {
    const bytes = Buffer.from("kmips ".repeat(100_000));
    const compress = async (chunkBytes: number) => {
      const pieces: Buffer[] = [];
      const buffer = Buffer.alloc(chunkBytes);
      function* lent(): Generator<Buffer> {
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          yield buffer.subarray(0, bytes.copy(buffer, 0, at, at + chunkBytes));
        }
      }
      const result = await compressLayer(lent(), {
        level: 6,
        write: (piece) => pieces.push(Buffer.from(piece)),
      });
      return { ...result, bytes: Buffer.concat(pieces) };
    };
    const whole = await compress(bytes.length);
    expect(gunzipSync(whole.bytes).equals(bytes)).toBe(true);
    expect(whole.diffId).toBe(digestOf(bytes));
    expect(whole.digest).toBe(digestOf(whole.bytes));
    expect(whole.size).toBe(whole.bytes.length);
    expect(await compress(1000)).toEqual(whole);
    // RFC 1952: no time, unknown system.
    expect([...whole.bytes.subarray(4, 8)]).toEqual([0, 0, 0, 0]);
    expect(whole.bytes[9]).toBe(255);
  });

  it("fails with what writing fails with", async () => {
    const write = (): never => {
      throw new Error("no space");
    };
    const chunks = Array.from({ length: 8 }, () => Buffer.alloc(1024 * 1024, "x"));
    await expect(compressLayer(chunks, { level: 1, write })).rejects.toThrow("no space");
  });

  it("compresses nothing to an empty member", async () => {
    const pieces: Buffer[] = [];
    await compressLayer([], { level: 1, write: (piece) => pieces.push(Buffer.from(piece)) });
    expect(gunzipSync(Buffer.concat(pieces))).toHaveLength(0);
  });
});
