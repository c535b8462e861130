/** `kmips export --format …`: what the tools around a cluster read about the exported images. */
import {
  containerdFiles,
  hydrophoneScript,
  kubeadmConfig,
  kubesprayVariables,
  missingForKubeadm,
  repoList,
  sonobuoyScript,
  type Cluster,
} from "../cluster/index.js";
import type { ClusterFacts } from "./cluster-facts.js";
import { UsageError } from "./errors.js";

export const CONFIG_FORMATS = [
  "repo-list",
  "kubeadm",
  "containerd",
  "kubespray",
  "sonobuoy",
  "hydrophone",
] as const;

export type ConfigFormat = (typeof CONFIG_FORMATS)[number];

/** The file that the scripts for conformance tests expect beside them. */
const REPO_LIST = "kube-test-repo-list.yaml";

export interface ExportedConfig {
  /** Relative path → text; one file but for containerd. */
  readonly files: ReadonlyMap<string, string>;
  /** What is not there and will be asked for. */
  readonly gaps: readonly string[];
}

/**
 * The files of one format.
 * @throws UsageError when the format needs a prefix or an image that is not there
 */
export function exportConfig(
  { cluster, keys }: ClusterFacts,
  format: ConfigFormat,
): ExportedConfig {
  const { prefix } = cluster;
  const list = prefix === undefined ? undefined : REPO_LIST;
  switch (format) {
    case "repo-list":
      if (prefix === undefined)
        throw new UsageError(
          "A list of registries needs one to name",
          "add --prefix REGISTRY; images that nodes have under their own names need no list",
        );
      return { files: one(REPO_LIST, repoList({ ...cluster, prefix }, keys)), gaps: [] };
    case "kubeadm":
      return { files: one("kubeadm.yaml", kubeadmConfig(cluster)), gaps: kubeadmGaps(cluster) };
    case "kubespray":
      return {
        files: one("kubespray.yml", kubesprayVariables(cluster)),
        gaps: kubeadmGaps(cluster),
      };
    case "containerd":
      return { files: containerdFiles(cluster), gaps: [] };
    case "sonobuoy":
      return {
        files: one("sonobuoy.sh", script(cluster, sonobuoyScript(cluster, list))),
        gaps: [],
      };
    case "hydrophone":
      return {
        files: one("hydrophone.sh", script(cluster, hydrophoneScript(cluster, list))),
        gaps: [],
      };
  }
}

/**
 * Every file that the cluster's images allow, for a bundle: what would need a prefix or an image
 * that is not there is left out.
 */
export function allConfigs({ cluster, keys }: ClusterFacts): ExportedConfig {
  const { prefix } = cluster;
  const list = prefix === undefined ? undefined : REPO_LIST;
  const scripts = {
    "sonobuoy.sh": sonobuoyScript(cluster, list),
    "hydrophone.sh": hydrophoneScript(cluster, list),
  };
  const files = new Map<string, string>();
  if (prefix !== undefined) files.set(REPO_LIST, repoList({ ...cluster, prefix }, keys));
  files.set("kubeadm.yaml", kubeadmConfig(cluster));
  files.set("kubespray.yml", kubesprayVariables(cluster));
  for (const [path, text] of containerdFiles(cluster)) files.set(`containerd/${path}`, text);
  for (const [path, text] of Object.entries(scripts)) if (text !== undefined) files.set(path, text);
  return { files, gaps: kubeadmGaps(cluster) };
}

function kubeadmGaps(cluster: Cluster): string[] {
  return missingForKubeadm(cluster).map(
    (name) => `kubeadm will ask for ${name}, which is not here`,
  );
}

function script({ release }: Cluster, text: string | undefined): string {
  if (text !== undefined) return text;
  throw new UsageError(
    `No image named conformance:${release.version} is exported`,
    "name one, or build a group that has it",
  );
}

function one(path: string, text: string): ReadonlyMap<string, string> {
  return new Map([[path, text]]);
}
