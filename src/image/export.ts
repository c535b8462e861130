/**
 * Images on their way out of the store: one tar that is both an OCI image layout and what
 * `docker save` writes, with the layers as they are or compressed.
 *
 * The tar is made by the canonical writer, so equal images give equal archives.
 */
import { randomBytes } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  ArchiveWriter,
  digestOf,
  DigestStream,
  hexOf,
  MEDIA_TYPES,
  REFERENCE_ANNOTATION,
  StorageError,
  type Content,
  type Descriptor,
  type Digest,
  type Store,
} from "../../cache/index.js";
import { compressLayer } from "./compress.js";
import { contentOfLocal } from "./contents.js";
import { manifestText, readImage } from "./manifest.js";

export interface ExportedImage {
  readonly manifest: Digest;
  /** Name and tag, e.g. `agnhost:2.6`. */
  readonly reference: string;
}

export interface ExportOptions {
  /** Compress the layers with gzip at this level, 1 to 9. Absent: as they are in the store. */
  readonly gzipLevel?: number;
}

/** A compressed layer in a file outside the store's blobs. */
export interface PackedLayer {
  readonly descriptor: Descriptor;
  readonly path: string;
}

/** What an archive has in place of a layer of the store, by the digest of that layer. */
type PackedLayers = ReadonlyMap<Digest, PackedLayer>;

/**
 * Writes images as one tar to the file `path`, which is replaced in one step. `docker load`,
 * `crane validate --tarball` and skopeo's `docker-archive:` read its manifest.json, everything else
 * its OCI layout. Blobs that images share are in it once. With compressed layers an image has
 * another manifest but the same config and diffIDs, so it is the same image to whoever loads it.
 */
export async function writeDockerArchive(
  store: Store,
  images: readonly ExportedImage[],
  path: string,
  options: ExportOptions = {},
): Promise<void> {
  const { gzipLevel } = options;
  // Compressed first: a tar says how long a file is, and sorts it by its digest, before it comes.
  const directory = gzipLevel === undefined ? undefined : store.temporaryDirectory();
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  try {
    const packed =
      directory === undefined || gzipLevel === undefined
        ? new Map<Digest, PackedLayer>()
        : await packLayers(store, images, { directory, gzipLevel });
    const file = await open(temporary, "wx");
    try {
      exportArchive({ store, images, packed }, (chunk) => writeFully(file.fd, chunk));
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Compresses a layer of the store into a new file of `directory`. The bytes are those of
 * `compressLayer`; the layer is verified as it is read.
 */
export async function packLayer(
  store: Store,
  layer: Digest,
  options: { readonly directory: string; readonly gzipLevel: number },
): Promise<PackedLayer> {
  const path = join(options.directory, hexOf(layer));
  const fd = openSync(path, "wx");
  try {
    const { digest, size } = await compressLayer(store.readChunks(layer), {
      level: options.gzipLevel,
      write: (piece) => writeFully(fd, piece),
    });
    return { descriptor: { mediaType: MEDIA_TYPES.layerGzip, digest, size }, path };
  } finally {
    closeSync(fd);
  }
}

/** Compresses every layer of the images that is not compressed yet, each once. */
async function packLayers(
  store: Store,
  images: readonly ExportedImage[],
  options: { readonly directory: string; readonly gzipLevel: number },
): Promise<PackedLayers> {
  const packed = new Map<Digest, PackedLayer>();
  for (const image of images) {
    for (const { mediaType, digest } of readImage(store, image.manifest).manifest.layers) {
      if (mediaType !== MEDIA_TYPES.layer || packed.has(digest)) continue;
      packed.set(digest, await packLayer(store, digest, options));
    }
  }
  return packed;
}

/** The tar itself, piece by piece; a piece is only lent to `sink`. */
function exportArchive(
  source: {
    readonly store: Store;
    readonly images: readonly ExportedImage[];
    readonly packed: PackedLayers;
  },
  sink: (chunk: Uint8Array) => void,
): void {
  const { store, images, packed } = source;
  const members = new Map<string, Content | undefined>([
    ["blobs", undefined],
    ["blobs/sha256", undefined],
    ["oci-layout", Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" }))],
  ]);
  const add = (digest: Digest, content: Content): string => {
    const path = `blobs/sha256/${hexOf(digest)}`;
    members.set(path, content);
    return path;
  };
  const addBlob = ({ digest, size }: Descriptor): string =>
    add(digest, { chunks: { [Symbol.iterator]: () => store.readChunks(digest) }, size });
  const addLayer = (layer: Descriptor): string => {
    const file = packed.get(layer.digest);
    if (file === undefined) return addBlob(layer);
    return add(file.descriptor.digest, contentOfPacked(file));
  };
  const docker: object[] = [];
  const manifests: Descriptor[] = [];
  for (const { manifest: stored, reference } of images) {
    const { config, layers } = readImage(store, stored).manifest;
    const isPacked = layers.some((layer) => packed.has(layer.digest));
    const text = isPacked
      ? Buffer.from(
          manifestText({
            config,
            layers: layers.map((layer) => packed.get(layer.digest)?.descriptor ?? layer),
          }),
        )
      : store.readBytes(stored);
    const digest = isPacked ? digestOf(text) : stored;
    add(digest, text);
    docker.push({
      Config: addBlob(config),
      RepoTags: [reference],
      Layers: layers.map(addLayer),
    });
    const annotations = {
      "io.containerd.image.name": reference,
      [REFERENCE_ANNOTATION]: reference,
    };
    manifests.push({
      mediaType: MEDIA_TYPES.manifest,
      digest,
      size: text.byteLength,
      annotations,
    });
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

/** The bytes of a compressed layer, verified as they are read back. */
function contentOfPacked({ path, descriptor }: PackedLayer): Content {
  function* verified(): Generator<Uint8Array> {
    const { content } = contentOfLocal(path);
    const stream = new DigestStream();
    for (const chunk of content instanceof Uint8Array ? [content] : content.chunks) {
      stream.update(chunk);
      yield chunk;
    }
    if (stream.digest() !== descriptor.digest) throw new StorageError("read", path, "EIO");
  }
  return { chunks: { [Symbol.iterator]: verified }, size: descriptor.size };
}

function writeFully(fd: number, chunk: Uint8Array): void {
  for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
}
