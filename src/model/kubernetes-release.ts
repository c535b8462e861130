/** What a release of Kubernetes says of the images around it: read from its sources, written for tools. */

/** A registry that the end-to-end tests take images from, by the key that moves it. */
export interface RegistryKey {
  /** `e2eRegistry`, as the file for KUBE_TEST_REPO_LIST has it. */
  readonly key: string;
  /** `gcr.io/kubernetes-e2e-test-images`. */
  readonly registry: string;
}

/** Tags that kubeadm asks for where its configuration names none. */
export interface KubeadmDefaults {
  readonly etcd?: string;
  readonly coredns?: string;
  readonly pause?: string;
}
