/** Exit codes of the program: stable, documented in README.md and by `kmips help`. */
import type { FailureReason } from "./failure.js";

export const EXIT = {
  ok: 0,
  buildFailed: 1,
  usage: 2,
  recipe: 3,
  mismatch: 4,
  environment: 5,
  network: 6,
  store: 7,
  locked: 9,
  work: 10,
  bug: 70,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** One line per code, for help and documentation. */
export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, "done"],
  [EXIT.buildFailed, "a node failed"],
  [EXIT.usage, "wrong usage: unknown command, option or node"],
  [EXIT.recipe, "a recipe has errors"],
  [EXIT.mismatch, "verify: a rebuild gave another result, or the store had damage"],
  [EXIT.environment, "the machine lacks a tool, space or permission"],
  [EXIT.network, "the network or a registry said no"],
  [EXIT.store, "the store is damaged beyond repair or from a newer kmips"],
  [EXIT.locked, "another kmips holds a lock that was not waited for"],
  [EXIT.work, "--expect-cached: something would run"],
  [EXIT.bug, "a bug in kmips"],
  [EXIT.interrupted, "interrupted (Ctrl-C)"],
  [EXIT.terminated, "terminated"],
];

/** The exit code of a build in which a node failed for this reason. */
export function exitCodeOf(reason: FailureReason): ExitCode {
  switch (reason.type) {
    case "tool":
    case "resource":
    case "builder":
      return EXIT.environment;
    case "network":
      return EXIT.network;
    case "missing-input":
      return EXIT.recipe;
    case "busy":
      return EXIT.locked;
    case "interrupted":
      return EXIT.interrupted;
    default:
      return EXIT.buildFailed;
  }
}
