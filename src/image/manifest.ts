/**
 * OCI image manifests and image indexes as canonical JSON: fixed key order, no white space, so that
 * equal images have equal digests. Reading accepts any spelling of the same facts.
 */
import {
  isDescriptor,
  MEDIA_TYPES,
  type Descriptor,
  type Digest,
  type Store,
} from "../../cache/index.js";
import { NodeFailure } from "../model/failure.js";
import type { ImageConfigDocument } from "./config.js";

/** Larger JSON blobs are not read: no manifest or config of an honest image comes near. */
const JSON_LIMIT_BYTES = 4 * 1024 * 1024;

export interface ImageManifest {
  readonly config: Descriptor;
  /** Lowest first. */
  readonly layers: readonly Descriptor[];
}

/** An image as it stands in a store. */
export interface StoredImage {
  readonly manifest: ImageManifest;
  readonly config: ImageConfigDocument;
}

/** The canonical bytes of a manifest. */
export function manifestText(manifest: ImageManifest): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: bareDescriptor(manifest.config),
    layers: manifest.layers.map(bareDescriptor),
  });
}

/** The canonical bytes of an index over manifests, in the order given. */
export function indexText(manifests: readonly Descriptor[]): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    manifests: manifests.map((manifest) => ({
      ...bareDescriptor(manifest),
      ...(manifest.platform === undefined ? {} : { platform: manifest.platform }),
    })),
  });
}

/**
 * Reads manifest and config of an image in the store.
 *
 * @throws NodeFailure when a blob is no manifest or config, or when the config does not name one
 *   diffID for each layer; MissingBlobError and CorruptBlobError from the store.
 */
export function readImage(store: Store, manifestDigest: Digest): StoredImage {
  const manifest = readJson(store, manifestDigest) as Partial<ImageManifest>;
  const layers = manifest.layers;
  if (!isDescriptor(manifest.config) || !Array.isArray(layers) || !layers.every(isDescriptor)) {
    throw notAnImage(manifestDigest, "an OCI image manifest");
  }
  const config = readJson(store, manifest.config.digest) as Partial<ImageConfigDocument>;
  const diffIds = config.rootfs?.diff_ids;
  if (
    typeof config.architecture !== "string" ||
    typeof config.os !== "string" ||
    !Array.isArray(diffIds) ||
    diffIds.length !== layers.length
  ) {
    throw notAnImage(manifest.config.digest, `an OCI image config with ${layers.length} diffIDs`);
  }
  return {
    manifest: { config: manifest.config, layers },
    config: config as ImageConfigDocument,
  };
}

function readJson(store: Store, digest: Digest): object {
  const text = store.readBytes(digest, JSON_LIMIT_BYTES).toString("utf8");
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw notAnImage(digest, "a JSON object");
}

function notAnImage(digest: Digest, expected: string): NodeFailure {
  return new NodeFailure({
    type: "checksum",
    what: `blob ${digest}`,
    expected,
    actual: "other data",
  });
}

function bareDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
