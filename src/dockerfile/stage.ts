/**
 * What following a stage's instructions gives: the state of its image's configuration, and steps.
 */
import type { Instruction, Problem } from "./instruction.js";

/** What an image's configuration says after some instructions. */
export interface StageState {
  /** ENV, in order of first mention. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute; absent: the base's. */
  readonly workdir?: string;
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** `8080/tcp`. */
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal?: string;
  /** Before the text of a shell form. */
  readonly shell: readonly string[];
}

export type Step = { readonly instruction: Instruction } & (
  | {
      readonly type: "run";
      /** Shell text, or argv of the exec form. */
      readonly command:
        | { readonly type: "shell"; readonly text: string; readonly shell: readonly string[] }
        | { readonly type: "exec"; readonly argv: readonly string[] };
      /** ENV and the declared build arguments. */
      readonly env: Readonly<Record<string, string>>;
      readonly user?: string;
      readonly workdir?: string;
      /** `--network`. */
      readonly network?: string;
      /** The types of `--mount`. */
      readonly mounts: readonly string[];
    }
  | {
      readonly type: "copy";
      /** ADD, which unpacks archives and fetches URLs. */
      readonly isAdd: boolean;
      /** `--from`: a stage's name or number, or an image. */
      readonly from?: string;
      /** `--chown`, `--chmod` as written. */
      readonly owner?: string;
      readonly mode?: string;
      /** Paths, patterns or URLs. */
      readonly sources: readonly string[];
      readonly inline: readonly { readonly name: string; readonly text: string }[];
      /** Absolute; ends with `/` when it is a directory for certain. */
      readonly destination: string;
    }
  /** The directory must exist. */
  | { readonly type: "workdir"; readonly path: string }
);

export interface EvaluatedStage {
  readonly steps: readonly Step[];
  readonly state: StageState;
  readonly problems: readonly Problem[];
  /** Instructions without effect here, and why. */
  readonly ignored: readonly { readonly instruction: Instruction; readonly why: string }[];
  /** Instructions that Docker does not know. */
  readonly unknown: readonly Instruction[];
  /** Instructions that kmips does not carry out, and what to do about them. */
  readonly unsupported: readonly Problem[];
}

export interface StageOptions {
  /** The build arguments that were given. */
  readonly args: Readonly<Record<string, string>>;
  /** `TARGETARCH` and the like. */
  readonly platform: Readonly<Record<string, string>>;
  /** The state of the stage that this one stands on. */
  readonly parent?: StageState;
  /** The environment of the image that the stage stands on. */
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly isDropped: (instruction: Instruction) => boolean;
}
