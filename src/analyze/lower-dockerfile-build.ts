/**
 * What lowering a Dockerfile shares: its text for diagnostics, its rules, the nodes of stages.
 */
import { NO_CONFIG } from "../model/no-config.js";
import type { Location, SourceFile } from "../../grammar/index.js";
import type { Dockerfile, Instruction, Place, Stage, StageState } from "../dockerfile/index.js";
import type { Address, ImageConfig } from "../model/node.js";
import type { BodyReader } from "./body.js";
import type { AnalysisCode } from "./codes.js";
import type { Needs } from "./emit.js";
import type { RewriteRules } from "./lower-dockerfile-rules.js";
import type { OverlayRow } from "./lower-files.js";
import { stepAddress, type StepBase, type StepOwner } from "./lower-steps.js";
import type { Lowering, RewriteRule } from "./lowering.js";
import type { ImageDefinition } from "../model/node.js";

/** An overlay row, and whether some COPY took it. */
export interface Overlay extends OverlayRow {
  readonly rule: RewriteRule;
}

/** Where the files of COPY come from. */
export interface BuildContext {
  readonly node: Address;
  /** The directory in the tree; "" for all of it. */
  readonly root: string;
  readonly at: Location;
}

/** What a lowered stage is: what stands at its end, and what its instructions said. */
export interface StageResult {
  readonly base: StepBase | undefined;
  readonly state: StageState;
}

export interface DockerfileBuild {
  readonly reader: BodyReader;
  readonly lowering: Lowering;
  readonly owner: StepOwner;
  /** The Dockerfile, and its text as diagnostics show it. */
  readonly file: Dockerfile;
  readonly source: SourceFile;
  /** Where the recipe names it. */
  readonly at: Location;
  readonly context: BuildContext;
  readonly overlay: readonly Overlay[];
  readonly rules: RewriteRules;
  /** Stages lowered so far, by index; undefined for one with faults. */
  readonly stages: Map<number, StageResult | undefined>;
}

/** The place of something in the Dockerfile. */
export function placeIn({ source }: DockerfileBuild, { start, end }: Place): Location {
  return { file: source, span: { start, end } };
}

/** Reports something about a place in the Dockerfile, with where the recipe comes in. */
export function report(
  build: DockerfileBuild,
  code: AnalysisCode,
  place: Place,
  message: string,
  details: { readonly help?: string | undefined; readonly at?: Location } = {},
): void {
  const { at = build.at, help } = details;
  build.lowering.session.findings.error(code, placeIn(build, place), message, {
    help,
    notes: [{ message: `${build.owner.address} is built from it`, at }],
  });
}

/** Who the nodes of an instruction belong to. */
export function ownerOf({ owner }: DockerfileBuild, { number, text }: Instruction): StepOwner {
  return { ...owner, instruction: { number, text } };
}

/** Emits the image node of an instruction: files or directories over what stands so far. */
export function emitLayer(
  build: DockerfileBuild,
  instruction: Instruction,
  part: string,
  content: Partial<Pick<ImageDefinition, "files" | "directories">> & {
    readonly config?: ImageConfig;
  },
  base: StepBase | undefined,
  needs: Needs,
): StepBase {
  const owner = ownerOf(build, instruction);
  const address = stepAddress(owner, part);
  if (base !== undefined) needs.add(base.address, base.at);
  build.lowering.emitter.emit(
    address,
    {
      kind: "image",
      ...(base !== undefined && { base: base.address }),
      files: [],
      directories: [],
      users: [],
      config: NO_CONFIG,
      ...content,
      platform: owner.platform,
      epoch: owner.epoch,
    },
    needs,
    build.at,
    instruction.text,
  );
  return { address, at: build.at };
}

/** The stage that FROM or `--from` means among those before `limit`: by name, else by number. */
export function findStage(
  { file }: Pick<DockerfileBuild, "file">,
  name: string,
  limit: number,
): Stage | undefined {
  const earlier = file.stages.slice(0, limit);
  const lower = name.toLowerCase();
  // The last one of a name wins, as in Docker.
  const named = earlier.filter((stage) => stage.name === lower).at(-1);
  if (named !== undefined) return named;
  return /^\d+$/.test(name) ? earlier[Number(name)] : undefined;
}
