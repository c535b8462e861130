/** `kmips export` and `kmips push`: images leave the store for other tools. */
import type { Digest } from "../../cache/index.js";
import { writeDockerArchive, type ExportOptions } from "../image/index.js";
import type { ProcessRunner } from "../model/ports.js";
import type { Address, NodeDefinition } from "../model/node.js";
import { isNamed, type NamedDefinition } from "./built-image.js";
import { UsageError } from "./errors.js";
import { recordOf, type Workspace } from "./workspace.js";

/** Whether a node's result is an image with a name, an index not included. */
export function isExportable(
  definition: NodeDefinition | undefined,
): definition is Exclude<NamedDefinition, { kind: "index" }> {
  return definition !== undefined && isNamed(definition) && definition.kind !== "index";
}

/** Reference and manifest digest of a built image node. @throws UsageError */
function builtImage(
  workspace: Workspace,
  address: Address,
): { reference: string; manifest: Digest } {
  const definition = workspace.graph.nodes.get(address)?.definition;
  if (!isExportable(definition))
    throw new UsageError(`"${address}" is not an image`, "kmips images lists them");
  const manifest = recordOf(workspace, address)?.outputs.find(
    (output) => output.name === "manifest",
  )?.digest;
  if (manifest === undefined)
    throw new UsageError(`"${address}" is not built`, `run kmips build ${address}`);
  return { reference: definition.reference, manifest };
}

/**
 * Writes an archive of several images, for `docker load`, `ctr images import` and skopeo.
 *
 * @throws UsageError for an image that is not built.
 */
export async function exportImages(
  workspace: Workspace,
  addresses: readonly Address[],
  path: string,
  options: ExportOptions = {},
): Promise<void> {
  const images = addresses.map((address) => builtImage(workspace, address));
  await writeDockerArchive(workspace.store, images, path, options);
}

/** Copies an image to a registry with skopeo, layers compressed on the way. */
export async function pushImage(
  workspace: Workspace,
  address: Address,
  destination: string,
  processes: ProcessRunner,
  signal: AbortSignal,
): Promise<{ readonly ok: boolean; readonly output: string }> {
  const { reference } = builtImage(workspace, address);
  const skopeo = workspace.tools.require("skopeo");
  const loopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?\//.test(destination);
  const result = await processes.run({
    argv: [
      skopeo,
      "copy",
      "--preserve-digests=false",
      ...(loopback ? ["--dest-tls-verify=false"] : []),
      `oci:${workspace.store.root}:${reference}`,
      `docker://${destination}`,
    ],
    env: workspace.environment.variables,
    signal,
  });
  return { ok: result.code === 0, output: result.stdout + result.stderr };
}
