/** Failures of a control plane's programs, each with the end of the program's log. */
import { readFileSync } from "node:fs";
import { NodeFailure } from "../../model/failure.js";
import { lastLines } from "../excerpt.js";

const LOG_LINES = 20;

/** The failure of a program that does not do what it is for; `why` goes on after its name. */
export function componentFailure(component: string, log: string, why: string): NodeFailure {
  return new NodeFailure(
    { type: "component", component, why, log, excerpt: tailOf(log) },
    `the whole log is ${log}`,
  );
}

/** The failure of a program that ended; `how` is `exit 1` or the name of a signal. */
export function endedFailure(component: string, log: string, how: string): NodeFailure {
  return componentFailure(component, log, `ended with ${how}`);
}

function tailOf(log: string): string {
  try {
    return lastLines(readFileSync(log, "utf8"), LOG_LINES);
  } catch {
    // What it explains is the failure, with a log or without.
    return "";
  }
}
