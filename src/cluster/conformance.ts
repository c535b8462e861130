/** Command lines that run the conformance tests on a cluster with the images. */
import { nearestImage, releaseImage, type Cluster } from "./cluster.js";

/** A shell script's words on lines of their own. */
const CONTINUED = " \\\n  ";

/**
 * A shell script that runs the conformance image with sonobuoy. sonobuoy's own image is none of the
 * project's, so that whoever runs it names one for the architecture. `repoList` is the path of the
 * file for KUBE_TEST_REPO_LIST. Undefined when the cluster has no conformance image.
 */
export function sonobuoyScript(cluster: Cluster, repoList: string | undefined): string | undefined {
  const image = releaseImage(cluster, "conformance");
  if (image === undefined) return undefined;
  const { release, platform } = cluster;
  const words = [
    "exec sonobuoy run",
    "--mode=certified-conformance",
    "--plugin=e2e",
    '--sonobuoy-image="$SONOBUOY_IMAGE"',
    `--kube-conformance-image=${image.name}`,
    "--image-pull-policy=IfNotPresent",
    ...(repoList === undefined ? [] : [`--e2e-repo-config=${repoList}`]),
    '--wait "$@"',
  ];
  return [
    "#!/bin/sh",
    `# Runs the conformance tests of Kubernetes ${release.version} with sonobuoy.`,
    `# SONOBUOY_IMAGE names an image of sonobuoy for linux/${platform.arch}.`,
    ': "${SONOBUOY_IMAGE:?name an image of sonobuoy that the nodes can run}"',
    words.join(CONTINUED),
    "",
  ].join("\n");
}

/** The same with hydrophone, which runs the conformance image as one pod and copies with busybox. */
export function hydrophoneScript(
  cluster: Cluster,
  repoList: string | undefined,
): string | undefined {
  const image = releaseImage(cluster, "conformance");
  if (image === undefined) return undefined;
  const busybox = nearestImage(cluster, "busybox", undefined);
  const words = [
    "exec hydrophone --conformance",
    `--conformance-image ${image.name}`,
    ...(busybox === undefined ? [] : [`--busybox-image ${busybox.name}`]),
    ...(repoList === undefined ? [] : [`--test-repo-list ${repoList}`]),
    '--output-dir results "$@"',
  ];
  return [
    "#!/bin/sh",
    `# Runs the conformance tests of Kubernetes ${cluster.release.version} with hydrophone.`,
    words.join(CONTINUED),
    "",
  ].join("\n");
}
