/**
 * Puts an image together in a store: base layers byte for byte, one uncompressed layer of its own,
 * config and manifest; and an index over images. Starts no process and asks nobody.
 */
import {
  MEDIA_TYPES,
  type Descriptor,
  type Digest,
  type Output,
  type Store,
  type StoredBlob,
} from "../../cache/index.js";
import { invariant } from "../model/invariant.js";
import { NO_CONFIG } from "../model/no-config.js";
import type { ImageConfig, ImageDefinition } from "../model/node.js";
import { platformName, type Platform } from "../model/platform.js";
import { imageConfig, isConfigFor } from "./config.js";
import { cannotAssemble } from "./faults.js";
import { readLayers } from "./file-tree.js";
import type { ImageInputs } from "./inputs.js";
import { GROUP, LayerPlan, PASSWD } from "./layer.js";
import { indexText, manifestText, readImage, type StoredImage } from "./manifest.js";

/**
 * Assembles an image. Outputs: `manifest`, `config`, `layer/0` … lowest first; a layer without
 * entries is left out.
 *
 * @throws NodeFailure when the base is for another platform, a program is for another machine, an
 *   input is missing or two things claim one path; the store's own errors.
 */
export function assembleImage(
  definition: ImageDefinition,
  inputs: ImageInputs,
): { readonly outputs: readonly Output[] } {
  const { store, base } = inputs;
  const { platform, epoch } = definition;
  const below = base === undefined ? undefined : readBase(store, base, platform);
  const { tree, contents } = readLayers(
    store,
    (below?.manifest.layers ?? []).map((layer) => layer.digest),
    definition.users.length === 0 ? [] : [PASSWD, GROUP],
  );
  const plan = new LayerPlan(tree, inputs);
  plan.addAll(definition, (path) => contents.get(path)?.toString());
  return layeredImage(store, {
    platform,
    epoch,
    config: definition.config,
    ...(base === undefined ? {} : { base }),
    ...(plan.isEmpty ? {} : { layer: plan.store(epoch, platform) }),
  });
}

/**
 * The image that is `base` (nothing, when absent) with one more layer, when given, and with
 * `config` over the base's. Outputs: `manifest`, `config`, `layer/0` … lowest first.
 *
 * @throws NodeFailure when the base is for another platform; the store's own errors.
 */
export function layeredImage(
  store: Store,
  options: {
    readonly platform: Platform;
    readonly epoch: number;
    /** The outputs of the image below. */
    readonly base?: readonly Output[];
    readonly layer?: StoredBlob;
    readonly config?: ImageConfig;
    /** Made from the base's labels, for a node that has no `config`. */
    readonly labels?: (base: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
  },
): { readonly outputs: readonly Output[] } {
  const { platform, epoch, layer } = options;
  const base = options.base === undefined ? undefined : readBase(store, options.base, platform);
  const layers = [
    ...(base?.manifest.layers ?? []),
    ...(layer === undefined ? [] : [{ mediaType: MEDIA_TYPES.layer, ...layer }]),
  ];
  const labels = options.labels?.(base?.config.config?.Labels ?? {}) ?? {};
  const document = imageConfig(options.config ?? { ...NO_CONFIG, labels }, {
    platform,
    epoch,
    ...(layer === undefined ? {} : { diffId: layer.digest }),
    ...(base === undefined ? {} : { base: base.config }),
  });
  const config = putText(store, "config", JSON.stringify(document));
  const manifest = putText(
    store,
    "manifest",
    manifestText({
      config: { mediaType: MEDIA_TYPES.config, digest: config.digest, size: config.size },
      layers,
    }),
  );
  const layerOutputs = layers.map(({ digest, size }, index) => ({
    name: `layer/${index}`,
    digest,
    size,
  }));
  return { outputs: [manifest, config, ...layerOutputs] };
}

function readBase(store: Store, outputs: readonly Output[], platform: Platform): StoredImage {
  const base = readImage(store, manifestOf(outputs));
  if (isConfigFor(base.config, platform)) return base;
  const { os, architecture, variant } = base.config;
  const actual = [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
  throw cannotAssemble(`the base is for ${actual}, the image for ${platformName(platform)}`);
}

/**
 * Assembles an index over images of the store, in the order of their `manifest` outputs; each row
 * names the platform that the image's own config states. Output: `index`.
 */
export function assembleIndex(
  manifests: readonly Output[],
  store: Store,
): { readonly outputs: readonly Output[] } {
  const rows = manifests.map(({ digest, size }): Descriptor => {
    const { architecture, os, variant } = readImage(store, digest).config;
    const platform = { architecture, os, ...(variant === undefined ? {} : { variant }) };
    return { mediaType: MEDIA_TYPES.manifest, digest, size, platform };
  });
  return { outputs: [putText(store, "index", indexText(rows))] };
}

/** The digest of an image's manifest among a node's outputs. */
export function manifestOf(outputs: readonly Output[]): Digest {
  const manifest = outputs.find((output) => output.name === "manifest");
  invariant(manifest !== undefined, "An image has no manifest");
  return manifest.digest;
}

function putText(store: Store, name: string, text: string): Output {
  return { name, digest: store.putBytes(text), size: Buffer.byteLength(text) };
}
