/**
 * `kmips images --for`: the images that the end-to-end tests of a Kubernetes source use, and what
 * this project has of each.
 */
import type { Digest } from "../../cache/index.js";
import { globMatches, isModulePath, withoutPlatform } from "../analyze/index.js";
import { readGoMod } from "../golang/index.js";
import {
  CSI_MANIFESTS,
  hasCsiImages,
  imageUsers,
  isTestSource,
  MANIFEST_PATH,
  ManifestError,
  readCsiImages,
  readManifest,
  referenceOf,
  type ImageUser,
  type ManifestImage,
} from "../kubernetes/index.js";
import { NodeFailure } from "../model/failure.js";
import type { BuildGraph } from "../model/graph.js";
import { InternalError } from "../model/invariant.js";
import type { Address, GraphNode } from "../model/node.js";
import { platformName } from "../model/platform.js";
import { planBuild } from "../plan/plan.js";
import { execute, type BuildRequest } from "./build.js";
import { digestIn } from "./built-image.js";
import { UsageError } from "./errors.js";
import { recordOf, selectNode, type Workspace } from "./workspace.js";

export type CoverageState =
  /** The store has it as the recipes are now. */
  | "built"
  /** A recipe makes it. */
  | "buildable"
  | "missing"
  /** A group's `unwanted` says why. */
  | "not wanted";

/** What a recipe makes of an image for one platform. */
export interface CoverageNode {
  readonly address: Address;
  readonly platform: string;
  /** The manifest's digest; undefined when it is not built as the recipes are now. */
  readonly digest: string | undefined;
}

export interface CoverageRow extends ManifestImage {
  readonly state: CoverageState;
  readonly nodes: readonly CoverageNode[];
  /** Why it is not wanted. */
  readonly reason?: string;
  /** Of a missing image: tags of its name that recipes have. */
  readonly otherTags: readonly string[];
  readonly tests: readonly ImageUser[];
}

export interface CoverageReport {
  /** `k8s.io/kubernetes@v1.16.2`, or the address of the project's source. */
  readonly source: string;
  readonly rows: readonly CoverageRow[];
}

export type CoverageRequest = Pick<
  BuildRequest,
  "jobs" | "offline" | "signal" | "onEvent" | "builders"
> & {
  /** MODULE@VERSION, or a source of the project. */
  readonly source: string;
};

/**
 * Fetches the source unless the store has it, and reads what its tests need.
 *
 * @throws NodeFailure when the source cannot be had; UsageError when it is none, or has no manifest
 *   of a known shape
 */
export async function coverage(
  workspace: Workspace,
  request: CoverageRequest,
): Promise<CoverageReport> {
  const node = sourceNode(workspace.graph, request.source);
  const tree = await fetchTree(workspace, node, request);
  const wanted = readWanted(workspace, tree, request.source);
  const made = imageNodes(workspace);
  const rules = unwantedRules(workspace.graph);
  const rows = wanted.map(({ image, tests }): CoverageRow => {
    const reference = referenceOf(image);
    const rule = rules.find(([pattern]) => globMatches(pattern, reference));
    const nodes = made.filter((one) => isReferenceOf(one.reference, reference));
    const state =
      rule !== undefined
        ? "not wanted"
        : nodes.length === 0
          ? "missing"
          : nodes.every(({ digest }) => digest !== undefined)
            ? "built"
            : "buildable";
    return {
      ...image,
      state,
      nodes: nodes.map(({ address, platform, digest }) => ({ address, platform, digest })),
      ...(rule !== undefined && { reason: rule[1] }),
      otherTags: state === "missing" ? tagsOf(made, image) : [],
      tests,
    };
  });
  return { source: request.source, rows };
}

/** The project's node for a source, or one of a module that the project does not name. */
function sourceNode(graph: BuildGraph, text: string): GraphNode {
  const [, path, version] = /^([^@]+)@(v[^@]+)$/.exec(text) ?? [];
  if (path === undefined || version === undefined) {
    const node = graph.nodes.get(selectNode(graph, text));
    const { kind } = node?.definition ?? {};
    if (node !== undefined && (kind === "source" || kind === "patch")) return node;
    throw new UsageError(`"${text}" is no source`, "write MODULE@VERSION, or name a source");
  }
  if (!isModulePath(path))
    throw new UsageError(`"${path}" is not the path of a Go module`, "such as k8s.io/kubernetes");
  for (const node of graph.nodes.values()) {
    const origin = node.definition.kind === "source" ? node.definition.origin : undefined;
    if (origin?.type === "go-module" && origin.path === path && origin.version === version)
      return node;
  }
  return {
    address: text,
    definition: { kind: "source", origin: { type: "go-module", path, version } },
    dependencies: [],
    at: { file: { name: text, text: "" }, span: { start: 0, end: 0 } },
  };
}

