/** What kubeadm's source says of the images around its control plane. */
import type { KubeadmDefaults } from "../model/kubernetes-release.js";

export const CONSTANTS_PATH = "cmd/kubeadm/app/constants/constants.go";

/** The defaults in kubeadm's `constants.go`, as far as they are literals there. */
export function readKubeadmDefaults(constants: string): KubeadmDefaults {
  const constant = (name: string): string | undefined =>
    new RegExp(`^\\s*${name}\\s*=\\s*"([^"]+)"`, "m").exec(constants)?.[1];
  const [etcd, coredns, pause] = ["DefaultEtcdVersion", "CoreDNSVersion", "PauseVersion"].map(
    constant,
  );
  return {
    ...(etcd !== undefined && { etcd }),
    ...(coredns !== undefined && { coredns }),
    ...(pause !== undefined && { pause }),
  };
}
