/**
 * What a Dockerfile says, as written: stages and instructions with their places.
 * Reference: the Dockerfile reference of BuildKit's `docker/dockerfile:1` frontend.
 */

/** Where something stands in the Dockerfile's text. */
export interface Place {
  /** Of the first character, counted from 1. */
  readonly line: number;
  /** Offsets in UTF-16 code units, the end exclusive. */
  readonly start: number;
  readonly end: number;
}

/** Something that Docker would refuse, or that cannot be taken apart. */
export interface Problem {
  readonly place: Place;
  readonly message: string;
  readonly help?: string;
}

/** `--NAME=VALUE` before an instruction's arguments; the value is not expanded yet. */
export interface Flag {
  readonly name: string;
  readonly value: string;
}

/** `<<NAME` and the lines that belong to it. */
export interface Heredoc {
  readonly name: string;
  /** `<<NAME`, `<<-NAME` or `<<"NAME"` as the instruction has it. */
  readonly operator: string;
  /** The lines, each with its line feed; leading tabs are gone where `<<-` says so. */
  readonly text: string;
  /** Whether variables in it are replaced: the name stands without quotes. */
  readonly expand: boolean;
}

export interface Instruction {
  /** In capitals: `RUN`; what Docker does not know is kept as well. */
  readonly keyword: string;
  /** Counted from 1 over the whole file. */
  readonly number: number;
  readonly place: Place;
  /** On one line as Docker reads it: continuation lines joined, comments gone, heredocs left out. */
  readonly text: string;
  readonly flags: readonly Flag[];
  /** What follows keyword and flags in `text`. */
  readonly rest: string;
  /** The strings of the exec form, `["a", "b"]`; absent in the shell form. */
  readonly exec?: readonly string[];
  readonly heredocs: readonly Heredoc[];
}

export interface Stage {
  /** Counted from 0, as `COPY --from=0` does. */
  readonly index: number;
  /** In small letters. */
  readonly name?: string;
  readonly from: Instruction;
  /** The image after FROM, not expanded yet. */
  readonly image: string;
  /** The value of `--platform`, not expanded yet. */
  readonly platform?: string;
  /** Those after FROM. */
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  /** The character of the directive `escape`, which joins lines and takes away meaning. */
  readonly escape: "\\" | "`";
  /** The directive `syntax`: another frontend, which kmips does not run. */
  readonly syntax?: { readonly value: string; readonly place: Place };
  /** ARG instructions before the first FROM. */
  readonly globals: readonly Instruction[];
  readonly stages: readonly Stage[];
  readonly problems: readonly Problem[];
}

/** The keywords that Docker knows. */
export const KEYWORDS: ReadonlySet<string> = new Set([
  "ADD",
  "ARG",
  "CMD",
  "COPY",
  "ENTRYPOINT",
  "ENV",
  "EXPOSE",
  "FROM",
  "HEALTHCHECK",
  "LABEL",
  "MAINTAINER",
  "ONBUILD",
  "RUN",
  "SHELL",
  "STOPSIGNAL",
  "USER",
  "VOLUME",
  "WORKDIR",
]);
