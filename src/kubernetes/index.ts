/** What Kubernetes' end-to-end tests need, read from their Go sources. */
export {
  CSI_MANIFESTS,
  hasCsiImages,
  MANIFEST_PATH,
  ManifestError,
  readCsiImages,
  readManifest,
  referenceOf,
  type ManifestImage,
} from "./image-manifest.js";
export { imageUsers, isTestSource, type ImageUser } from "./image-users.js";
export { CONSTANTS_PATH, readKubeadmDefaults } from "./kubeadm-defaults.js";
export type { RegistryKey } from "../model/kubernetes-release.js";
export { readRegistryKeys } from "./registry-keys.js";
