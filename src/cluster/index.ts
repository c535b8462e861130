/** What the tools around a cluster read: pure texts of images, a release and a place for them. */
export { NODE_PROGRAMS, type Cluster } from "./cluster.js";
export { hydrophoneScript, sonobuoyScript } from "./conformance.js";
export { containerdFiles } from "./containerd.js";
export { installScript } from "./install-script.js";
export { kubeadmConfig, kubeadmImages, missingForKubeadm } from "./kubeadm.js";
export { kubesprayVariables, programPath } from "./kubespray.js";
export { nearestTag, releaseOf, type Release } from "./release.js";
export { repoList } from "./repo-list.js";
