/**
 * An image that a Dockerfile describes: its node, and once its text is known a node for each
 * instruction that puts something in place.
 */
import { NO_CONFIG } from "../model/no-config.js";
import { posix } from "node:path";

import {
  evaluateStage,
  expandFrom,
  globalArgs,
  parseDockerfile,
  platformArgs,
  type Instruction,
  type Problem,
  type Stage,
  type StageState,
  type Step,
} from "../dockerfile/index.js";
import type { Address, DockerfileDefinition, ImageConfig } from "../model/node.js";
import { ociPlatform } from "../model/platform.js";
import type { BodyReader } from "./body.js";
import { canonical, Needs } from "./emit.js";
import {
  emitLayer,
  findStage,
  report,
  type BuildContext,
  type DockerfileBuild,
  type StageResult,
} from "./lower-dockerfile-build.js";
import { lowerCopy } from "./lower-dockerfile-copy.js";
import { baseOf, environmentOf } from "./lower-dockerfile-from.js";
import { registerRule, RewriteRules } from "./lower-dockerfile-rules.js";
import { lowerRun } from "./lower-dockerfile-run.js";
import { lowerTree, type OverlayRow } from "./lower-files.js";
import { groundOf, type StepBase, type StepOwner } from "./lower-steps.js";
import type { Lowering, ReadDockerfile } from "./lowering.js";
import { oneOf } from "./types.js";
import { treeOf } from "./values.js";

/** What the image stands on: absent for scratch; it may be a Dockerfile node that has no text yet. */
export interface BuiltDockerfile {
  readonly base: StepBase | undefined;
}

/** What the declaration says about its Dockerfile, for the faults alone. */
export function readDockerfile(reader: BodyReader): void {
  for (const name of ["dockerfile", "context", "args", "stage"]) reader.value(name);
  const block = reader.block("rewrite");
  if (block !== undefined) reader.inside(block).readAll();
}

/** Emits the nodes of an image's Dockerfile; undefined after a reported fault. */
export function lowerDockerfile(
  reader: BodyReader,
  owner: StepOwner,
  overlay: readonly OverlayRow[],
  lowering: Lowering,
): BuiltDockerfile | undefined {
  const rules = new RewriteRules(reader);
  const args = reader.textMap("args");
  const stage = reader.text("stage");
  const node = dockerfileNode(reader, lowering);
  const context = node && contextOf(reader, node.definition, lowering);
  const isWrong = reader.failed || rules.failed;
  if (node === undefined || context === undefined || isWrong) return undefined;
  const { address, definition, needs } = node;
  const at = reader.at("dockerfile");
  lowering.emitter.emit(address, definition, needs, at, undefined);
  const read = readText(address, definition, lowering);
  if (read === undefined) {
    lowering.unknown.add(address);
    return { base: { address, at } };
  }
  const build: DockerfileBuild = {
    reader,
    lowering,
    owner,
    file: read.parsed,
    source: read.file,
    at,
    context,
    overlay: overlay.map((row) => ({
      ...row,
      rule: { name: `"${row.path}"`, at: row.at, help: "no COPY or ADD takes it", fired: false },
    })),
    rules,
    stages: new Map(),
  };
  const result = lowerStages(build, args, stage);
  const failed = result === undefined || "awaits" in result;
  for (const { rule } of build.overlay) registerRule(rule, failed, lowering);
  rules.register(lowering, { failed });
  if (result === undefined) return undefined;
  if ("awaits" in result) return { base: { address: result.awaits, at } };
  return { base: configured(build, result) };
}

function dockerfileNode(
  reader: BodyReader,
  lowering: Lowering,
):
  | { readonly address: Address; readonly definition: DockerfileDefinition; readonly needs: Needs }
  | undefined {
  const value = reader.value("dockerfile");
  const tree = value && treeOf(value);
  const needs = new Needs();
  const place = tree && lowerTree(tree, reader.cell, needs, lowering);
  if (value === undefined || place === undefined) return undefined;
  if (place.path === "") {
    lowering.session.findings.error("KM0227", value.at, '"dockerfile" names no file', {
      help: 'write source.NAME / "Dockerfile"',
    });
    return undefined;
  }
  return {
    address: `${reader.cell.address}/dockerfile`,
    definition: { kind: "dockerfile", source: place.node, path: posix.normalize(place.path) },
    needs,
  };
}

