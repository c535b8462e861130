/** kubeadm's configuration, and the images that kubeadm makes of it. */
import { parentOf, splitName } from "../model/image-name.js";
import {
  CONTROL_PLANE_IMAGES,
  imageRepository,
  supportingImages,
  usesHyperkube,
  type Cluster,
  type ClusterImage,
} from "./cluster.js";
import { quoted } from "./yaml.js";

/** First minor version → API that its kubeadm reads and that its successors do not yet call old. */
const API_VERSIONS = [
  [31, "v1beta4"],
  [22, "v1beta3"],
  [15, "v1beta2"],
  [0, "v1beta1"],
] as const;

/**
 * A ClusterConfiguration with the image repository and the versions of the images that are there.
 * etcd and DNS name their repositories themselves: kubeadm looks for CoreDNS in another place as
 * soon as `imageRepository` is not its default (kubernetes/kubeadm#2714).
 */
export function kubeadmConfig(cluster: Cluster): string {
  const { release } = cluster;
  const [, api] = API_VERSIONS.find(([minor]) => release.minor >= minor) ?? API_VERSIONS[3];
  const { etcd, coredns } = supportingImages(cluster);
  const repository = imageRepository(cluster);
  return [
    `apiVersion: kubeadm.k8s.io/${api}`,
    "kind: ClusterConfiguration",
    `kubernetesVersion: ${release.version}`,
    ...(repository === undefined ? [] : [`imageRepository: ${quoted(repository)}`]),
    ...(usesHyperkube(cluster) ? ["useHyperKubeImage: true"] : []),
    ...(coredns === undefined
      ? []
      : ["dns:", ...(release.minor < 22 ? ["  type: CoreDNS"] : []), ...place(coredns, "  ")]),
    ...(etcd === undefined ? [] : ["etcd:", "  local:", ...place(etcd, "    ")]),
    "",
  ].join("\n");
}

/** What kubeadm pulls with the configuration: `kubeadm config images list`, in no certain order. */
export function kubeadmImages(cluster: Cluster): readonly string[] {
  const { release, defaults } = cluster;
  const repository =
    imageRepository(cluster) ?? (release.minor < 25 ? "k8s.gcr.io" : "registry.k8s.io");
  const { etcd, coredns } = supportingImages(cluster);
  const control = usesHyperkube(cluster) ? ["hyperkube"] : CONTROL_PLANE_IMAGES;
  return [
    ...control.map((name) => `${repository}/${name}:${release.version}`),
    `${repository}/pause:${defaults.pause ?? "latest"}`,
    etcd?.name ?? `${repository}/etcd:${defaults.etcd ?? "latest"}`,
    coredns?.name ?? `${repository}/coredns:${defaults.coredns ?? "latest"}`,
  ];
}

/** Of these, the ones that the cluster's images do not have. */
export function missingForKubeadm(cluster: Cluster): readonly string[] {
  const names = new Set(cluster.images.map(({ name }) => name));
  return kubeadmImages(cluster).filter((name) => !names.has(name));
}

function place({ name }: ClusterImage, indent: string): string[] {
  return [
    `${indent}imageRepository: ${quoted(parentOf(name))}`,
    `${indent}imageTag: ${quoted(splitName(name).tag)}`,
  ];
}
