import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ArchiveReader, CorruptBlobError, digestOf } from "../../cache/index.js";
import { compressLayer, writeDockerArchive } from "../../src/image/index.js";
import { image, ImageRig, textFile } from "./support/rig.js";

let rig: ImageRig;
beforeEach(async () => {
  rig = await ImageRig.open();
});
afterEach(() => rig.close());

/** The members of an archive, by path. */
function membersOf(path: string): Map<string, Buffer> {
  const members = new Map<string, Buffer>();
  let last = "";
  const reader = new ArchiveReader({
    entry: (entry) => {
      last = entry.path;
      members.set(last, Buffer.alloc(0));
    },
    data: (chunk) => {
      members.set(last, Buffer.concat([members.get(last)!, chunk]));
    },
  });
  reader.write(readFileSync(path));
  reader.end();
  return members;
}

function json(members: ReadonlyMap<string, Buffer>, path: string): unknown {
  return JSON.parse(members.get(path)!.toString());
}

const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;

describe("writeDockerArchive()", () => {
  it("writes a layout and docker's manifest.json over the same blobs, shared ones once", async () => {
    const base = rig.assemble(image({ files: [textFile("/a", "a")] }));
    const child = rig.assemble(image({ files: [textFile("/b", "b")] }), base);
    const path = join(rig.directory, "images.tar");
    const images = [
      { names: ["base:1"], manifest: base[0]!.digest },
      { names: ["child:1"], manifest: child[0]!.digest },
    ];
    await writeDockerArchive(rig.store, images, path);
    const members = membersOf(path);
    expect(json(members, "manifest.json")).toEqual([
      { Config: blob(base[1]!.digest), RepoTags: ["base:1"], Layers: [blob(base[2]!.digest)] },
      {
        Config: blob(child[1]!.digest),
        RepoTags: ["child:1"],
        Layers: [blob(base[2]!.digest), blob(child[3]!.digest)],
      },
    ]);
    expect(json(members, "index.json")).toMatchObject({
      manifests: images.map(({ manifest, names: [name] }) => ({
        digest: manifest,
        annotations: { "org.opencontainers.image.ref.name": name },
      })),
    });
    expect(members.has("oci-layout")).toBe(true);
    expect([...members.keys()].filter((name) => name.startsWith("blobs/sha256/"))).toHaveLength(6);
    expect(readdirSync(rig.directory)).toEqual(["images.tar"]);
    const first = readFileSync(path);
    await writeDockerArchive(rig.store, images, path);
    expect(readFileSync(path).equals(first)).toBe(true);
  });

  it("writes compressed layers under a new manifest, with the config and diffIDs of the image", async () => {
    const base = rig.assemble(image({ files: [textFile("/a", "a".repeat(3_000_000))] }));
    const child = rig.assemble(image({ files: [textFile("/b", "b")] }), base);
    const path = join(rig.directory, "images.tar");
    const images = [
      { names: ["base:1"], manifest: base[0]!.digest },
      { names: ["child:1"], manifest: child[0]!.digest },
    ];
    await writeDockerArchive(rig.store, images, path, { gzipLevel: 6 });
    const members = membersOf(path);
    const index = json(members, "index.json") as { manifests: { digest: string; size: number }[] };
    const docker = json(members, "manifest.json") as { Config: string; Layers: string[] }[];
    const outputs = [base, child];
    for (const [at, row] of index.manifests.entries()) {
      const text = members.get(blob(row.digest))!;
      expect(digestOf(text)).toBe(row.digest);
      expect(text).toHaveLength(row.size);
      const manifest = JSON.parse(text.toString()) as {
        config: { digest: string };
        layers: { mediaType: string; digest: string; size: number }[];
      };
      const [, config, ...layers] = outputs[at]!;
      expect(manifest.config.digest).toBe(config!.digest);
      expect(docker[at]!.Config).toBe(blob(config!.digest));
      expect(docker[at]!.Layers).toEqual(manifest.layers.map(({ digest }) => blob(digest)));
      const packed = manifest.layers.map(({ mediaType, digest, size }) => {
        expect(mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip");
        const bytes = members.get(blob(digest))!;
        expect(digestOf(bytes)).toBe(digest);
        expect(bytes).toHaveLength(size);
        return digestOf(gunzipSync(bytes));
      });
      expect(packed).toEqual(layers.map((layer) => layer.digest));
    }
    // Two manifests, two configs, the base's layer once and the child's; none uncompressed.
    expect([...members.keys()].filter((name) => name.startsWith("blobs/sha256/"))).toHaveLength(6);
    const first = readFileSync(path);
    await writeDockerArchive(rig.store, images, path, { gzipLevel: 6 });
    expect(readFileSync(path).equals(first)).toBe(true);
    expect(readdirSync(rig.directory)).toEqual(["images.tar"]);
  });

  it("leaves the old archive alone when a layer to compress is damaged", async () => {
    const outputs = rig.assemble(image({ files: [textFile("/a", "a".repeat(3_000_000))] }));
    const path = join(rig.directory, "images.tar");
    writeFileSync(path, "old");
    const damaged = rig.store.blobPath(outputs[2]!.digest);
    const bytes = readFileSync(damaged);
    bytes[1_000_000]! ^= 1;
    rmSync(damaged);
    writeFileSync(damaged, bytes);
    const images = [{ names: ["x:1"], manifest: outputs[0]!.digest }];
    await expect(
      writeDockerArchive(rig.store, images, path, { gzipLevel: 1 }),
    ).rejects.toBeInstanceOf(CorruptBlobError);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(rig.directory)).toEqual(["images.tar"]);
  });
});

const MEBIBYTE = 1024 * 1024;

describe("compressLayer()", () => {
  // The boundaries of its blocks, where bytes could be lost or the dictionary be wrong.
  it.each([0, 1, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 3 * MEBIBYTE])(
    "gives back %i bytes, and GNU gzip's trailer over all of them",
    async (size) => {
      const bytes = Buffer.from("kmips on mips64le, ".repeat(Math.ceil(size / 19))).subarray(
        0,
        size,
      );
      const pieces: Buffer[] = [];
      const write = (piece: Uint8Array): unknown => pieces.push(Buffer.from(piece));
      const result = await compressLayer([bytes], { level: 9, write });
      const packed = Buffer.concat(pieces);
      expect(gunzipSync(packed).equals(bytes)).toBe(true);
      expect(packed.readUInt32LE(packed.length - 4)).toBe(size);
      expect(result).toEqual({ digest: digestOf(packed), size: packed.length });
    },
  );

  it("gives the same gzip member and digests for any chunks", async () => {
    const bytes = Buffer.from("kmips ".repeat(500_000));
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
});
