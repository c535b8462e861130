/** containerd's configuration: mirrors of registries, and the image of every pod's sandbox. */
import { splitName } from "../model/image-name.js";
import { supportingImages, type Cluster } from "./cluster.js";

/** Where containerd looks for `hosts.toml` on a node. */
const CERTS_DIRECTORY = "/etc/containerd/certs.d";

/**
 * Files below a directory: a `hosts.toml` for each host that the images come from, when they are
 * behind a prefix, and drop-ins for the configuration of containerd 1.x and 2.x. Registries that
 * the mirror does not answer for are still asked themselves.
 */
export function containerdFiles(cluster: Cluster): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const { prefix } = cluster;
  if (prefix !== undefined) {
    const hosts = new Set(cluster.images.map(({ published }) => splitName(published).host));
    for (const host of [...hosts].sort())
      files.set(`certs.d/${host}/hosts.toml`, hostsToml(prefix, cluster.plainHttp));
    // The registry under its own name: containerd would speak HTTPS to it.
    const [own = ""] = prefix.split("/");
    if (cluster.plainHttp && !hosts.has(own))
      files.set(`certs.d/${own}/hosts.toml`, hostsToml(own, true));
  }
  const { pause } = supportingImages(cluster);
  const sandbox = pause?.name;
  if (sandbox !== undefined || prefix !== undefined) {
    files.set("config-1.toml", dropIn(VERSION_1, sandbox, prefix !== undefined));
    files.set("config-2.toml", dropIn(VERSION_2, sandbox, prefix !== undefined));
  }
  return files;
}

function hostsToml(prefix: string, plainHttp: boolean): string {
  const [host = "", ...path] = prefix.split("/");
  const base = `${plainHttp ? "http" : "https"}://${host}`;
  const hasPath = path.length > 0;
  return [
    `[host."${base}${hasPath ? `/v2/${path.join("/")}` : ""}"]`,
    '  capabilities = ["pull", "resolve"]',
    ...(hasPath ? ["  override_path = true"] : []),
    "",
  ].join("\n");
}

interface Dialect {
  readonly version: number;
  readonly release: string;
  readonly sandboxTable: string;
  readonly sandboxKey: string;
  readonly registryTable: string;
}

const VERSION_1: Dialect = {
  version: 2,
  release: "1.x",
  sandboxTable: '[plugins."io.containerd.grpc.v1.cri"]',
  sandboxKey: "sandbox_image",
  registryTable: '[plugins."io.containerd.grpc.v1.cri".registry]',
};

const VERSION_2: Dialect = {
  version: 3,
  release: "2.x",
  sandboxTable: '[plugins."io.containerd.cri.v1.images".pinned_images]',
  sandboxKey: "sandbox",
  registryTable: '[plugins."io.containerd.cri.v1.images".registry]',
};

function dropIn(dialect: Dialect, sandbox: string | undefined, mirrors: boolean): string {
  return [
    `# For containerd ${dialect.release}: name this file in "imports" of /etc/containerd/config.toml.`,
    `version = ${dialect.version}`,
    ...(sandbox === undefined
      ? []
      : ["", dialect.sandboxTable, `  ${dialect.sandboxKey} = "${sandbox}"`]),
    ...(mirrors ? ["", dialect.registryTable, `  config_path = "${CERTS_DIRECTORY}"`] : []),
    "",
  ].join("\n");
}
