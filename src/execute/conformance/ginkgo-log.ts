/**
 * What ginkgo 1 prints: the parts of one process's output, and the log of several as one.
 *
 * ginkgo's own closing line is never believed: of a run that was cut it counts the spec that was in
 * progress as passed. The lines here are counted from results.
 */
import { milliseconds, type JunitCase } from "./junit.js";

/** ginkgo got SIGINT or SIGTERM: whatever it says of the spec that ran is no result. */
const INTERRUPTED = /^Received interrupt\./m;
const WILL_RUN = /^Will run (\d+) of (\d+) specs$/m;
const RAN = /^Ran \d+ of \d+ Specs in [\d.]+ seconds$/m;
const SUMMARY = /^Summarizing \d+ Failures?:$/m;
const SUITE_LINE = /^Running Suite: (.+)$/m;
/** The letters of specs that a focus leaves out, after the dot of the one that ran. */
const SKIPPED_LETTERS = /^(•?)(?:[SP]{8,}|[SP]+(?=$|[A-Z][a-z]{2} [ \d]))/gm;
const DELIMITER = "-".repeat(30);

export interface GinkgoLog {
  readonly suite: string;
  /** How many specs the focus found, and how many there are. */
  readonly selected: number;
  readonly total: number;
  readonly interrupted: boolean;
  /** Everything between the two counts, without the letters of what was left out. */
  readonly body: string;
  /** ginkgo's paragraph about each failure. */
  readonly failures: string;
}

/** Takes one process's output apart; undefined when it did not get as far as to count its specs. */
export function parseGinkgoLog(text: string): GinkgoLog | undefined {
  const counts = WILL_RUN.exec(text);
  if (counts === null) return undefined;
  const after = text.slice(counts.index + counts[0].length);
  const ran = RAN.exec(after);
  const beforeEnd = ran === null ? after : after.slice(0, ran.index);
  const summary = SUMMARY.exec(beforeEnd);
  const body = summary === null ? beforeEnd : beforeEnd.slice(0, summary.index);
  return {
    suite: SUITE_LINE.exec(text)?.[1] ?? "",
    selected: Number(counts[1]),
    total: Number(counts[2]),
    interrupted: INTERRUPTED.test(text),
    body: body
      .replace(SKIPPED_LETTERS, "")
      .replace(/\n{3,}/g, "\n\n")
      .trim(),
    failures: summary === null ? "" : beforeEnd.slice(summary.index + summary[0].length).trim(),
  };
}

export interface LoggedSpec {
  readonly result: JunitCase;
  /** The whole output of its process. */
  readonly output: string;
}

/**
 * One log of all specs that ran, in ginkgo's form: the suite's head, what each process printed, the
 * failures, and the count of what really passed.
 */
export function composeLog(suite: string, total: number, specs: readonly LoggedSpec[]): string {
  const parsed = specs.map((spec) => ({ ...spec, log: parseGinkgoLog(spec.output) }));
  const failed = parsed.filter(({ result }) => result.state === "failed");
  const count = (state: JunitCase["state"]): number =>
    specs.filter(({ result }) => result.state === state).length;
  const seconds = specs.reduce((sum, { result }) => sum + result.seconds, 0);
  const title = `Running Suite: ${suite}`;
  const lines = [
    title,
    "=".repeat(title.length),
    "Each spec ran in a process of its own (kmips conformance); the seconds are theirs together.",
    `Will run ${specs.length} of ${total} specs`,
    "",
  ];
  for (const { log, output } of parsed) lines.push(log?.body ?? output.trim(), DELIMITER);
  if (failed.length > 0) {
    lines.push("", `Summarizing ${failed.length} Failure${failed.length === 1 ? "" : "s"}:`, "");
    for (const { log, result } of failed) {
      const own = log === undefined || log.failures === "" ? undefined : log.failures;
      lines.push(own ?? `[Fail] ${result.name}\n${result.failure ?? ""}`, "");
    }
  }
  const skipped = total - count("passed") - count("failed");
  const verdict = failed.length === 0 ? "SUCCESS!" : "FAIL!";
  lines.push(
    `Ran ${specs.length} of ${total} Specs in ${milliseconds(seconds)} seconds`,
    `${verdict} -- ${count("passed")} Passed | ${count("failed")} Failed | 0 Pending | ${skipped} Skipped`,
    failed.length === 0 ? "PASS" : "FAIL",
    "",
  );
  return lines.join("\n");
}
