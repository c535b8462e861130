/** `kmips bundle`: one directory that `sh install.sh` puts on an offline node. */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { digestOf, hexOf, type Digest } from "../../cache/index.js";
import { installScript, programPath } from "../cluster/index.js";
import type { ExportOptions } from "../image/index.js";
import type { ClusterFacts } from "./cluster-facts.js";
import { exportArchive, namesOf } from "./export.js";
import { allConfigs } from "./export-config.js";
import type { ExportSet } from "./export-set.js";
import { makeDirectory, writeTexts } from "./new-files.js";
import type { Workspace } from "./workspace.js";

export interface BundleReport {
  /** Relative paths, in order. */
  readonly files: readonly string[];
  /** What is not there and will be asked for. */
  readonly gaps: readonly string[];
}

/**
 * Writes the archive of the images, their names, the programs of a node, the configuration that
 * belongs to them, install.sh and SHA256SUMS into a new directory: the same bytes for one store.
 *
 * @param facts undefined in a project without Kubernetes: then there is no configuration.
 * @throws UsageError when `path` is there already, StorageError when it cannot be written
 */
export async function writeBundle(
  workspace: Workspace,
  set: ExportSet,
  facts: ClusterFacts | undefined,
  path: string,
  options: ExportOptions = {},
): Promise<BundleReport> {
  const { files, gaps } =
    facts === undefined ? { files: new Map<string, string>(), gaps: [] } : allConfigs(facts);
  const texts = new Map<string, string>([
    ["install.sh", installScript(set.platform, facts?.cluster.release.minor)],
    [
      "images.txt",
      set.images
        .flatMap(namesOf)
        .map((name) => `${name}\n`)
        .join(""),
    ],
    ...[...files].map(([name, text]) => [`config/${name}`, text] as const),
  ]);
  const sums = new Map<string, Digest>(
    [...texts].map(([name, text]) => [name, digestOf(Buffer.from(text))]),
  );
  await makeDirectory(path, async (directory) => {
    writeTexts(directory, texts);
    for (const [relative, digest] of facts === undefined ? [] : programFiles(facts)) {
      mkdirSync(dirname(join(directory, relative)), { recursive: true });
      workspace.store.copyTo(digest, join(directory, relative), 0o755);
      sums.set(relative, digest);
    }
    const archive = join(directory, "images.tar");
    sums.set("images.tar", await exportArchive(workspace, set, archive, options));
    writeTexts(directory, new Map([["SHA256SUMS", sumsText(sums)]]));
  });
  return { files: [...sums.keys(), "SHA256SUMS"].sort(), gaps };
}

/** The programs of a node: relative path → content. */
function programFiles({ cluster, programs }: ClusterFacts): ReadonlyMap<string, Digest> {
  return new Map(
    programs.map(({ name, digest }) => [`files/${programPath(cluster, name)}`, digest]),
  );
}

/** As sha256sum(1) writes and checks it. */
function sumsText(sums: ReadonlyMap<string, Digest>): string {
  return [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, digest]) => `${hexOf(digest)}  ${path}\n`)
    .join("");
}
