/** The commands that take images out of the store: export, push, bundle. */
import { resolve } from "node:path";
import { GZIP_LEVEL } from "../image/index.js";
import {
  clusterFacts,
  CONFIG_FORMATS,
  exportArchive,
  exportConfig,
  exportLayout,
  exportSet,
  makeDirectory,
  namesOf,
  pushImages,
  UsageError,
  writeBundle,
  writeText,
  writeTexts,
  type ConfigFormat,
  type ExportSet,
  type Workspace,
} from "../commands/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import { printable } from "../report/index.js";
import { abortOnSignals, type GlobalOptions, type Streams } from "./environment.js";
import { withWorkspace } from "./open.js";

export const EXPORT_FORMATS = ["archive", "layout", ...CONFIG_FORMATS] as const;

interface OutboundFlags {
  /** The registry in front of the images' own names. */
  readonly prefix?: string;
  readonly plainHttp?: boolean;
  /** The level of gzip. */
  readonly compress?: number;
}

export interface ExportFlags extends OutboundFlags {
  readonly format: (typeof EXPORT_FORMATS)[number];
  readonly output?: string;
  readonly kubernetes?: string;
}

/** `kmips export`. */
export async function runExport(
  globals: GlobalOptions,
  patterns: readonly string[],
  flags: ExportFlags,
): Promise<ExitCode> {
  return withWorkspace(globals, async (workspace, streams) => {
    const { format } = flags;
    if (format !== "archive" && format !== "layout")
      return writeConfig(globals, workspace, streams, patterns, { ...flags, format });
    const path = requireOutput(flags);
    const set = exportSet(workspace, patterns, flags.prefix);
    const write = format === "archive" ? exportArchive : exportLayout;
    await write(workspace, set, path, packing(flags));
    printNames(globals, streams, set);
    return EXIT.ok;
  });
}

async function writeConfig(
  globals: GlobalOptions,
  workspace: Workspace,
  streams: Streams,
  patterns: readonly string[],
  flags: ExportFlags & { readonly format: ConfigFormat },
): Promise<ExitCode> {
  const set = exportSet(workspace, patterns, flags.prefix);
  const facts = clusterFacts(workspace, set, flags);
  if (facts === undefined)
    throw new UsageError(
      `A project without Kubernetes has no ${flags.format}`,
      'it needs a source with go_module = "k8s.io/kubernetes"',
    );
  const { files, gaps } = exportConfig(facts, flags.format);
  for (const gap of gaps) streams.err(`warning: ${printable(gap)}\n`);
  if (globals.json === true)
    streams.out(`${JSON.stringify({ files: Object.fromEntries(files), gaps })}\n`);
  if (flags.format === "containerd" && (flags.output !== undefined || globals.json !== true)) {
    await makeDirectory(requireOutput(flags), (directory) => writeTexts(directory, files));
    return EXIT.ok;
  }
  for (const text of files.values()) {
    if (flags.output !== undefined) writeText(resolve(flags.output), text);
    else if (globals.json !== true) streams.out(text);
  }
  return EXIT.ok;
}

function requireOutput({ format, output }: ExportFlags): string {
  if (output !== undefined) return resolve(output);
  throw new UsageError(
    `The format ${format} is not printed`,
    `say where: --output ${format === "archive" ? "images.tar" : format}`,
  );
}

function packing({ compress }: OutboundFlags): { readonly gzipLevel?: number } {
  return compress === undefined ? {} : { gzipLevel: compress };
}

/** One line a name, with the node that it is. */
function printNames(globals: GlobalOptions, streams: Streams, { images }: ExportSet): void {
  if (globals.json === true) {
    const rows = images.map((image) => ({ address: image.address, names: namesOf(image) }));
    streams.out(`${JSON.stringify({ images: rows })}\n`);
    return;
  }
  for (const image of images)
    for (const name of namesOf(image)) streams.out(`${name} ${printable(image.address)}\n`);
}

export interface PushFlags extends OutboundFlags {
  readonly prefix: string;
}

/** `kmips push`: stdout has the names that the registry has now. */
export async function runPush(
  globals: GlobalOptions,
  patterns: readonly string[],
  flags: PushFlags,
): Promise<ExitCode> {
  return withWorkspace(globals, async (workspace, streams) => {
    const { signal, exitCode } = abortOnSignals();
    const { pushed, failure } = await pushImages(
      workspace,
      exportSet(workspace, patterns, flags.prefix),
      { gzipLevel: flags.compress ?? GZIP_LEVEL, plainHttp: flags.plainHttp ?? false, signal },
    );
    if (globals.json === true) streams.out(`${JSON.stringify({ pushed, failure })}\n`);
    else streams.out(pushed.map((name) => `${name}\n`).join(""));
    if (failure === undefined) return EXIT.ok;
    streams.err(`error: ${failure.name} was not pushed\n${printable(failure.output)}\n`);
    return (exitCode() as ExitCode | undefined) ?? EXIT.network;
  });
}

export interface BundleFlags extends OutboundFlags {
  readonly output: string;
  readonly kubernetes?: string;
}

/** `kmips bundle`: stdout has the files of the directory. */
export async function runBundle(
  globals: GlobalOptions,
  patterns: readonly string[],
  flags: BundleFlags,
): Promise<ExitCode> {
  return withWorkspace(globals, async (workspace, streams) => {
    const set = exportSet(workspace, patterns, flags.prefix);
    const facts = clusterFacts(workspace, set, flags);
    const path = resolve(flags.output);
    const { files, gaps } = await writeBundle(workspace, set, facts, path, packing(flags));
    for (const gap of gaps) streams.err(`warning: ${printable(gap)}\n`);
    if (globals.json === true) streams.out(`${JSON.stringify({ files, gaps })}\n`);
    else streams.out(files.map((file) => `${file}\n`).join(""));
    return EXIT.ok;
  });
}
