/**
 * What leaves the store together: built images of one platform, each with every name that it is to
 * have outside.
 */
import type { Digest } from "../../cache/index.js";
import { behindPrefix, fullName, isRegistry, parentOf } from "../model/image-name.js";
import type { Address, NodeDefinition } from "../model/node.js";
import { platformName, type Platform } from "../model/platform.js";
import { shellWord } from "../model/shell-word.js";
import { isNamed, type NamedDefinition } from "./built-image.js";
import { UsageError } from "./errors.js";
import { currentRecords, selectNodes, type Workspace } from "./workspace.js";

/** An image that can leave the store: an index cannot, since nodes run one platform. */
type ExportableDefinition = Exclude<NamedDefinition, { kind: "index" }>;

export interface OutboundImage {
  readonly address: Address;
  readonly manifest: Digest;
  /** What clusters ask for: `k8s.gcr.io/pause:3.1`. */
  readonly published: string;
  /** The same behind the prefix, when there is one: `registry.example/k8s/pause:3.1`. */
  readonly prefixed?: string;
}

export interface ExportSet {
  readonly images: readonly OutboundImage[];
  readonly platform: Platform;
}

/** Addresses that a message shows. */
const SHOWN = 5;

/** Whether a node's result is an image with a name, an index not included. */
function isExportable(definition: NodeDefinition): definition is ExportableDefinition {
  return isNamed(definition) && definition.kind !== "index";
}

/**
 * The images that patterns name, in the order of the graph; what else groups hold is passed over.
 *
 * @throws UsageError for an image that is not built, for several platforms, for two images with
 *   one name, when nothing is left, and for a prefix that is no registry.
 */
export function exportSet(
  workspace: Workspace,
  patterns: readonly string[],
  prefix: string | undefined,
): ExportSet {
  if (prefix !== undefined && !isRegistry(prefix))
    throw new UsageError(
      `"${prefix}" is not a registry`,
      "write host[:port][/path] without a scheme, e.g. --prefix registry.example:5000/k8s",
    );
  const selected = new Set(selectNodes(workspace.graph, patterns));
  const definitions = [...workspace.graph.nodes.values()].flatMap(({ address, definition }) =>
    selected.has(address) && isExportable(definition) ? [{ address, definition }] : [],
  );
  const [first] = definitions;
  if (first === undefined)
    throw new UsageError(
      patterns.length === 0
        ? "The project has no image with a name"
        : `"${patterns.join(" ")}" names no image`,
      "kmips images lists them",
    );
  const platforms = new Map(
    definitions.map(({ definition: { platform } }) => [platformName(platform), platform]),
  );
  if (platforms.size > 1)
    throw new UsageError(
      `The images are for ${[...platforms.keys()].join(" and ")}, and a node runs one platform`,
      "name the images of one, e.g. 'image.hello[mips64le]'",
    );
  const records = currentRecords(
    workspace,
    definitions.map(({ address }) => address),
  );
  const unbuilt: Address[] = [];
  const images = definitions.flatMap(({ address, definition }): OutboundImage[] => {
    const manifest = records.get(address)?.outputs.find(({ name }) => name === "manifest")?.digest;
    if (manifest === undefined) {
      unbuilt.push(address);
      return [];
    }
    const published =
      (definition.kind === "image" ? definition.published : undefined) ??
      fullName(definition.reference);
    return [
      {
        address,
        manifest,
        published,
        ...(prefix !== undefined && { prefixed: prefixedName(published, prefix) }),
      },
    ];
  });
  const [missing] = unbuilt;
  const isLong = unbuilt.length > SHOWN;
  if (missing !== undefined)
    throw new UsageError(
      unbuilt.length === 1
        ? `"${missing}" is not built as the recipes are now`
        : `${unbuilt.length} images are not built as the recipes are now: ${unbuilt.slice(0, SHOWN).join(", ")}${isLong ? ", …" : ""}`,
      ["run kmips build", ...(isLong ? patterns : unbuilt).map(shellWord)].join(" "),
    );
  for (const name of ["published", "prefixed"] as const) refuseTwins(images, name);
  return { images, platform: first.definition.platform };
}

/** The name behind a prefix, with the path that it has below its own host: what mirrors serve. */
export function prefixedName(name: string, prefix: string): string {
  const parent = parentOf(name);
  return behindPrefix(parent, prefix) + name.slice(parent.length);
}

function refuseTwins(images: readonly OutboundImage[], which: "published" | "prefixed"): void {
  const taken = new Map<string, OutboundImage>();
  for (const image of images) {
    const name = image[which];
    if (name === undefined) continue;
    const other = taken.get(name);
    if (other !== undefined && other.manifest !== image.manifest)
      throw new UsageError(
        `${other.address} and ${image.address} would both be "${name}"`,
        "export them one at a time",
      );
    taken.set(name, image);
  }
}
