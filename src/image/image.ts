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
} from "../../cache/index.js";
import { invariant } from "../model/invariant.js";
import type { ImageDefinition } from "../model/node.js";
import { platformName } from "../model/platform.js";
import { imageConfig, isConfigFor } from "./config.js";
import { cannotAssemble } from "./faults.js";
import { readLayers } from "./file-tree.js";
import type { ImageInputs } from "./inputs.js";
import { GROUP, LayerPlan, PASSWD } from "./layer.js";
import { indexText, manifestText, readImage } from "./manifest.js";

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
  const { store } = inputs;
  const { platform, epoch } = definition;
  const base = inputs.base === undefined ? undefined : readImage(store, manifestOf(inputs.base));
  if (base !== undefined && !isConfigFor(base.config, platform)) {
    const { os, architecture, variant } = base.config;
    const actual = [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
    throw cannotAssemble(`the base is for ${actual}, the image for ${platformName(platform)}`);
  }
  const baseLayers = base?.manifest.layers ?? [];
  const { tree, contents } = readLayers(
    store,
    baseLayers.map((layer) => layer.digest),
    definition.users.length === 0 ? [] : [PASSWD, GROUP],
  );

  const plan = new LayerPlan(tree, inputs);
  plan.addAll(definition, (path) => contents.get(path)?.toString());
  const layer = plan.isEmpty ? undefined : plan.store(epoch, platform);
  const layers = [
    ...baseLayers,
    ...(layer === undefined ? [] : [{ mediaType: MEDIA_TYPES.layer, ...layer }]),
  ];

  const document = imageConfig(definition.config, {
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

function manifestOf(outputs: readonly Output[]): Digest {
  const manifest = outputs.find((output) => output.name === "manifest");
  invariant(manifest !== undefined, "An image has no manifest");
  return manifest.digest;
}

function putText(store: Store, name: string, text: string): Output {
  return { name, digest: store.putBytes(text), size: Buffer.byteLength(text) };
}
