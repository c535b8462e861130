/**
 * Images on their way out of the store: one tar that is both an OCI image layout and what
 * `docker save` writes, or the layout as a directory; with the layers as they are or compressed.
 *
 * The tar is made by the canonical writer, so equal images give equal archives.
 */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  ArchiveWriter,
  digestOf,
  DigestStream,
  errnoOf,
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
  /** Every name it gets: `k8s.gcr.io/pause:3.1`. */
  readonly names: readonly string[];
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

/** Path → content of what is written; a directory has none. */
type Members = ReadonlyMap<string, Content | undefined>;

/** The label by which kubelet's collection of images spares one (containerd, `cri/labels`). */
const PINNED = "io.cri-containerd.pinned";

/**
 * Writes images as one tar to the file `path`, which is replaced in one step. `docker load`,
 * `crane validate --tarball` and skopeo's `docker-archive:` read its manifest.json, everything else
 * its OCI layout. Blobs that images share are in it once. With compressed layers an image has
 * another manifest but the same config and diffIDs, so it is the same image to whoever loads it.
 *
 * @returns the digest of the file.
 * @throws StorageError when `path` cannot be written
 */
export async function writeDockerArchive(
  store: Store,
  images: readonly ExportedImage[],
  path: string,
  options: ExportOptions = {},
): Promise<Digest> {
  return withPacked(store, images, options, (packed) => {
    const { members, docker } = layoutMembers({ store, images, packed });
    const all = new Map(members).set("manifest.json", Buffer.from(JSON.stringify(docker)));
    const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
    const digest = new DigestStream();
    try {
      toFile(temporary, (write) => {
        const archive = new ArchiveWriter((piece) => {
          digest.update(piece);
          write(piece);
        });
        for (const [member, content] of inOrder(all)) {
          if (content === undefined) archive.add({ path: member, type: "directory" });
          else archive.add({ path: member, type: "file", content });
        }
        archive.end();
      });
      renameSync(temporary, path);
      return digest.digest();
    } catch (error) {
      rmSync(temporary, { force: true });
      throw asStorageError(error, path);
    }
  });
}

/**
 * Writes images as an OCI image layout into `directory`, which is there and empty.
 *
 * @throws StorageError when `directory` cannot be written
 */
export async function writeLayout(
  store: Store,
  images: readonly ExportedImage[],
  directory: string,
  options: ExportOptions = {},
): Promise<void> {
  await withPacked(store, images, options, (packed) => {
    try {
      for (const [member, content] of inOrder(layoutMembers({ store, images, packed }).members)) {
        const path = join(directory, member);
        if (content === undefined) mkdirSync(path);
        else toFile(path, (write) => piecesOf(content, write));
      }
    } catch (error) {
      throw asStorageError(error, directory);
    }
  });
}

/** Compressed first: a tar says how long a file is, and sorts it by its digest, before it comes. */
async function withPacked<T>(
  store: Store,
  images: readonly ExportedImage[],
  { gzipLevel }: ExportOptions,
  use: (packed: PackedLayers) => T,
): Promise<T> {
  if (gzipLevel === undefined) return use(new Map());
  const directory = store.temporaryDirectory();
  try {
    return use(await packLayers(store, images, { directory, gzipLevel }));
  } finally {
    await rm(directory, { recursive: true, force: true });
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

/** What a layout holds, and what docker's manifest.json says of it. */
function layoutMembers(source: {
  readonly store: Store;
  readonly images: readonly ExportedImage[];
  readonly packed: PackedLayers;
}): { readonly members: Members; readonly docker: readonly object[] } {
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
  for (const { manifest: stored, names } of images) {
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
      RepoTags: names,
      Layers: layers.map(addLayer),
    });
    for (const name of names) {
      const annotations = {
        "io.containerd.image.name": name,
        [PINNED]: "pinned",
        [REFERENCE_ANNOTATION]: name,
      };
      manifests.push({
        mediaType: MEDIA_TYPES.manifest,
        digest,
        size: text.byteLength,
        annotations,
      });
    }
  }
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests };
  members.set("index.json", Buffer.from(JSON.stringify(index)));
  return { members, docker };
}

/** Members by path: a directory comes before what is in it. */
function inOrder(members: Members): readonly (readonly [string, Content | undefined])[] {
  return [...members].sort(([a], [b]) => (a < b ? -1 : 1));
}

function piecesOf(content: Content, write: (piece: Uint8Array) => void): void {
  if (content instanceof Uint8Array) write(content);
  else for (const piece of content.chunks) write(piece);
}

/** Writes a new file that survives a power cut once it has its name. */
function toFile(path: string, produce: (write: (piece: Uint8Array) => void) => void): void {
  const fd = openSync(path, "wx");
  try {
    produce((piece) => writeFully(fd, piece));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A failed system call as one that names what was asked for, not a temporary file. */
function asStorageError(error: unknown, path: string): unknown {
  const errno = error instanceof StorageError ? undefined : errnoOf(error);
  return errno === undefined ? error : new StorageError("write", path, errno, error);
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