/** The digest of the source's tree, which is fetched when need be. */
async function fetchTree(
  workspace: Workspace,
  node: GraphNode,
  request: CoverageRequest,
): Promise<Digest> {
  const { address } = node;
  const graph: BuildGraph = {
    ...workspace.graph,
    nodes: new Map([...workspace.graph.nodes, [address, node]]),
  };
  const { report } = await execute(
    { ...workspace, graph },
    {
      ...request,
      keepGoing: false,
      expectCached: false,
      // A failure is thrown below, and so told once.
      onEvent: (event) => {
        if (event.type !== "finished" || event.outcome.kind !== "failed") request.onEvent(event);
      },
    },
    [address],
    new Set(),
  );
  workspace.history.flush();
  for (const outcome of report?.outcomes.values() ?? [])
    if (outcome.kind === "failed") throw new NodeFailure(outcome.reason, outcome.help);
  const output = recordOf(workspace, address)?.outputs.find(({ name }) => name === "tree");
  if (output === undefined) throw new InternalError(`${address} has no tree after it ran`);
  return output.digest;
}

function readWanted(
  workspace: Workspace,
  digest: Digest,
  source: string,
): { readonly image: ManifestImage; readonly tests: readonly ImageUser[] }[] {
  const { store } = workspace;
  const paths = store
    .listTree(digest)
    .filter((entry) => entry.type === "file")
    .map(({ path }) => path);
  const readAll = (accepts: (path: string) => boolean): Map<string, string> =>
    new Map(
      paths
        .filter(accepts)
        .map((path) => [path, store.readTreeFile(digest, path)?.toString() ?? ""]),
    );
  const manifest = store.readTreeFile(digest, MANIFEST_PATH)?.toString();
  if (manifest === undefined)
    throw new UsageError(
      `${source} has no ${MANIFEST_PATH}`,
      "name the source of a Kubernetes release from 1.9 on",
    );
  const images = readImages(manifest, archOf(workspace), source);
  const csi = hasCsiImages(manifest)
    ? readCsiImages(
        readAll((path) => path.startsWith(CSI_MANIFESTS) && path.endsWith(".yaml")),
        images,
      )
    : [];
  const { module } = readGoMod(store.readTreeFile(digest, "go.mod")?.toString() ?? "");
  const users = imageUsers(
    readAll(isTestSource),
    module || "k8s.io/kubernetes",
    new Set(images.flatMap(({ constant }) => constant ?? [])),
  );
  return [...images, ...csi].map((image) => ({
    image,
    tests: users.get(image.constant ?? "") ?? [],
  }));
}

/** The architecture that the project's first image is for; without an image, this machine's. */
function archOf({ graph, tools }: Workspace): string {
  for (const { definition } of graph.nodes.values())
    if (definition.kind === "image") return definition.platform.arch;
  return tools.hostArch;
}

function readImages(manifest: string, goarch: string, source: string): ManifestImage[] {
  try {
    return readManifest(manifest, goarch);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    throw new UsageError(`${source}: ${error.message}`, "this shape of the file is not known");
  }
}

interface MadeImage extends CoverageNode {
  readonly reference: string;
}

/** Every image that a recipe makes under a name. */
function imageNodes(workspace: Workspace): MadeImage[] {
  const { graph } = workspace;
  const images = [...graph.nodes.values()].flatMap(({ address, definition }) =>
    definition.kind === "image" && definition.reference !== undefined
      ? [
          {
            address,
            reference: withoutPlatform(definition.reference, definition.platform),
            platform: platformName(definition.platform),
          },
        ]
      : [],
  );
  const plan = planBuild({ ...workspace, selection: images.map(({ address }) => address) });
  return images.map((image) => ({ ...image, digest: digestIn(plan, image.address) }));
}

/** Whether a recipe's `volume/nfs:1.0` is what `REGISTRY/volume/nfs:1.0` names. */
function isReferenceOf(made: string, wanted: string): boolean {
  return wanted.endsWith(`/${made}`);
}

/** The tags that recipes have of an image's name. */
function tagsOf(made: readonly MadeImage[], { registry, name }: ManifestImage): string[] {
  const tags = made.flatMap(({ reference }) => {
    const colon = reference.lastIndexOf(":");
    const isSame = isReferenceOf(reference.slice(0, colon), `${registry}/${name}`);
    return isSame ? [reference.slice(colon + 1)] : [];
  });
  return [...new Set(tags)];
}

/** Pattern and reason of every image that a group of the project leaves out. */
function unwantedRules({ nodes }: BuildGraph): (readonly [string, string])[] {
  return [...nodes.values()].flatMap(({ definition }) =>
    definition.kind === "group"
      ? Object.entries(definition.unwanted ?? {}).map(
          // `*` stands for any text, also across `/`.
          ([pattern, reason]) => [pattern.replaceAll(/\*+/g, "**"), reason] as const,
        )
      : [],
  );
}
