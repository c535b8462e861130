/**
 * COPY and ADD: files of the build context, of rows laid over it, of other stages, of URLs.
 */
import { posix } from "node:path";
import { isPathPattern, pathPattern, type Step } from "../dockerfile/index.js";
import type { Address, CopiedContent, ImageFile } from "../model/node.js";
import { Needs } from "./emit.js";
import {
  emitLayer,
  findStage,
  ownerOf,
  placeIn,
  report,
  type DockerfileBuild,
  type Overlay,
} from "./lower-dockerfile-build.js";
import { baseOf } from "./lower-dockerfile-from.js";
import { lowerContent, type LoweredContent } from "./lower-files.js";
import { programsOf } from "./lowering.js";
import { stepAddress, type StepBase } from "./lower-steps.js";
import { resolveOne, samePlatform } from "./resolve.js";
import { didYouMean, oneOf } from "./types.js";

type CopyStep = Extract<Step, { type: "copy" }>;

/** Archives that ADD unpacks. */
const ARCHIVE = /\.(tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz|zst))$/;
const URL = /^(https?|ftp):\/\/|^git@|^git:\/\//;

/** One source of the instruction, lowered: files, and the nodes they come from. */
interface Lowered {
  readonly files: readonly ImageFile[];
  readonly needs: Needs;
}

/** Emits the node of a COPY or ADD; undefined after a reported fault. */
export function lowerCopy(
  build: DockerfileBuild,
  step: CopyStep,
  stageIndex: number,
  base: StepBase | undefined,
): StepBase | undefined {
  const { instruction } = step;
  const attributes = attributesOf(build, step);
  if (attributes === undefined) return undefined;
  const files: ImageFile[] = [];
  const needs = new Needs();
  let failed = false;
  const sources = step.sources.map((source) => lowerSource(build, step, source, stageIndex));
  for (const lowered of sources) {
    if (lowered === undefined) {
      failed = true;
      continue;
    }
    files.push(...lowered.files);
    for (const address of lowered.needs.addresses)
      needs.add(address, lowered.needs.placeOf(address) ?? build.at);
  }
  for (const { name, text } of step.inline)
    files.push(placed(step, name, { content: { type: "text", text } }));
  if (failed) return undefined;
  const part = instruction.keyword.toLowerCase();
  const owned = files.map((file) => ({ ...file, ...attributes }));
  return emitLayer(build, instruction, part, { files: owned }, base, needs);
}

type Attributes = { readonly uid?: number; readonly gid?: number; readonly mode?: number };

/** The owner and mode that the flags ask for; undefined after a reported fault. */
function attributesOf(build: DockerfileBuild, step: CopyStep): Attributes | undefined {
  const mode = step.mode === undefined ? {} : { mode: Number.parseInt(step.mode, 8) };
  if (step.owner === undefined) return mode;
  const [user = "", group = user] = step.owner.split(":");
  const [uid, gid] = [user, group].map((name) => (name === "root" ? 0 : numberOf(name)));
  if (uid !== undefined && gid !== undefined) return { uid, gid, ...mode };
  report(
    build,
    "KM0365",
    step.instruction.place,
    `--chown=${step.owner} names a user, which is not supported`,
    { help: "drop the instruction, and put the files in place with uid and gid" },
  );
  return undefined;
}

