/**
 * Colors, decided once per stream. chalk 5 ignores NO_COLOR, so the level is computed here.
 */
import { Chalk, type ChalkInstance } from "chalk";

export type Paint = ChalkInstance;

export interface ColorRequest {
  /** `--color`. */
  readonly choice: "auto" | "always" | "never";
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTty: boolean;
}

/** `--color` > NO_COLOR > FORCE_COLOR and CLICOLOR_FORCE > CLICOLOR=0 > TERM=dumb > terminal. */
export function wantsColor({ choice, env, isTty }: ColorRequest): boolean {
  if (choice !== "auto") return choice === "always";
  if (isSet(env["NO_COLOR"])) return false;
  for (const force of [env["FORCE_COLOR"], env["CLICOLOR_FORCE"]]) {
    if (isSet(force) && force !== "0") return true;
  }
  if (env["CLICOLOR"] === "0" || env["TERM"] === "dumb") return false;
  return isTty;
}

export function paintFor(request: ColorRequest): Paint {
  return new Chalk({ level: wantsColor(request) ? 1 : 0 });
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}

/** Replaces control and bidirectional characters, so that no name or tool output drives the terminal. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
