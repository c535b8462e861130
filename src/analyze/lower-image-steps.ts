/**
 * What happens between an image's base and the image itself: its installs, its runs, and the files
 * that a run wants to find.
 */
import { NO_CONFIG } from "../model/no-config.js";
import type { Location } from "../../grammar/index.js";
import type { Address, ImageDefinition, InstallDefinition } from "../model/node.js";
import type { Platform } from "../model/platform.js";
import type { BodyReader } from "./body.js";
import { Needs } from "./emit.js";
import { Slugs } from "./labels.js";
import { readEnvironment } from "./lower-config.js";
import { mapPackages, tableOf } from "./lower-packages.js";
import {
  emitInstall,
  emitRun,
  groundOf,
  indexUnder,
  type PackageRequest,
  type RunStep,
  type StepBase,
  type StepOwner,
} from "./lower-steps.js";
import type { Lowering } from "./lowering.js";
import type { MergedBlock } from "./merge.js";
import { isImagePath } from "./paths.js";

/** What an image puts in place itself. */
type Content = Pick<ImageDefinition, "files" | "directories" | "users">;

const NO_CONTENT: Content = { files: [], directories: [], users: [] };

export interface StepSetting {
  readonly platform: Platform;
  readonly epoch: number;
  /** Absent: scratch. */
  readonly base: StepBase | undefined;
  readonly content: Content;
  /** The nodes that the content comes from. */
  readonly contentNeeds: Needs;
}

/** What is left to the image node after its steps. */
export interface Steps {
  readonly base: StepBase | undefined;
  /** The Dockerfile that decides what the steps stand on. */
  readonly awaits: Address | undefined;
  readonly content: Content;
  readonly needs: Needs;
}

type Run = Omit<RunStep, "base"> & { readonly after: "install" | "files" };

/** Emits the steps of an image's `install` and `run`; undefined after a reported fault. */
export function lowerSteps(
  reader: BodyReader,
  setting: StepSetting,
  lowering: Lowering,
): Steps | undefined {
  const { cell } = reader;
  const { platform, epoch, content, contentNeeds } = setting;
  const owner: StepOwner = { address: cell.address, platform, epoch };
  const { requests, runs } = readSteps(reader) ?? {};
  if (requests === undefined || runs === undefined) return undefined;
  let { base } = setting;
  const isDockerfile =
    base !== undefined &&
    lowering.emitter.nodes.get(base.address)?.node.definition.kind === "dockerfile";
  if (base !== undefined && (requests.length > 0 || runs.length > 0 || isDockerfile)) {
    const ground = groundOf(base.address, lowering);
    if (ground === undefined) return undefined;
    if (ground.type === "awaits") {
      const needs = new Needs();
      for (const address of contentNeeds.addresses)
        needs.add(address, contentNeeds.placeOf(address) as Location);
      needs.add(ground.dockerfile, base.at);
      return { base: undefined, awaits: ground.dockerfile, content, needs };
    }
  }
  if (requests.length > 0) {
    const installed = lowerInstall(reader, owner, base, requests, lowering);
    if (installed === undefined) return undefined;
    base = installed;
  }
  const run = (step: Run): boolean => {
    if (base === undefined) {
      lowering.session.findings.error(
        "KM0357",
        step.at,
        `"${step.label}" runs in ${cell.address}, which has nothing in it yet`,
        { help: "give the image a from or files" },
      );
      return false;
    }
    const { after, ...rest } = step;
    base = {
      address: emitRun(owner, { ...rest, base }, lowering),
      at: step.at,
    };
    return after !== undefined;
  };
  for (const step of runs) if (step.after === "install" && !run(step)) return undefined;
  const last = runs.filter((step) => step.after === "files");
  const hasContent = Object.values(content).some((part: readonly unknown[]) => part.length > 0);
  let needs = contentNeeds;
  if (last.length > 0 && hasContent) {
    base = emitContent(owner, base, setting, cell.declared.at, lowering);
    needs = new Needs();
  }
  for (const step of last) if (!run(step)) return undefined;
  if (base !== undefined) needs.add(base.address, base.at);
  return {
    base,
    awaits: undefined,
    content: last.length > 0 && hasContent ? NO_CONTENT : content,
    needs,
  };
}

