/** The cluster that configuration is written for, and the images that its tools look up by name. */
import { baseName, parentOf, splitName } from "../model/image-name.js";
import type { KubeadmDefaults } from "../model/kubernetes-release.js";
import type { Platform } from "../model/platform.js";
import { nearestTag, type Release } from "./release.js";

export interface Cluster {
  readonly release: Release;
  readonly platform: Platform;
  readonly defaults: KubeadmDefaults;
  /** Images that leave the store: the name that upstream gave each, and the one that nodes ask for. */
  readonly images: readonly ClusterImage[];
  /** Programs of the node: name → sha256 in hex. */
  readonly programs: ReadonlyMap<string, string>;
  /** Where the images are, when not under their own names on every node. */
  readonly prefix?: string;
  /** Whether that registry speaks plain HTTP. */
  readonly plainHttp: boolean;
}

export interface ClusterImage {
  /** `k8s.gcr.io/pause:3.1`. */
  readonly published: string;
  /** The same behind the cluster's prefix, else as published. */
  readonly name: string;
}

/** Programs that a node runs outside of containers. */
export const NODE_PROGRAMS = ["kubeadm", "kubectl", "kubelet"] as const;

/** The images of kubeadm's control plane, whose tag is the version of Kubernetes. */
export const CONTROL_PLANE_IMAGES = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
] as const;

/** The image of a name that is tagged with the release. */
export function releaseImage({ images, release }: Cluster, name: string): ClusterImage | undefined {
  return images.find(
    ({ published }) => baseName(published) === name && splitName(published).tag === release.version,
  );
}

/** The image of a name whose tag is nearest to what the release wants. */
export function nearestImage(
  { images }: Cluster,
  name: string,
  wanted: string | undefined,
): ClusterImage | undefined {
  const candidates = images.filter(({ published }) => baseName(published) === name);
  const tag = nearestTag(
    candidates.map(({ published }) => splitName(published).tag),
    wanted,
  );
  return candidates.find(({ published }) => splitName(published).tag === tag);
}

/** The images around the control plane, each as near as the project has it to the wanted version. */
export function supportingImages(cluster: Cluster): {
  readonly etcd: ClusterImage | undefined;
  readonly coredns: ClusterImage | undefined;
  readonly pause: ClusterImage | undefined;
} {
  const { etcd, coredns, pause } = cluster.defaults;
  return {
    etcd: nearestImage(cluster, "etcd", etcd),
    coredns: nearestImage(cluster, "coredns", coredns),
    pause: nearestImage(cluster, "pause", pause),
  };
}

/** Whether the control plane is to run from the one image that held all of it until v1.18. */
export function usesHyperkube(cluster: Cluster): boolean {
  return (
    cluster.release.minor <= 18 &&
    releaseImage(cluster, "hyperkube") !== undefined &&
    CONTROL_PLANE_IMAGES.some((name) => releaseImage(cluster, name) === undefined)
  );
}

/** kubeadm's `imageRepository`: where the control plane and pause are; undefined for its default. */
export function imageRepository(cluster: Cluster): string | undefined {
  const first =
    releaseImage(cluster, usesHyperkube(cluster) ? "hyperkube" : CONTROL_PLANE_IMAGES[0]) ??
    supportingImages(cluster).pause;
  return first === undefined ? cluster.prefix : parentOf(first.name);
}
