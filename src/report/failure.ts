/** A node's failure as text: what, where, expected and actual, the next step. */
import { assertNever } from "../model/invariant.js";
import type { FailureReason } from "../model/failure.js";
import { formatBytes, formatMs } from "./duration.js";
import { printable } from "./paint.js";

export interface FailureText {
  /** One line, sentence case, no period. */
  readonly headline: string;
  /** The telling lines, already cut. */
  readonly details: readonly string[];
  readonly code: string;
}

/** The failure in words. Codes are listed in README.md. */
export function describeFailure(reason: FailureReason): FailureText {
  switch (reason.type) {
    case "command":
      return text("KM0501", `${reason.what} failed: ${reason.exit}`, reason.excerpt);
    case "patch":
      return text("KM0502", patchHeadline(reason), reason.excerpt);
    case "generated":
      return text(
        "KM0515",
        `Generator "${reason.generator}" did not write what its outputs name`,
        [
          ...reason.missing.map((path) => `not written:  ${path}`),
          ...reason.undeclared.map((path) => `not declared: ${path}`),
        ].join("\n"),
      );
    case "checksum":
      return text(
        "KM0503",
        `Checksum of ${reason.what} does not match`,
        `expected ${reason.expected}\nactual   ${reason.actual}`,
      );
    case "elf":
      return text(
        "KM0504",
        `Program "${reason.file}" is for another machine`,
        `expected ${reason.expected}\nactual   ${reason.actual}`,
      );
    case "test":
      return text(
        "KM0505",
        `Test step "${reason.step}" did not get the expected answer`,
        `expected ${reason.expected}\nactual   ${reason.actual}`,
      );
    case "missing-input": {
      const near =
        reason.candidates.length === 0
          ? ""
          : `did you mean ${reason.candidates.map((c) => `"${c}"`).join(", ")}?`;
      return text("KM0506", `${reason.what} needs "${reason.path}", which is not there`, near);
    }
    case "tool":
      return text(
        "KM0507",
        `Tool "${reason.tool}" is not usable: ${reason.why}`,
        `install it: ${reason.install}`,
      );
    case "network":
      return text("KM0508", `${reason.what} could not be fetched`, reason.excerpt);
    case "emulator-crash":
      return text("KM0509", `The emulator crashed with ${reason.signal}, twice`, reason.excerpt);
    case "builder":
      return text(
        "KM0514",
        `Builder "${reason.builder}" ${reason.why}`,
        `tried: ${reason.tried}\n${reason.excerpt}`,
      );
    case "resource":
      return text("KM0510", `${reason.errno} at "${reason.path}"`, reason.what);
    case "budget": {
      const amount = reason.what === "size" ? formatBytes : formatMs;
      const words = reason.what === "size" ? "large" : "under the emulator";
      const parts = reason.largest.map(([what, part]) => `${amount(part).padStart(9)}  ${what}`);
      return text(
        "KM0513",
        `"${reason.node}" is ${amount(reason.actual)} ${words}, ${amount(reason.actual - reason.limit)} over its budget of ${amount(reason.limit)}`,
        parts.join("\n"),
      );
    }
    case "component":
      return text("KM0530", `"${reason.component}" failed: ${reason.why}`, reason.excerpt);
    case "busy":
      return text("KM0531", reason.what, "");
    case "timeout":
      return text("KM0511", `${reason.what} took longer than ${reason.ms / 1000} s`, "");
    case "interrupted":
      return text("KM0512", "Interrupted", "");
    default:
      return assertNever(reason);
  }
}

/** The next step where the node itself knew of none better; undefined when the details say it. */
export function helpFor(reason: FailureReason): string | undefined {
  switch (reason.type) {
    case "command":
      return "correct the source or the recipe and build again; a patches { … } block changes a source that is not yours";
    case "generated":
      return "make outputs the paths that it writes below {out}; the node's log has what it said";
    case "elf":
      return "put a program for the image's own platform there: one that a component builds, or correct the target";
    case "tool":
      return "kmips doctor shows everything that this project lacks, kmips setup installs it";
    case "builder":
      return "--builder (or KMIPS_BUILDER) names another builder; without one kmips setup makes a private one";
    default:
      return undefined;
  }
}

function patchHeadline(reason: Extract<FailureReason, { type: "patch" }>): string {
  switch (reason.state) {
    case "conflict":
      return `Patch "${reason.file}" does not apply`;
    case "already-upstream":
      return `Patch "${reason.file}" is already upstream: it applies in reverse`;
    case "missing-file":
      return `Patch "${reason.file}" changes a file that the source does not have`;
  }
}

function text(code: string, headline: string, details: string): FailureText {
  const lines = details === "" ? [] : printable(details).replace(/\n+$/, "").split("\n");
  return { code, headline: printable(headline), details: lines };
}