function numberOf(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** A single file at the destination, or below it where that is a directory. */
function placed({ destination }: CopyStep, name: string, lowered: LoweredContent): ImageFile {
  return { path: destination, nameInDirectory: name, uid: 0, gid: 0, ...lowered };
}

function lowerSource(
  build: DockerfileBuild,
  step: CopyStep,
  source: string,
  stageIndex: number,
): Lowered | undefined {
  if (step.from !== undefined) return fromStage(build, step, source, step.from, stageIndex);
  if (step.isAdd && URL.test(source)) return fromUrl(build, step, source);
  return fromContext(build, step, posix.normalize(`/${source}`).replace(/^\/|\/$/g, ""));
}

function fromUrl(build: DockerfileBuild, step: CopyStep, url: string): Lowered | undefined {
  const { rules, reader, lowering } = build;
  const value = rules.fetch(url);
  if (value === undefined) {
    report(build, "KM0363", step.instruction.place, `No rule says what stands for ${url}`, {
      at: rules.at,
      help:
        didYouMean(url, rules.urls).help ??
        `add: rewrite { fetch = { "${url}" = … } }, or drop the instruction`,
    });
    return undefined;
  }
  const name = posix.basename(url.replace(/[?#].*$/s, ""));
  const needs = new Needs();
  const content = lowerContent(value, step.destination, reader.cell, needs, lowering);
  return content && { files: [placed(step, name, content)], needs };
}

/** Files of the context's tree, with the rows that lie over it. */
function fromContext(build: DockerfileBuild, step: CopyStep, source: string): Lowered | undefined {
  const { context, overlay } = build;
  const needs = new Needs();
  const files: ImageFile[] = [];
  const laid = overlay.flatMap((row) => {
    const part = overlaid(row, source);
    return part === undefined ? [] : [part];
  });
  const covers = laid.some((part) => part.covers);
  const isArchive = step.isAdd && ARCHIVE.test(source);
  if (isArchive && (covers || isPathPattern(source))) {
    report(
      build,
      "KM0365",
      step.instruction.place,
      covers
        ? `ADD would unpack "${source}", which a row of files stands for`
        : `ADD would unpack what "${source}" matches, which is not known yet`,
      { help: "drop the instruction, and put the files in place with tree(source.NAME)" },
    );
    return undefined;
  }
  if (isArchive) files.push(unpacked(build, step, source, needs));
  else if (!covers) {
    const content: CopiedContent = {
      type: "copy",
      from: "tree",
      node: needs.add(context.node, context.at),
      root: context.root,
      pattern: source,
      ...(laid.length > 0 && { optional: true }),
    };
    files.push({ path: step.destination, content, uid: 0, gid: 0 });
  }
  for (const { row, name, below, content } of laid) {
    row.rule.fired = true;
    for (const address of row.needs.addresses)
      needs.add(address, row.needs.placeOf(address) ?? row.at);
    const lowered = content === undefined ? row.file : { ...row.file, content };
    files.push(
      below === undefined
        ? placed(step, name, lowered)
        : { path: posix.join(step.destination, below), uid: 0, gid: 0, ...lowered },
    );
  }
  return { files, needs };
}

interface Laid {
  readonly row: Overlay;
  /** The name of what the source names. */
  readonly name: string;
  /** The path below the source, when that is a directory around the row. */
  readonly below?: string;
  /** When the source names something below the row. */
  readonly content?: LoweredContent["content"];
  /** Whether the row is all that the source names. */
  readonly covers: boolean;
}

/** How a row of the overlay comes into what a source names; undefined when it does not. */
function overlaid(row: Overlay, source: string): Laid | undefined {
  const name = posix.basename(row.path);
  if (row.path === source) return { row, name, covers: true };
  if (source === "" || row.path.startsWith(`${source}/`)) {
    const below = source === "" ? row.path : row.path.slice(source.length + 1);
    return { row, name, below, covers: false };
  }
  const { content } = row.file;
  if (content.type === "tree" && source.startsWith(`${row.path}/`)) {
    const path = posix.join(content.path, source.slice(row.path.length + 1));
    return { row, name: posix.basename(source), content: { ...content, path }, covers: true };
  }
  if (!isPathPattern(source) || !pathPattern(source).test(row.path)) return undefined;
  return { row, name, covers: false };
}

/** The files of an archive of the context, which a source node of its own unpacks. */
function unpacked(
  build: DockerfileBuild,
  { instruction, destination }: CopyStep,
  source: string,
  needs: Needs,
): ImageFile {
  const { context, lowering } = build;
  const owner = ownerOf(build, instruction);
  const address = stepAddress(owner, `archive:${source.replace(/[^\w.-]+/g, "-")}`);
  const own = new Needs();
  own.add(context.node, context.at);
  lowering.emitter.emit(
    address,
    {
      kind: "source",
      origin: { type: "member", node: context.node, path: posix.join(context.root, source) },
    },
    own,
    build.at,
    instruction.text,
  );
  needs.add(address, build.at);
  return { path: destination, content: { type: "tree", node: address, path: "" }, uid: 0, gid: 0 };
}

/** Files of another stage, of the component that stands for it, or of an image. */
function fromStage(
  build: DockerfileBuild,
  step: CopyStep,
  source: string,
  from: string,
  stageIndex: number,
): Lowered | undefined {
  const { rules, stages } = build;
  const stage = findStage(build, from, stageIndex);
  if (stage === undefined) {
    const base = baseOf(build, from, step.instruction, stageIndex);
    if (base === undefined) return undefined;
    if (base.address !== undefined) return copied(step, source, base.address, build);
  } else {
    const component = rules.build(stage);
    if (component !== undefined) return fromComponent(build, step, source, component);
    const result = stages.get(stage.index);
    if (result === undefined) return undefined;
    if (result.base !== undefined) return copied(step, source, result.base.address, build);
  }
  report(build, "KM0366", step.instruction.place, `"${from}" has no files to copy`);
  return undefined;
}

function copied(step: CopyStep, source: string, node: Address, { at }: DockerfileBuild): Lowered {
  const needs = new Needs();
  const pattern = posix.normalize(`/${source}`).replace(/^\/|\/$/g, "");
  const content: CopiedContent = {
    type: "copy",
    from: "image",
    node: needs.add(node, at),
    root: "",
    pattern,
  };
  return { files: [{ path: step.destination, content, uid: 0, gid: 0 }], needs };
}

/** The program of a component whose name is that of the copied path. */
function fromComponent(
  build: DockerfileBuild,
  step: CopyStep,
  source: string,
  reference: NonNullable<ReturnType<DockerfileBuild["rules"]["build"]>>,
): Lowered | undefined {
  const { lowering, reader, rules } = build;
  const { session, sets } = lowering;
  rules.built(reference);
  const used = resolveOne(reference, reader.cell, sets, session);
  if (used === undefined || !samePlatform(reference, used, reader.cell, session)) return undefined;
  const programs = programsOf(used, lowering);
  if (programs === undefined) return undefined;
  const name = posix.basename(source);
  if (!programs.includes(name)) {
    session.findings.error(
      "KM0367",
      placeIn(build, step.instruction.place),
      `${used.address} makes no program "${name}" for ${source}`,
      {
        help: oneOf(name, programs).help,
        notes: [{ message: `${used.address} stands for the stage by this rule`, at: reference.at }],
      },
    );
    return undefined;
  }
  const needs = new Needs();
  const content = {
    type: "output",
    node: needs.add(used.address, reference.at),
    output: name,
  } as const;
  return { files: [placed(step, name, { content })], needs };
}
