/**
 * A RUN step as buildx is given it: a layout with the base, whose config already has the step's
 * environment, user and directory, and a Dockerfile of two lines. So no value of a recipe is ever
 * quoted for a Dockerfile, and none can be taken for syntax.
 */
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf, hexOf, MEDIA_TYPES, type Digest, type Store } from "../../../cache/index.js";
import type { ImageConfigDocument, StoredImage } from "../../image/index.js";
import type { RunDefinition } from "../../model/node.js";
import { platformName } from "../../model/platform.js";
import type { BuildxClient } from "./buildx-client.js";

/** Name of the base in the Dockerfile. */
const BASE = "kmips-base";
/** In the working directory: what the base comes from, and where the result goes to. */
const LAYOUT = "layout";
const CONTEXT = "context";
/** What reaches the network for a step that may, without showing in a command line. */
const PROXY_VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/** The text of the Dockerfile. */
export function dockerfileText({ argv, network }: RunDefinition): string {
  return `FROM ${BASE}\nRUN --network=${network ? "default" : "none"} ${execForm(argv)}\n`;
}

/** JSON of nothing but plain characters: a Dockerfile knows comments, heredocs and continuations. */
function execForm(argv: readonly string[]): string {
  return JSON.stringify(argv).replaceAll(
    /[^ !#%-;=?-\]_a-z{|}"~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The config that the step's base has: the declared values stand over the image's own. */
export function stepConfig(base: ImageConfigDocument, node: RunDefinition): ImageConfigDocument {
  const own = base.config ?? {};
  const declared = Object.entries(node.env).map(([name, value]) => `${name}=${value}`);
  const inherited = (own.Env ?? []).filter((row) => !Object.hasOwn(node.env, nameOf(row)));
  return {
    ...base,
    config: {
      ...own,
      Env: [...inherited, ...declared],
      ...(node.user === undefined ? {} : { User: node.user }),
      ...(node.workdir === undefined ? {} : { WorkingDir: node.workdir }),
    },
  };
}

function nameOf(row: string): string {
  const equals = row.indexOf("=");
  return equals < 0 ? row : row.slice(0, equals);
}

/**
 * Fills `directory`, an empty one, with all that the client needs there.
 * Returns the client's argv and what its environment must have beside its own.
 */
export function prepareStep(
  node: RunDefinition,
  base: StoredImage,
  client: BuildxClient,
  options: {
    readonly store: Store;
    readonly directory: string;
    readonly environment: Readonly<Record<string, string>>;
  },
): { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const { store, directory, environment } = options;
  const layout = join(directory, LAYOUT);
  mkdirSync(join(layout, "blobs", "sha256"), { recursive: true });
  mkdirSync(join(directory, CONTEXT));
  for (const [name, target] of Object.entries(client.links))
    symlinkSync(target, join(directory, name));
  writeFileSync(join(directory, "Dockerfile"), dockerfileText(node));
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}\n');
  for (const layer of base.manifest.layers)
    linkSync(store.blobPath(layer.digest), blobPath(layout, layer.digest));
  const config = putText(layout, JSON.stringify(stepConfig(base.config, node)));
  const manifest = putText(
    layout,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.manifest,
      config: { mediaType: MEDIA_TYPES.config, ...config },
      layers: base.manifest.layers,
    }),
  );
  const proxies = node.network
    ? Object.entries(environment).filter(([name]) => PROXY_VARIABLES.includes(name.toUpperCase()))
    : [];
  return {
    argv: [
      ...client.argv,
      // Relative paths: a colon or a comma in the store's own would be taken for syntax.
      `--build-context=${BASE}=oci-layout://${LAYOUT}@${manifest.digest}`,
      `--platform=${platformName(node.platform)}`,
      // Without a value: it is taken from the environment.
      ...proxies.map(([name]) => `--build-arg=${name}`),
      "--no-cache",
      "--pull=false",
      "--provenance=false",
      "--sbom=false",
      "--progress=rawjson",
      // Into the same layout, which has the base's layers already.
      `--output=type=oci,tar=false,dest=${LAYOUT},compression=uncompressed,force-compression=true`,
      "--file=Dockerfile",
      CONTEXT,
    ],
    env: Object.fromEntries(proxies),
  };
}

/**
 * The files with the layers that the step added, lowest first, from the layout that the client
 * wrote; or what is wrong with it.
 */
export function addedLayers(
  directory: string,
  base: StoredImage,
): { readonly files: readonly string[] } | { readonly problem: string } {
  const layout = join(directory, LAYOUT);
  const index = readJson(join(layout, "index.json")) as { manifests?: { digest: Digest }[] };
  const [row, ...others] = index.manifests ?? [];
  if (row === undefined || others.length > 0)
    return { problem: `it gave ${others.length + (row === undefined ? 0 : 1)} manifests, not one` };
  const manifest = readJson(blobPath(layout, row.digest)) as {
    config: { digest: Digest };
    layers: { digest: Digest; mediaType: string }[];
  };
  const config = readJson(blobPath(layout, manifest.config.digest)) as ImageConfigDocument;
  const below = base.config.rootfs.diff_ids;
  if (below.some((diffId, at) => config.rootfs.diff_ids[at] !== diffId))
    return { problem: "its result does not stand on the base it was given" };
  const added = manifest.layers.slice(below.length);
  const packed = added.find(({ mediaType }) => mediaType !== MEDIA_TYPES.layer);
  if (packed !== undefined) return { problem: `it gave a layer of type ${packed.mediaType}` };
  return { files: added.map(({ digest }) => blobPath(layout, digest)) };
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

function putText(layout: string, text: string): { readonly digest: Digest; readonly size: number } {
  const digest = digestOf(text);
  writeFileSync(blobPath(layout, digest), text);
  return { digest, size: Buffer.byteLength(text) };
}

function blobPath(layout: string, digest: Digest): string {
  return join(layout, "blobs", "sha256", hexOf(digest));
}
