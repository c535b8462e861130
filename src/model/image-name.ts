/**
 * Names of images as registries and clusters spell them: `k8s.gcr.io/pause:3.1`. Names here are
 * full: registry host, path below it, tag. No defaults are filled in but by `fullName`.
 */

const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const PATH = `${COMPONENT}(?:/${COMPONENT})*`;
const LABEL = "[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?";
const NAME = new RegExp(`^${PATH}$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
/** A host with a dot or a port, or localhost: what sets a registry apart from a name. */
const REGISTRY = new RegExp(
  `^(?:localhost|${LABEL}\\.${LABEL}|${LABEL}(?=:))(?::[0-9]{1,5})?(?:/${PATH})?$`,
);

/** Where an image without a registry is looked for by every engine. */
const USUAL_REGISTRY = "docker.io/library";

/** Whether registries take it as the path of an image, such as `volume/nfs`. */
export function isImageName(text: string): boolean {
  return NAME.test(text);
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** Whether it is `host[:port][/path]`, without a scheme. */
export function isRegistry(text: string): boolean {
  return REGISTRY.test(text);
}

/** Whether a registry is on this machine, where nobody listens in and certificates are rare. */
export function isLoopback(registry: string): boolean {
  return /^(?:localhost|127\.[0-9.]+)(?::[0-9]+)?(?:\/|$)/.test(registry);
}

/** `debian:bookworm` as every engine reads it: `docker.io/library/debian:bookworm`. */
export function fullName(reference: string): string {
  return `${USUAL_REGISTRY}/${reference}`;
}

export interface NameParts {
  /** Host and port: `k8s.gcr.io`. */
  readonly host: string;
  /** Path below the host: `kubernetes-e2e-test-images/volume/nfs`. */
  readonly path: string;
  readonly tag: string;
}

/** The parts of a full name. */
export function splitName(name: string): NameParts {
  const slash = name.indexOf("/");
  const colon = name.lastIndexOf(":");
  return {
    host: name.slice(0, slash),
    path: name.slice(slash + 1, colon),
    tag: name.slice(colon + 1),
  };
}

/** A registry in place of another's host: `gcr.io/samples` behind `r:5000/k8s` is `r:5000/k8s/samples`. */
export function behindPrefix(registry: string, prefix: string): string {
  const slash = registry.indexOf("/");
  return slash < 0 ? prefix : `${prefix}${registry.slice(slash)}`;
}

/** Name without its tag: what kubeadm and kubespray call the repository of an image. */
export function repositoryOf(name: string): string {
  return name.slice(0, name.lastIndexOf(":"));
}

/** The last component of the path: `nfs`. */
export function baseName(name: string): string {
  return repositoryOf(name).split("/").at(-1) ?? "";
}

/** What stands before the last component: kubeadm's `imageRepository`. */
export function parentOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/"));
}