function contextOf(
  reader: BodyReader,
  { source, path }: DockerfileDefinition,
  lowering: Lowering,
): BuildContext | undefined {
  const value = reader.value("context");
  const directory = posix.dirname(path);
  const fallback = { node: source, root: directory === "." ? "" : directory };
  if (!reader.has("context")) return { ...fallback, at: reader.at("dockerfile") };
  const tree = value && treeOf(value);
  const place = tree && lowerTree(tree, reader.cell, new Needs(), lowering);
  if (value === undefined || place === undefined) return undefined;
  const root = posix.normalize(place.path || ".").replace(/\/$/, "");
  return { node: place.node, root: root === "." ? "" : root, at: value.at };
}

/** The Dockerfile's text, read once however many cells are built from it. */
function readText(
  address: Address,
  definition: DockerfileDefinition,
  { known, dockerfiles }: Lowering,
): ReadDockerfile | undefined {
  const text = known?.dockerfile(address);
  if (text === undefined) return undefined;
  const key = canonical([definition, text]);
  let read = dockerfiles.get(key);
  if (read === undefined) {
    const name = `${definition.source}/${definition.path}`;
    dockerfiles.set(key, (read = { file: { name, text }, parsed: parseDockerfile(text) }));
  }
  return read;
}

type StagesResult = StageResult | { readonly awaits: Address } | undefined;

/** Lowers the stages that the wanted one needs, each after those it stands on or copies from. */
function lowerStages(
  build: DockerfileBuild,
  args: Readonly<Record<string, string>>,
  wanted: string | undefined,
): StagesResult {
  const { file, lowering, rules, owner } = build;
  if (file.syntax !== undefined)
    note(build, `"# syntax=${file.syntax.value}" is ignored: no other frontend runs`);
  if (tell(build, "KM0366", file.problems)) return undefined;
  const { stages } = file;
  const target = wanted === undefined ? stages.at(-1) : findStage(build, wanted, stages.length);
  if (target === undefined) {
    const names = stages.map((stage) => stage.name ?? String(stage.index));
    const { reader } = build;
    lowering.session.findings.error(
      "KM0366",
      reader.value("stage")?.at ?? reader.at("stage"),
      `${build.source.name} has no stage "${wanted ?? ""}"`,
      oneOf(wanted ?? "", names),
    );
    return undefined;
  }
  const { os, architecture, variant } = ociPlatform(owner.platform);
  const platform = platformArgs({ os, architecture, ...(variant !== undefined && { variant }) });
  const globals = globalArgs(file, { args, platform });
  if (tell(build, "KM0366", globals.problems)) return undefined;
  const images = new Map<Stage, string>();
  const needed = new Set<Stage>([target]);
  // What a stage needs stands before it: from the last to the first all of it is found.
  for (const stage of [...stages].reverse()) {
    if (!needed.has(stage)) continue;
    const problems: Problem[] = [];
    const image = expandFrom(stage.image, stage, file, globals.values, problems);
    if (tell(build, "KM0366", problems) || image === undefined) return undefined;
    images.set(stage, image);
    const copied = stage.instructions.flatMap(({ flags }) =>
      flags.flatMap(({ name, value }) => (name === "from" ? [value] : [])),
    );
    for (const name of [image, ...copied]) {
      const found = findStage(build, name, stage.index);
      if (found !== undefined && (rules.build(found) === undefined || name === image))
        needed.add(found);
    }
  }
  for (const stage of stages) {
    if (!needed.has(stage)) continue;
    const result = lowerStage(build, stage, images.get(stage) ?? "", {
      args,
      platform,
      globals: globals.values,
    });
    if (result !== undefined && "awaits" in result) return result;
    build.stages.set(stage.index, result);
  }
  const all = [...build.stages.values()];
  return all.includes(undefined) ? undefined : build.stages.get(target.index);
}

interface Variables {
  readonly args: Readonly<Record<string, string>>;
  readonly platform: Readonly<Record<string, string>>;
  readonly globals: Readonly<Record<string, string>>;
}

