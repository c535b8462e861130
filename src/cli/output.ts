/** Sentences that commands of the program have in common. */
import type { BuildResult, BuiltImage, SavedAnswer } from "../commands/index.js";
import { exitCodeOf, EXIT, type ExitCode } from "../model/exit-code.js";
import type { NodeOutcome } from "../model/event.js";
import type { Address } from "../model/node.js";
import { describeFailure, formatMs, printable, type Paint } from "../report/index.js";

/** stdout of a build: one line an image, `reference digest address`. */
export function imageLines(images: readonly BuiltImage[]): string {
  return images.map((image) => `${image.reference} ${image.digest} ${image.address}\n`).join("");
}

export interface BuildCounts {
  readonly nodes: number;
  readonly executed: number;
  readonly cached: number;
  /** Of the cached ones, those that a rebuilt input left as they were. */
  readonly cutOff: number;
  readonly failed: readonly Address[];
  readonly skipped: readonly Address[];
  readonly nativeMs: number;
  readonly emulatedMs: number;
}

export function countOutcomes(
  outcomes: ReadonlyMap<Address, NodeOutcome>,
  groups: ReadonlySet<Address>,
): BuildCounts {
  const counts = { nodes: 0, executed: 0, cached: 0, cutOff: 0, nativeMs: 0, emulatedMs: 0 };
  const failed: Address[] = [];
  const skipped: Address[] = [];
  for (const [address, outcome] of outcomes) {
    if (groups.has(address)) continue;
    counts.nodes++;
    switch (outcome.kind) {
      case "built":
        counts.executed++;
        counts.nativeMs += outcome.nativeMs;
        counts.emulatedMs += outcome.emulatedMs;
        break;
      case "cached":
        counts.cached++;
        if (outcome.cutOff) counts.cutOff++;
        break;
      case "failed":
        failed.push(address);
        break;
      case "skipped":
        skipped.push(address);
    }
  }
  return { ...counts, failed, skipped };
}

/** The closing line of a build; the same words whether the flat plan or the full program says them. */
export function closingLine(counts: BuildCounts, elapsedMs: number | undefined): string {
  const cutOff = counts.cutOff > 0 ? ` (${counts.cutOff} with rebuilt but identical inputs)` : "";
  const parts = [
    `${counts.executed} of ${counts.nodes} nodes executed, ${counts.cached} cached${cutOff}`,
  ];
  if (counts.executed > 0)
    parts.push(`${formatMs(counts.nativeMs)} native, ${formatMs(counts.emulatedMs)} emulated`);
  if (elapsedMs !== undefined) parts.push(`took ${formatMs(elapsedMs)}`);
  return `${parts.join("; ")}\n`;
}

/** What a start with nothing to do prints. */
export function savedAnswer(nodes: number, images: readonly BuiltImage[]): SavedAnswer {
  const counts: BuildCounts = {
    nodes,
    executed: 0,
    cached: nodes,
    cutOff: 0,
    failed: [],
    skipped: [],
    nativeMs: 0,
    emulatedMs: 0,
  };
  return {
    result: imageLines(images),
    resultJson: `${JSON.stringify(buildAsData(counts, images))}\n`,
    summary: closingLine(counts, undefined),
    summaryJson: "",
  };
}

export function buildAsData(counts: BuildCounts, images: readonly BuiltImage[]): unknown {
  return { ...counts, images };
}

/** Failures once more at the end, count first, then names: the last screenful says what to do. */
export function failureSummary(result: BuildResult, counts: BuildCounts, paint: Paint): string {
  if (counts.failed.length === 0) return "";
  const skipped =
    counts.skipped.length > 0 ? `, ${counts.skipped.length} skipped because of it` : "";
  const lines = [paint.red.bold(`${counts.failed.length} failed${skipped}:`)];
  for (const address of counts.failed) {
    const outcome = result.report?.outcomes.get(address);
    if (outcome?.kind !== "failed") continue;
    const { code, headline } = describeFailure(outcome.reason);
    lines.push(
      `  ${printable(address)}  ${code}: ${headline}`,
      `    kmips log '${printable(address)}'`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/** Interruption wins over failures, and the first failure decides among those. */
export function buildExitCode(result: BuildResult, counts: BuildCounts): ExitCode {
  if (result.report?.interrupted === true) return EXIT.interrupted;
  const [first] = counts.failed;
  const outcome = first === undefined ? undefined : result.report?.outcomes.get(first);
  return outcome?.kind === "failed" ? exitCodeOf(outcome.reason) : EXIT.ok;
}
