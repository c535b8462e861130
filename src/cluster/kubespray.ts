/** Variables for kubespray, which knows neither the architecture's checksums nor its name. */
import { repositoryOf, splitName } from "../model/image-name.js";
import { imageRepository, nearestImage, supportingImages, type Cluster } from "./cluster.js";
import { quoted } from "./yaml.js";

/** From the release that came with it, kubespray writes versions without their v. */
const BARE_VERSIONS_SINCE = 32;

/**
 * A file of `group_vars` for the nodes of the architecture. kubespray takes the architecture from
 * `uname -m`, which says `mips64` for both byte orders, and has checksums for none of them; both are
 * set here, under the version as older and newer kubesprays spell it.
 */
export function kubesprayVariables(cluster: Cluster): string {
  const { release, platform, programs, prefix, plainHttp } = cluster;
  const { arch } = platform;
  const bare = release.version.replace(/^v/, "");
  const { etcd, coredns, pause } = supportingImages(cluster);
  const nginx = nearestImage(cluster, "nginx", undefined);
  const repository = imageRepository(cluster);
  const lines = [
    `# kubespray's variables for the nodes of linux/${arch}: a file of group_vars.`,
    `host_architecture: ${arch}`,
    `image_arch: ${arch}`,
    `kube_version: ${quoted(release.minor >= BARE_VERSIONS_SINCE ? bare : release.version)}`,
    "k8s_image_pull_policy: IfNotPresent",
  ];
  if (repository !== undefined)
    lines.push(
      `kube_image_repo: ${quoted(repository)}`,
      `kubeadm_image_repo: ${quoted(repository)}`,
    );
  const pairs = { etcd, coredns, pod_infra: pause, nginx };
  for (const [variable, image] of Object.entries(pairs)) {
    if (image === undefined) continue;
    const { tag } = splitName(image.name);
    lines.push(
      `${variable}_image_repo: ${quoted(repositoryOf(image.name))}`,
      `${variable}_image_tag: ${quoted(tag)}`,
    );
    if (variable !== "nginx") lines.push(`${variable}_version: ${quoted(tag.replace(/^v/, ""))}`);
  }
  // etcd as a program of the host comes from an archive that is not part of this.
  if (etcd !== undefined) lines.push("etcd_deployment_type: kubeadm", "etcd_kubeadm_enabled: true");
  for (const [program, checksum] of programs) {
    lines.push(
      `${program}_download_url: ${quoted(`{{ files_repo }}/${programPath(cluster, program)}`)}`,
      `${program}_checksums:`,
      `  ${arch}:`,
      `    ${quoted(release.version)}: ${quoted(checksum)}`,
      `    ${quoted(bare)}: ${quoted(`sha256:${checksum}`)}`,
    );
  }
  if (prefix !== undefined && plainHttp) {
    const [host = ""] = prefix.split("/");
    lines.push(
      "containerd_registries_mirrors:",
      `  - prefix: ${quoted(host)}`,
      "    mirrors:",
      `      - host: ${quoted(`http://${host}`)}`,
      '        capabilities: ["pull", "resolve"]',
      "        skip_verify: true",
    );
  }
  return `${lines.join("\n")}\n`;
}

/** Where a program is below `files_repo`: the path that upstream serves it at. */
export function programPath({ release, platform }: Cluster, program: string): string {
  return `release/${release.version}/bin/linux/${platform.arch}/${program}`;
}