function lowerStage(
  build: DockerfileBuild,
  stage: Stage,
  image: string,
  { args, platform, globals }: Variables,
): StagesResult {
  const { lowering, rules, file } = build;
  const earlier = findStage(build, image, stage.index);
  const parent = earlier && build.stages.get(earlier.index);
  if (earlier !== undefined && parent === undefined) return undefined;
  let base = parent?.base;
  let failed = false;
  if (parent === undefined) {
    const found = baseOf(build, image, stage.from, stage.index);
    if (found === undefined) {
      // The instructions have faults of their own to tell; no node is where the base should be.
      failed = true;
      base = { address: `${build.owner.address}/${stage.from.number}:from`, at: rules.at };
    } else if (found.address !== undefined) {
      const ground = groundOf(found.address, lowering);
      if (ground?.type === "awaits") return { awaits: ground.dockerfile };
      base = { address: found.address, at: rules.at };
    }
  }
  if (!isForTarget(build, stage, globals, platform)) failed = true;
  const { steps, state, problems, ignored, unknown, unsupported } = evaluateStage(
    file,
    stage,
    globals,
    {
      args,
      platform,
      ...(parent !== undefined && { parent: parent.state }),
      baseEnv: environmentOf(base?.address, build),
      isDropped: ({ text }: Instruction) => rules.isDropped(text),
    },
  );
  for (const { instruction, why } of ignored)
    note(build, `line ${instruction.place.line}: ${instruction.keyword} has no effect: ${why}`);
  for (const { place, keyword, text } of unknown)
    report(build, "KM0364", place, `Docker has no instruction ${keyword}`, {
      at: rules.at,
      help: `add: rewrite { drop = [re"^${keyword} "] }, which leaves out: ${text.slice(0, 60)}`,
    });
  const isWrong = [
    tell(build, "KM0366", problems),
    tell(build, "KM0365", unsupported),
    unknown.length > 0,
  ].includes(true);
  let current: StepBase | undefined = base;
  if (isWrong) failed = true;
  for (const step of steps) {
    const next = lowerStep(build, step, stage, current, state);
    if (next === undefined) failed = true;
    else current = next.base;
  }
  return failed ? undefined : { base: current, state };
}

function lowerStep(
  build: DockerfileBuild,
  step: Step,
  stage: Stage,
  base: StepBase | undefined,
  state: StageState,
): { readonly base: StepBase | undefined } | undefined {
  switch (step.type) {
    case "run":
      return lowerRun(build, step, base);
    case "copy": {
      const copied = lowerCopy(build, step, stage.index, base);
      return copied && { base: copied };
    }
    case "workdir": {
      const uid = Number(/^\d+/.exec(state.user ?? "")?.[0] ?? 0);
      const directory = { path: step.path, keep: true, mode: 0o755, uid, gid: 0 } as const;
      return {
        base: emitLayer(
          build,
          step.instruction,
          "workdir",
          { directories: [directory] },
          base,
          new Needs(),
        ),
      };
    }
  }
}

/** Whether a stage is for the target's platform: the others are for a build rule. */
function isForTarget(
  build: DockerfileBuild,
  stage: Stage,
  globals: Readonly<Record<string, string>>,
  platform: Readonly<Record<string, string>>,
): boolean {
  if (stage.platform === undefined) return true;
  const problems: Problem[] = [];
  const wanted = expandFrom(stage.platform, stage, build.file, globals, problems);
  if (tell(build, "KM0366", problems)) return false;
  if (wanted === platform["TARGETPLATFORM"]) return true;
  const name = stage.name ?? String(stage.index);
  report(
    build,
    "KM0365",
    stage.from.place,
    `A stage for ${wanted ?? ""} is not supported: every stage is for ${platform["TARGETPLATFORM"] ?? ""}`,
    { at: build.rules.at, help: `add: rewrite { build = { "${name}" = component.NAME } }` },
  );
  return false;
}

/** Emits `OWNER/config`: what the instructions say of the configuration, over the last layer. */
function configured(build: DockerfileBuild, { base, state }: StageResult): StepBase | undefined {
  const { owner, lowering, at, source } = build;
  const config: ImageConfig = {
    ...NO_CONFIG,
    entrypoint: state.entrypoint ?? [],
    cmd: state.cmd ?? [],
    env: state.env,
    labels: state.labels,
    ports: state.ports,
    volumes: state.volumes,
    ...(state.workdir !== undefined && { workdir: state.workdir }),
    ...(state.user !== undefined && { user: state.user }),
    ...(state.stopSignal !== undefined && { stopSignal: state.stopSignal }),
  };
  if (canonical(config) === canonical(NO_CONFIG)) return base;
  const address = `${owner.address}/config`;
  const needs = new Needs();
  if (base !== undefined) needs.add(base.address, base.at);
  lowering.emitter.emit(
    address,
    {
      kind: "image",
      ...(base !== undefined && { base: base.address }),
      files: [],
      directories: [],
      users: [],
      config,
      platform: owner.platform,
      epoch: owner.epoch,
    },
    needs,
    at,
    `The configuration that ${source.name} describes.`,
  );
  return { address, at };
}

function note({ lowering, owner }: DockerfileBuild, message: string): void {
  lowering.notes.push({ address: owner.address, message });
}

/** Reports problems of the Dockerfile; true when there are any. */
function tell(
  build: DockerfileBuild,
  code: "KM0365" | "KM0366",
  problems: readonly Problem[],
): boolean {
  for (const { place, message, help } of problems) report(build, code, place, message, { help });
  return problems.length > 0;
}
