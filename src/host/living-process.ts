/**
 * Processes that an earlier kmips started, found again and ended by pid.
 *
 * The kernel gives a pid to another program once the first has ended, so a pid alone is never
 * trusted: the time of its start, counted from a boot that has a name, goes with it (proc(5)).
 */
import { readFileSync } from "node:fs";
import { kill } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { errnoOf } from "../../cache/index.js";

/** One process and no other that ever has its pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** `BOOT-ID:TICKS`. */
  readonly started: string;
}

/** The state of a process is field 3, its start field 22; the name before them may hold anything. */
const FIELDS_AFTER_NAME = / \(.*\) /s;
const START_FIELD = 22 - 3;
const POLL_MS = 50;

/** The identity of the process that has this pid now; undefined when none runs. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
  const fields = stat.split(FIELDS_AFTER_NAME)[1]?.split(" ") ?? [];
  // Dead, but its parent has not asked yet.
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return { pid, started: `${boot}:${fields[START_FIELD] ?? ""}` };
}

/** Whether that very process still runs. */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  return identifyProcess(pid)?.started === started;
}

/**
 * Ends processes that lead groups, together with their groups: SIGTERM, and SIGKILL for what is left
 * after `graceMs`. Resolves when all are gone.
 */
export async function endProcesses(
  processes: readonly ProcessIdentity[],
  graceMs: number,
): Promise<void> {
  const start = performance.now();
  let isHard = false;
  for (const process of processes) signalGroupOf(process, "SIGTERM");
  for (;;) {
    const living = processes.filter(isAlive);
    if (living.length === 0) return;
    if (!isHard && performance.now() - start > graceMs) {
      isHard = true;
      for (const process of living) signalGroupOf(process, "SIGKILL");
    }
    await delay(POLL_MS);
  }
}

function signalGroupOf(process: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(process)) return;
  try {
    kill(-process.pid, signal);
  } catch (error) {
    // It ended between the look and the signal.
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}
