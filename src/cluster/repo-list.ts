/** The file that KUBE_TEST_REPO_LIST names: where the end-to-end tests take their images from. */
import { behindPrefix } from "../model/image-name.js";
import type { RegistryKey } from "../model/kubernetes-release.js";
import type { Cluster } from "./cluster.js";
import { quoted } from "./yaml.js";

/**
 * Registries that must stay as they are: tests of pulls that fail, and of pulls with a password,
 * would mean something else with another one.
 */
const FIXED = /^(?:invalid|private|gcAuthenticated)/;

/**
 * The file for a cluster whose images are behind a prefix. A registry that none of the images comes
 * from keeps its place, so that a test that needs it says so by the name that everybody knows.
 */
export function repoList(
  { images, prefix, release, platform }: Cluster & { readonly prefix: string },
  keys: readonly RegistryKey[],
): string {
  const owners = new Set(images.map(({ published }) => ownerOf(published, keys)));
  const lines = keys.map(({ key, registry }) => {
    if (FIXED.test(key)) return `${key}: ${quoted(registry)} # the tests want this very one`;
    if (!owners.has(registry)) return `${key}: ${quoted(registry)} # no image of it is here`;
    return `${key}: ${quoted(behindPrefix(registry, prefix))}`;
  });
  return [
    `# KUBE_TEST_REPO_LIST for the tests of Kubernetes ${release.version} on linux/${platform.arch}.`,
    ...lines,
    "",
  ].join("\n");
}

/** The registry that holds an image: the longest that its name begins with. */
function ownerOf(name: string, keys: readonly RegistryKey[]): string | undefined {
  return keys
    .map(({ registry }) => registry)
    .filter((registry) => name.startsWith(`${registry}/`))
    .sort((a, b) => b.length - a.length)[0];
}
