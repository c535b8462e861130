/**
 * Images on their way out of the store: one tar that is both an OCI image layout and what
 * `docker save` writes, and gzip for layers.
 *
 * The tar is made by the canonical writer, so equal images give equal archives.
 */
import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { createGzip } from "node:zlib";
import {
  ArchiveWriter,
  DigestStream,
  hexOf,
  MEDIA_TYPES,
  REFERENCE_ANNOTATION,
  type Content,
  type Descriptor,
  type Digest,
  type Store,
} from "../../cache/index.js";
import { readImage } from "./manifest.js";

export interface ExportedImage {
  readonly manifest: Digest;
  /** Name and tag, e.g. `agnhost:2.6`. */
  readonly reference: string;
}

const GZIP_CHUNK_BYTES = 1024 * 1024;
/** Chunks given to zlib before the oldest must be done: bounds memory, keeps its thread busy. */
const CHUNKS_AHEAD = 2;
/** Byte 9 of a gzip header: "unknown", instead of the system it was made on (RFC 1952, 2.3). */
const GZIP_OS_AT = 9;
const GZIP_OS_UNKNOWN = 255;

/**
 * Writes images as one tar to the file `path`, which is replaced in one step. `docker load`,
 * `crane validate --tarball` and skopeo's `docker-archive:` read its manifest.json, everything else
 * its OCI layout. Blobs that images share are in it once.
 */
export async function writeDockerArchive(
  store: Store,
  images: readonly ExportedImage[],
  path: string,
): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  const file = await open(temporary, "wx");
  try {
    try {
      exportArchive(store, images, (chunk) => {
        for (let at = 0; at < chunk.length;) at += writeSync(file.fd, chunk, at);
      });
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The tar itself, piece by piece; a piece is only lent to `sink`. */
export function exportArchive(
  store: Store,
  images: readonly ExportedImage[],
  sink: (chunk: Uint8Array) => void,
): void {
  const members = new Map<string, Content | undefined>([
    ["blobs", undefined],
    ["blobs/sha256", undefined],
    ["oci-layout", Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" }))],
  ]);
  const addBlob = (digest: Digest, size: number): string => {
    const path = `blobs/sha256/${hexOf(digest)}`;
    members.set(path, { chunks: { [Symbol.iterator]: () => store.readChunks(digest) }, size });
    return path;
  };
  const docker: object[] = [];
  const manifests: Descriptor[] = [];
  for (const { manifest: digest, reference } of images) {
    const { config, layers } = readImage(store, digest).manifest;
    const size = store.readBytes(digest).length;
    addBlob(digest, size);
    docker.push({
      Config: addBlob(config.digest, config.size),
      RepoTags: [reference],
      Layers: layers.map((layer) => addBlob(layer.digest, layer.size)),
    });
    const annotations = {
      "io.containerd.image.name": reference,
      [REFERENCE_ANNOTATION]: reference,
    };
    manifests.push({ mediaType: MEDIA_TYPES.manifest, digest, size, annotations });
  }
  members.set("manifest.json", Buffer.from(JSON.stringify(docker)));
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests };
  members.set("index.json", Buffer.from(JSON.stringify(index)));

  const archive = new ArchiveWriter(sink);
  for (const path of [...members.keys()].sort()) {
    const content = members.get(path);
    if (content === undefined) archive.add({ path, type: "directory" });
    else archive.add({ path, type: "file", content });
  }
  archive.end();
}

/**
 * Compresses a layer as it is read: `write` gets the gzip member piece by piece. zlib works on its
 * own thread, always with a chunk in hand, while this one reads and hashes; so the two digests cost
 * almost no time. The bytes depend on level and zlib's version, not on the chunks.
 *
 * @returns the diffID, and digest and size of what was written.
 * @throws what `chunks` or `write` throws.
 */
export async function compressLayer(
  chunks: Iterable<Uint8Array>,
  options: { readonly level: number; readonly write: (piece: Uint8Array) => void },
): Promise<{ readonly diffId: Digest; readonly digest: Digest; readonly size: number }> {
  const plain = new DigestStream();
  const packed = new DigestStream();
  const gzip = createGzip({ level: options.level, memLevel: 9, chunkSize: GZIP_CHUNK_BYTES });
  const ended = new Promise<void>((resolve, reject) => {
    gzip.on("error", reject);
    gzip.on("end", resolve);
  });
  // Only awaited at the end: a failure before must not count as unhandled.
  ended.catch(() => undefined);
  gzip.on("data", (piece: Buffer) => {
    if (packed.size === 0) piece[GZIP_OS_AT] = GZIP_OS_UNKNOWN;
    packed.update(piece);
    try {
      options.write(piece);
    } catch (error) {
      gzip.destroy(error as Error);
    }
  });
  const taken: Promise<void>[] = [];
  for (const chunk of chunks) {
    if (gzip.destroyed) break;
    plain.update(chunk);
    // The chunk is only lent and the next one may be read over it: zlib gets a copy.
    const copy = Uint8Array.from(chunk);
    taken.push(new Promise((resolve) => gzip.write(copy, () => resolve())));
    if (taken.length > CHUNKS_AHEAD) await taken.shift();
  }
  gzip.end();
  await ended;
  return { diffId: plain.digest(), digest: packed.digest(), size: packed.size };
}
