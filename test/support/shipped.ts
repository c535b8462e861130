/** The recipes and examples of this repository, as tests look at them. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { analyze, type Analysis } from "../../src/analyze/index.js";
import { NO_OVERRIDES } from "../../src/model/overrides.js";
import { DiskFileReader } from "../../src/host/index.js";

export const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));
export const RECIPES = join(REPOSITORY, "recipes");
export const EXAMPLES = join(REPOSITORY, "examples");

/** The folders of examples/. */
export const EXAMPLE_NAMES: readonly string[] = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

/** Every file below `directory`, relative to the repository. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(REPOSITORY, join(entry.parentPath, entry.name)))
    .sort();
}

export function readRepositoryFile(path: string): string {
  return readFileSync(join(REPOSITORY, path), "utf8");
}

/** What the recipes of a directory mean, for the project's own targets or for others. */
export function analyzeDirectory(root: string, targets?: readonly string[]): Analysis {
  return analyze({
    root,
    entry: [join(root, "project.kmips")],
    reader: new DiskFileReader(),
    shipped: RECIPES,
    ...(targets !== undefined && { overrides: { ...NO_OVERRIDES, targets } }),
  });
}

/** The argument lists of the commands in a document's `sh` blocks, without the program's name. */
export function documentedCommands(document: string): string[][] {
  return [...document.matchAll(/^```sh\n(.*?)^```$/gms)]
    .flatMap(([, block = ""]) => block.split("\n"))
    .filter((line) => line !== "")
    .map((line) =>
      [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? ""),
    )
    .map(([program, ...args]) => {
      if (program !== "kmips") throw new Error(`"${program ?? ""}" is not kmips`);
      return args;
    });
}

/** The images of `group.representative` and those that they stand on, by reference. */
export const REPRESENTATIVE: readonly string[] = [
  "agnhost:2.6",
  "coredns:1.6.5",
  "debian:bookworm",
  "dnsutils:1.1",
  "etcd:3.3.15",
  "kube-apiserver:v1.16.2",
  "mounttest-user:1.0",
  "mounttest:1.0",
  "pause:3.1",
  "perl:5.26",
  "sample-apiserver:1.10",
];

/** The shipped images, by reference. */
export const REFERENCES: readonly string[] = [
  "agnhost:2.6",
  "alpine:3.7",
  "apparmor-loader:1.0",
  "busybox:1.29",
  "calico/bird:1.6.8",
  "cni-plugins:1.9.1",
  "conformance:v1.16.2",
  "coredns:1.6.5",
  "debian-base:0.4.1",
  "dnsutils:1.1",
  "docker:20.10.24",
  "echoserver:2.2",
  "etcd:3.2.26",
  "etcd:3.3.15",
  "gb-frontend-with-redis:v6",
  "gb-frontend:v6",
  "golang:1.26.8",
  "httpd:2.4.38-alpine",
  "httpd:2.4.39-alpine",
  "hyperkube:v1.16.2",
  "ipc-utils:1.0",
  "jessie-dnsutils:1.0",
  "kitten:1.0",
  "kube-apiserver:v1.16.2",
  "kube-controller-manager:v1.16.2",
  "kube-proxy:v1.16.2",
  "kube-scheduler:v1.16.2",
  "metadata-concealment:1.2",
  "metrics-server:0.5.0",
  "mounttest-user:1.0",
  "mounttest:1.0",
  "nautilus:1.0",
  "nginx:1.14-alpine",
  "nginx:1.15-alpine",
  "nonewprivs:1.0",
  "nonroot:1.0",
  "pause:3.1",
  "perl:5.26",
  "redis:5.0.5-alpine",
  "resource-consumer-controller:1.0",
  "resource-consumer:1.5",
  "sample-apiserver:1.10",
  "startup-script:v1",
  "test-webserver:1.0",
  "volume/gluster:1.0",
  "volume/iscsi:2.0",
  "volume/nfs:1.0",
  "volume/rbd:1.0.1",
];
