/** What runs now, on disk: enough for another kmips to find it, talk to it and end it. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { errnoOf } from "../../../cache/index.js";
import { isAlive, type ProcessIdentity } from "../../host/index.js";
import type { ControlPlaneProgram } from "./components.js";
import type { ControlPlaneLayout } from "./layout.js";

const FORMAT = 1;

export interface RunningProgram extends ProcessIdentity {
  readonly name: ControlPlaneProgram;
  readonly log: string;
}

export interface ControlPlaneState {
  readonly format: typeof FORMAT;
  /** `linux/mips64le`. */
  readonly platform: string;
  /** The apiserver's. */
  readonly port: number;
  /** Whether everything answered. */
  readonly ready: boolean;
  /** In the order of their start. */
  readonly programs: readonly RunningProgram[];
  /** Program → digest of its bytes. */
  readonly digests: Readonly<Record<string, string>>;
}

/** A state that nothing started yet. */
export function emptyState(
  platform: string,
  port: number,
  digests: Readonly<Record<string, string>>,
): ControlPlaneState {
  return { format: FORMAT, platform, port, ready: false, programs: [], digests };
}

/** The state that is on disk; undefined when there is none, or none that can be read. */
export function readState(layout: ControlPlaneLayout): ControlPlaneState | undefined {
  let text: string;
  try {
    text = readFileSync(layout.state, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const state = JSON.parse(text) as Partial<ControlPlaneState>;
    return state.format === FORMAT && Array.isArray(state.programs)
      ? (state as ControlPlaneState)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the state in one step. */
export function writeState(layout: ControlPlaneLayout, state: ControlPlaneState): void {
  const temporary = `${layout.state}.new`;
  writeFileSync(temporary, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, layout.state);
}

export function removeState(layout: ControlPlaneLayout): void {
  rmSync(layout.state, { force: true });
}

/** The programs of a state that still run. */
export function livingPrograms(state: ControlPlaneState | undefined): RunningProgram[] {
  return state?.programs.filter(isAlive) ?? [];
}
