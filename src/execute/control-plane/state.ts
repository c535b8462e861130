/** What runs now, on disk: enough for another kmips to find it, talk to it and end it. */
import { rmSync } from "node:fs";
import { isAlive, type ProcessIdentity } from "../../host/index.js";
import { readTextIfThere, replaceText } from "../text-file.js";
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
  const text = readTextIfThere(layout.state);
  if (text === undefined) return undefined;
  try {
    const state = JSON.parse(text) as Partial<ControlPlaneState>;
    const isOurs =
      state.format === FORMAT &&
      Number.isSafeInteger(state.port) &&
      Array.isArray(state.programs) &&
      state.programs.every(isProgram);
    return isOurs ? (state as ControlPlaneState) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether it may be looked for and ended: a signal to the group of 1 or less goes to all processes. */
function isProgram(value: unknown): boolean {
  const { pid = 0, started, name, log } = value as Partial<RunningProgram>;
  const texts: unknown[] = [started, name, log];
  return Number.isSafeInteger(pid) && pid > 1 && texts.every((text) => typeof text === "string");
}

/** Replaces the state in one step. */
export function writeState(layout: ControlPlaneLayout, state: ControlPlaneState): void {
  replaceText(layout.state, `${JSON.stringify(state, undefined, 2)}\n`, 0o600);
}

/** Forgets what ran; no state is not an error. */
export function removeState(layout: ControlPlaneLayout): void {
  rmSync(layout.state, { force: true });
}

/** The programs of a state that still run. */
export function livingPrograms(state: ControlPlaneState | undefined): RunningProgram[] {
  return state?.programs.filter(isAlive) ?? [];
}
