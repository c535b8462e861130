/**
 * What ginkgo 1 prints: the parts of one process's output, and the log of several as one.
 *
 * ginkgo's own closing line is never believed: of a run that was cut it counts the spec that was in
 * progress as passed. The lines here are counted from results.
 */
import { formatSeconds, type JunitCase } from "./junit.js";

/** ginkgo got SIGINT or SIGTERM: what it says of the spec that ran is no result. */
const INTERRUPTED = /^Received interrupt\./m;
const WILL_RUN = /^Will run (\d+) of (\d+) specs$/m;
const RAN = /^Ran \d+ of \d+ Specs in [\d.]+ seconds$/m;
const SUMMARY = /^Summarizing \d+ Failures?:$/m;
const SUITE_LINE = /^Running Suite: (.+)$/m;
/** How the block about a failed spec begins. */
const FAILURE_BLOCK = /^•(?:! Panic|\.\.\. Timeout| Failure)\b/gm;
/** The letters of specs that a focus leaves out, after the dot of the one that ran. */
const SKIPPED_LETTERS = /^(•?)(?:[SP]{8,}|[SP]+(?=$|[A-Z][a-z]{2} [ \d]))/gm;
const DELIMITER = "-".repeat(30);
const TRAILING_DELIMITER = /\s*(?:-{30})?\s*$/;
/**
 * What ginkgo begins a spec with: the containers' names, each with a space after it, then, indented,
 * the spec's own name and where its code is.
 */
const SPEC_HEAD = /^(\S.* )\n {2}(\S.*)\n {2}\S+:\d+\n/gm;

export interface GinkgoLog {
  readonly suite: string;
  /** How many specs there are. */
  readonly total: number;
  readonly interrupted: boolean;
  /** The failed specs that were reported before any interruption. */
  readonly failures: number;
  /** Spec → what was printed from its beginning to the next one's. */
  readonly blocks: ReadonlyMap<string, string>;
}

/** Takes one process's output apart; undefined when it did not get as far as to count its specs. */
export function parseGinkgoLog(text: string): GinkgoLog | undefined {
  const counts = WILL_RUN.exec(text);
  if (counts === null) return undefined;
  const interrupt = INTERRUPTED.exec(text);
  const end = [interrupt, RAN.exec(text), SUMMARY.exec(text)]
    .map((match) => match?.index ?? text.length)
    .reduce((first, index) => Math.min(first, index));
  const body = text.slice(counts.index + counts[0].length, end);
  return {
    suite: SUITE_LINE.exec(text)?.[1] ?? "",
    total: Number(counts[2]),
    interrupted: interrupt !== null,
    failures: [...body.matchAll(FAILURE_BLOCK)].length,
    blocks: specBlocks(body),
  };
}

/** The names of the specs that begin in a piece of output. */
export function specsBegun(text: string): string[] {
  return [...text.matchAll(SPEC_HEAD)].map(([, containers, name]) => nameOf(containers, name));
}

function specBlocks(body: string): Map<string, string> {
  const heads = [...body.matchAll(SPEC_HEAD)];
  return new Map(
    heads.map(({ index, 1: containers, 2: name }, at) => {
      const cleaned = body
        .slice(index, heads[at + 1]?.index)
        .replace(SKIPPED_LETTERS, "$1")
        .replace(/\n{3,}/g, "\n\n")
        .replace(TRAILING_DELIMITER, "");
      return [nameOf(containers, name), `${DELIMITER}\n${cleaned}\n`];
    }),
  );
}

function nameOf(containers = "", name = ""): string {
  return `${containers}${name}`;
}

export interface LoggedSpec {
  readonly result: JunitCase;
  /** What ginkgo printed about it. */
  readonly output: string;
}

/**
 * One log of all specs that ran, in ginkgo's form: the suite's head, what was printed about each,
 * the failures, and the count of what really passed.
 */
export function composeLog(suite: string, total: number, specs: readonly LoggedSpec[]): string {
  const failed = specs.filter(({ result }) => result.state === "failed");
  const count = (state: JunitCase["state"]): number =>
    specs.filter(({ result }) => result.state === state).length;
  const seconds = specs.reduce((sum, { result }) => sum + result.seconds, 0);
  const title = `Running Suite: ${suite}`;
  const lines = [
    title,
    "=".repeat(title.length),
    "Of several processes of e2e.test, by kmips conformance; the seconds are those of all specs together.",
    `Will run ${specs.length} of ${total} specs`,
    "",
    ...specs.map(({ output }) => output),
    DELIMITER,
  ];
  if (failed.length > 0) {
    lines.push(`Summarizing ${failed.length} Failure${failed.length === 1 ? "" : "s"}:`, "");
    for (const { result } of failed) {
      const [place = ""] = (result.failure ?? "").split("\n", 1);
      lines.push(`[Fail] ${result.name}`, place, "");
    }
  }
  const skipped = total - count("passed") - count("failed");
  const verdict = failed.length === 0 ? "SUCCESS!" : "FAIL!";
  lines.push(
    `Ran ${specs.length} of ${total} Specs in ${formatSeconds(seconds)} seconds`,
    `${verdict} -- ${count("passed")} Passed | ${count("failed")} Failed | 0 Pending | ${skipped} Skipped`,
    failed.length === 0 ? "PASS" : "FAIL",
    "",
  );
  return lines.join("\n");
}