/** Emits `OWNER/files`: what the image puts in place, for the runs that follow. */
function emitContent(
  owner: StepOwner,
  base: StepBase | undefined,
  { content, contentNeeds, platform, epoch }: StepSetting,
  at: Location,
  { emitter }: Lowering,
): StepBase {
  const address = `${owner.address}/files`;
  if (base !== undefined) contentNeeds.add(base.address, base.at);
  emitter.emit(
    address,
    {
      kind: "image",
      ...(base !== undefined && { base: base.address }),
      ...content,
      config: NO_CONFIG,
      platform,
      epoch,
    },
    contentNeeds,
    at,
    undefined,
  );
  return { address, at };
}

function lowerInstall(
  reader: BodyReader,
  owner: StepOwner,
  base: StepBase | undefined,
  requests: readonly PackageRequest[],
  lowering: Lowering,
): StepBase | undefined {
  const at = reader.at("install");
  const index = indexUnder(base, owner, at, lowering);
  if (base === undefined || index === undefined) return undefined;
  const reference = reader.reference("packages");
  let packages = requests;
  if (reference !== undefined) {
    const table = tableOf(reference, lowering);
    const mapped = table && mapPackages(table, requests, index, reader.cell, lowering);
    if (mapped === undefined) return undefined;
    packages = mapped;
  }
  const scripts = (reader.text("scripts") ?? "split") as InstallDefinition["scripts"];
  const recommends = reader.bool("recommends") ?? false;
  const address = emitInstall(owner, { base, packages, scripts, recommends, at }, lowering);
  return address === undefined ? undefined : { address, at };
}

/** The packages and commands that an image asks for; undefined after a reported fault. */
export function readSteps(
  reader: BodyReader,
): { readonly requests: readonly PackageRequest[]; readonly runs: readonly Run[] } | undefined {
  const requests = reader
    .items("install")
    .flatMap((item) => (item.type === "str" ? [{ text: item.text, at: item.at }] : []));
  const slugs = new Slugs(reader.session);
  const runs: Run[] = [];
  let failed = false;
  for (const block of reader.blocks("run")) {
    const run = readRun(reader.inside(block), block, slugs);
    if (run === undefined) failed = true;
    else runs.push(run);
  }
  for (const name of ["packages", "scripts", "recommends"]) reader.value(name);
  return failed || reader.failed ? undefined : { requests, runs };
}

function readRun(fields: BodyReader, block: MergedBlock, slugs: Slugs): Run | undefined {
  const { session } = fields;
  const { findings } = session;
  const label = slugs.take(block);
  let failed = label === undefined;
  const script = fields.text("script");
  const cmd = fields.texts("cmd");
  const env = readEnvironment(fields);
  const user = fields.text("user");
  const workdir = fields.text("workdir");
  const network = fields.text("network") === "on";
  const after = (fields.text("after") ?? "files") as Run["after"];
  if (fields.has("cmd") && cmd.length === 0 && !fields.failed) {
    findings.error("KM0227", fields.at("cmd"), '"cmd" is empty', { help: 'write ["/bin/…"]' });
    failed = true;
  }
  if (workdir !== undefined && !isImagePath(workdir, fields.at("workdir"), session, true))
    failed = true;
  if (label === undefined || failed || fields.failed || env === undefined) return undefined;
  return {
    label,
    argv: script === undefined ? cmd : ["/bin/sh", "-ec", script],
    env,
    ...(user !== undefined && { user }),
    ...(workdir !== undefined && { workdir }),
    network,
    after,
    at: block.at,
  };
}
