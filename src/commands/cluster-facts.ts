/** The cluster that images are exported for: its release, read from the project's own source. */
import { hexOf, type Digest } from "../../cache/index.js";
import { NODE_PROGRAMS, releaseOf, type Cluster, type Release } from "../cluster/index.js";
import {
  CONSTANTS_PATH,
  MANIFEST_PATH,
  readKubeadmDefaults,
  readRegistryKeys,
  type RegistryKey,
} from "../kubernetes/index.js";
import { isLoopback } from "../model/image-name.js";
import type { BuildGraph } from "../model/graph.js";
import type { Address, ComponentDefinition } from "../model/node.js";
import { platformName } from "../model/platform.js";
import { shellWord } from "../model/shell-word.js";
import { closureOf } from "../plan/plan.js";
import { UsageError } from "./errors.js";
import type { ExportSet } from "./export-set.js";
import { currentRecords, type Workspace } from "./workspace.js";

/** The module whose source says what a release wants. */
const KUBERNETES = "k8s.io/kubernetes";

export interface ClusterRequest {
  readonly prefix?: string;
  /** Whether the registry speaks plain HTTP; one on this machine does. */
  readonly plainHttp?: boolean;
  /** Which version, when the project has sources of several. */
  readonly kubernetes?: string;
}

/** Content of a program of the node, in the store. */
export interface NodeProgram {
  readonly name: string;
  readonly digest: Digest;
}

export interface ClusterFacts {
  readonly cluster: Cluster;
  readonly keys: readonly RegistryKey[];
  readonly programs: readonly NodeProgram[];
}

interface ReleaseSource {
  readonly address: Address;
  readonly release: Release;
}

/**
 * What exports need to know of the cluster. Undefined when the project has no Kubernetes.
 *
 * @throws UsageError for a version that the project does not have, for several without a choice, and
 *   for a source that is not built.
 */
export function clusterFacts(
  workspace: Workspace,
  { images, platform }: ExportSet,
  { prefix, plainHttp, kubernetes }: ClusterRequest,
): ClusterFacts | undefined {
  const source = releaseSource(workspace.graph, kubernetes);
  if (source === undefined) return undefined;
  const programs = nodePrograms(workspace, platformName(platform), source.release);
  return {
    keys: readRegistryKeys(releaseFile(workspace, source, MANIFEST_PATH)),
    programs,
    cluster: {
      release: source.release,
      platform,
      defaults: readKubeadmDefaults(releaseFile(workspace, source, CONSTANTS_PATH)),
      images: images.map(({ published, prefixed }) => ({ published, name: prefixed ?? published })),
      programs: new Map(programs.map(({ name, digest }) => [name, hexOf(digest)])),
      plainHttp: plainHttp ?? (prefix !== undefined && isLoopback(prefix)),
      ...(prefix !== undefined && { prefix }),
    },
  };
}

/**
 * The source of the wanted release, or of the only one; undefined when there is none and none is wanted.
 * @throws UsageError for a release that the project does not have, and for several without a choice
 */
export function releaseSource(
  graph: BuildGraph,
  wanted: string | undefined,
): ReleaseSource | undefined {
  const all = releaseSources(graph);
  // Sources of one release have the same files: the first stands for all.
  const sources = all.filter(
    ({ release }, at) => all.findIndex((one) => one.release.version === release.version) === at,
  );
  const found =
    wanted === undefined ? sources : sources.filter(({ release }) => release.version === wanted);
  const versions = sources.map(({ release }) => release.version).join(", ");
  if (wanted !== undefined && found.length === 0)
    throw new UsageError(
      `The project has no source of Kubernetes ${wanted}`,
      versions === "" ? `it has no go_module = "${KUBERNETES}"` : `it has ${versions}`,
    );
  if (found.length > 1)
    throw new UsageError(
      `The project has several versions of Kubernetes: ${versions}`,
      `choose one: --kubernetes ${found[0]?.release.version}`,
    );
  return found[0];
}

function releaseSources(graph: BuildGraph): ReleaseSource[] {
  return [...graph.nodes.values()].flatMap(({ address, definition }): ReleaseSource[] => {
    if (definition.kind !== "source" || definition.origin.type !== "go-module") return [];
    const { path, version } = definition.origin;
    const release = path === KUBERNETES ? releaseOf(version) : undefined;
    return release === undefined ? [] : [{ address, release }];
  });
}

function releaseFile(
  workspace: Workspace,
  { address, release }: ReleaseSource,
  path: string,
): string {
  const record = currentRecords(workspace, [address]).get(address);
  const tree = record?.outputs.find(({ name }) => name === "tree");
  if (tree === undefined)
    throw new UsageError(
      `"${address}" is not built, and its files say what Kubernetes ${release.version} wants`,
      `run kmips build ${shellWord(address)}`,
    );
  const bytes = workspace.store.readTreeFile(tree.digest, path);
  if (bytes === undefined)
    throw new UsageError(`"${address}" has no ${path}`, "name another version with --kubernetes");
  return bytes.toString();
}

/** kubeadm, kubectl and kubelet of a release, as far as the project has built them for the platform. */
function nodePrograms(
  workspace: Workspace,
  platform: string,
  release: Release,
): readonly NodeProgram[] {
  const records = currentRecords(workspace, nodeComponents(workspace.graph, platform, release));
  const outputs = [...records.values()].flatMap((record) => record.outputs);
  return NODE_PROGRAMS.flatMap((name): NodeProgram[] => {
    const digest = outputs.find((output) => output.name === name)?.digest;
    return digest === undefined ? [] : [{ name, digest }];
  });
}

/** The components that make programs of a node, but for those of another release. */
export function nodeComponents(
  graph: BuildGraph,
  platform: string,
  { version }: Release,
): Address[] {
  const sources = releaseSources(graph);
  return [...graph.nodes.values()].flatMap(({ address, definition }) => {
    const isProgram =
      definition.kind === "component" &&
      platformName(definition.platform) === platform &&
      NODE_PROGRAMS.some((name) => programsOf(definition).includes(name));
    if (!isProgram) return [];
    const needed = closureOf(graph, [address]);
    const madeOf = sources.filter((source) => needed.has(source.address));
    const isOther = madeOf.length > 0 && !madeOf.some((one) => one.release.version === version);
    return isOther ? [] : [address];
  });
}

function programsOf(definition: ComponentDefinition): readonly string[] {
  return Object.keys(definition.type === "go" ? definition.packages : definition.programs);
}
