/** The options and help of `kmips export`, `kmips push` and `kmips bundle`. */
import { InvalidArgumentError, Option } from "commander";
import { GZIP_LEVEL } from "../image/index.js";
import type { GlobalOptions } from "./environment.js";
import {
  EXPORT_FORMATS,
  runBundle,
  runExport,
  runPush,
  type BundleFlags,
  type ExportFlags,
  type PushFlags,
} from "./export-commands.js";
import type { ExitSetter, MakeCommand } from "./option-values.js";

const FORMATS_HELP = `
Formats:
  archive     one tar for docker load, ctr images import, podman load and skopeo
  layout      the same as an OCI image layout in a directory
  repo-list   the file for KUBE_TEST_REPO_LIST, with the keys of the project's Kubernetes
  kubeadm     a ClusterConfiguration with image repositories and versions
  containerd  certs.d with hosts.toml, and drop-ins with the sandbox image, for 1.x and 2.x
  kubespray   group_vars: architecture, repositories, tags, checksums of programs
  sonobuoy    a script that runs the conformance image with sonobuoy
  hydrophone  the same with hydrophone`;

/** The commands that take images out of the store. */
export function addExportCommands(
  command: MakeCommand,
  globals: () => GlobalOptions,
  exit: ExitSetter,
): void {
  const prefix = (): Option =>
    new Option(
      "--prefix <registry>",
      "host[:port][/path] that serves the images: k8s.gcr.io/pause becomes PREFIX/pause",
    );
  const plainHttp = new Option(
    "--plain-http",
    "the registry speaks HTTP; one on this machine always does",
  );
  const compress = new Option(
    "--compress [level]",
    "gzip the layers, 1 (fast) to 9 (small); one Node gives the same bytes every time",
  )
    .preset(String(GZIP_LEVEL))
    .argParser(gzipLevel);
  const kubernetes = new Option(
    "--kubernetes <version>",
    "which one, in a project with sources of several",
  );

  command(
    "export [images...]",
    "write images for nodes, or what the tools of a cluster read about them",
    [
      "kmips export etcd coredns -o images.tar        # docker load, ctr -n k8s.io images import",
      "kmips export etcd -o etcd.tar --compress       # a third of the size, the same image",
      "kmips export conformance --format layout -o layout",
      "kmips export --format repo-list --prefix registry.example/k8s > repos.yaml",
      "kmips export --format containerd --prefix 127.0.0.1:5000 -o containerd",
    ],
  )
    .addHelpText("after", FORMATS_HELP)
    .addOption(new Option("--format <format>", "what").choices(EXPORT_FORMATS).default("archive"))
    .option("-o, --output <path>", "where; texts are printed without it")
    .addOption(prefix())
    .addOption(plainHttp)
    .addOption(kubernetes)
    .addOption(compress)
    .action(async (images: string[], options: ExportFlags) =>
      exit(await runExport(globals(), images, options)),
    );

  command("push [images...]", "copy images to a registry with skopeo, what it has not yet", [
    "kmips push etcd pause --prefix 127.0.0.1:5000/k8s   # 127.0.0.1:5000/k8s/etcd:3.3.15 …",
  ])
    .addOption(prefix().makeOptionMandatory())
    .addOption(plainHttp)
    .addOption(compress)
    .action(async (images: string[], options: PushFlags) =>
      exit(await runPush(globals(), images, options)),
    );

  command(
    "bundle [images...]",
    "write a directory that sh install.sh puts on a node without a network",
    [
      "kmips bundle conformance -o bundle",
      "kmips bundle conformance -o bundle --prefix registry.example/k8s --compress",
      "sh bundle/install.sh --dry-run     # on the node",
    ],
  )
    .option("-o, --output <dir>", "a directory that is not there yet", "bundle")
    .addOption(prefix())
    .addOption(plainHttp)
    .addOption(kubernetes)
    .addOption(compress)
    .action(async (images: string[], options: BundleFlags) =>
      exit(await runBundle(globals(), images, options)),
    );
}

function gzipLevel(text: string): number {
  if (!/^[1-9]$/.test(text))
    throw new InvalidArgumentError("A level is 1 to 9; name the images before --compress.");
  return Number(text);
}
