/** `kmips export` and `kmips push`: images leave the store for other tools. */
import type { Digest } from "../../cache/index.js";
import {
  writeDockerArchive,
  writeLayout,
  type ExportedImage,
  type ExportOptions,
} from "../image/index.js";
import { isLoopback } from "../model/image-name.js";
import type { ExportSet, OutboundImage } from "./export-set.js";
import { makeDirectory } from "./new-files.js";
import type { Workspace } from "./workspace.js";

/**
 * Writes one archive for `docker load`, `ctr images import` and skopeo, with every name of the
 * images; returns the file's digest. @throws StorageError when it cannot be written
 */
export async function exportArchive(
  workspace: Workspace,
  { images }: ExportSet,
  path: string,
  options: ExportOptions = {},
): Promise<Digest> {
  return writeDockerArchive(workspace.store, images.map(named), path, options);
}

/**
 * Writes an OCI image layout into a new directory.
 * @throws UsageError when it is there already, StorageError when it cannot be written
 */
export async function exportLayout(
  workspace: Workspace,
  { images }: ExportSet,
  path: string,
  options: ExportOptions = {},
): Promise<void> {
  await makeDirectory(path, (directory) =>
    writeLayout(workspace.store, images.map(named), directory, options),
  );
}

/** Every name that an image has outside. */
export function namesOf({ published, prefixed }: OutboundImage): readonly string[] {
  return [published, ...(prefixed === undefined ? [] : [prefixed])];
}

function named(image: OutboundImage): ExportedImage {
  return { manifest: image.manifest, names: namesOf(image) };
}

export interface PushRequest {
  readonly gzipLevel: number;
  /** Speak plain HTTP; with a registry on this machine that is taken for granted. */
  readonly plainHttp: boolean;
  readonly signal: AbortSignal;
}

export interface PushReport {
  /** Names that the registry has now. */
  readonly pushed: readonly string[];
  /** The first image that failed, with what skopeo said; later ones were not tried. */
  readonly failure?: { readonly name: string; readonly output: string };
}

/**
 * Copies images to the registry that their prefix names, with skopeo. Layers are compressed here,
 * each once and to the same bytes every time, so that what the registry has is not sent again:
 * skopeo asks for each blob, and mounts one that it knows in another repository of the registry.
 */
export async function pushImages(
  workspace: Workspace,
  { images }: ExportSet,
  { gzipLevel, plainHttp, signal }: PushRequest,
): Promise<PushReport> {
  const { store, tools, environment } = workspace;
  const skopeo = tools.require("skopeo");
  const layout = store.temporaryDirectory();
  await writeLayout(store, images.map(named), layout, { gzipLevel });
  const pushed: string[] = [];
  for (const { prefixed } of images) {
    if (prefixed === undefined) continue;
    const { code, stdout, stderr } = await environment.processes.run({
      argv: [
        skopeo,
        "copy",
        ...(plainHttp || isLoopback(prefixed) ? ["--dest-tls-verify=false"] : []),
        `oci:${layout}:${prefixed}`,
        `docker://${prefixed}`,
      ],
      env: environment.variables,
      signal,
    });
    if (code !== 0) return { pushed, failure: { name: prefixed, output: stdout + stderr } };
    pushed.push(prefixed);
  }
  return { pushed };
}
