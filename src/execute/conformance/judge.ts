/**
 * What the files of one process of e2e.test prove about the specs it was to run.
 *
 * Nothing is a result but a case in a JUnit file that was written to its end. Of a process that was
 * cut, the specs that had ended count, failures included; the one in progress and those after it do not.
 */
import { lastLines } from "../excerpt.js";
import { parseGinkgoLog } from "./ginkgo-log.js";
import { failedCase, parseJunit, type JunitCase } from "./junit.js";

/** The name that e2e.go gives its suite; ginkgo matches a focus against it too. */
export const SUITE = "Kubernetes e2e suite";
const BEFORE_SUITE = "BeforeSuite";
const LAST_LINES = 40;

/** What a process of e2e.test left. */
export interface Evidence {
  readonly log: string;
  readonly junit: string | undefined;
  /** How it ended: `exit 0`, a signal, or that it took too long. */
  readonly exit: string;
  /** kmips ended it: because kmips is to end, or because it took too long. */
  readonly ended: "cut" | "late" | undefined;
  readonly seconds: number;
}

/** A spec's case with what was printed about it. */
export interface JudgedSpec extends JunitCase {
  readonly output: string;
}

export interface Judgment {
  readonly finished: readonly JudgedSpec[];
  /** Names that e2e.test does not have. */
  readonly unknown: readonly string[];
  /**
   * It did not end as it should: which of the specs without a result is to blame, only each alone can
   * tell.
   */
  readonly isDoubtful: boolean;
  /** The whole suite, when all of it is known: its name and its specs. */
  readonly suite: { readonly name: string; readonly names: readonly string[] } | undefined;
}

/** Judges a process that was to run the specs `names`. */
export function judge(names: readonly string[], evidence: Evidence): Judgment {
  const log = parseGinkgoLog(evidence.log);
  const suite = evidence.junit === undefined ? undefined : parseJunit(evidence.junit);
  const wanted = new Set(names);
  const own = suite?.cases.filter(({ name }) => wanted.has(name)) ?? [];
  const withOutput = (one: JunitCase): JudgedSpec => ({
    ...one,
    output: log?.blocks.get(one.name) ?? `${one.name}\n${one.failure ?? ""}\n`,
  });
  const begin = suite?.cases.find(({ name }) => name === BEFORE_SUITE);
  // An interrupted ginkgo writes the cases until then, and nothing that says so.
  const isShort =
    suite !== undefined && begin === undefined && suite.cases.length < (log?.total ?? 0);
  const isCut = evidence.ended !== undefined || isShort || log?.interrupted === true;
  if (isCut && !(evidence.ended === "late" && names.length === 1)) {
    const sound = withoutLateFailure(own, log?.failures ?? 0);
    return {
      finished: sound.map(withOutput),
      unknown: [],
      isDoubtful: evidence.ended === "late",
      suite: undefined,
    };
  }
  const allPassed = own.every(({ state }) => state !== "failed");
  const isSound =
    suite !== undefined &&
    begin === undefined &&
    !isCut &&
    (evidence.exit === "exit 0" || !allPassed);
  if (isSound) {
    const seen = new Set(own.map(({ name }) => name));
    return {
      finished: own.map(withOutput),
      unknown: names.filter((name) => !seen.has(name)),
      isDoubtful: false,
      suite: { name: suite.name, names: suite.cases.map(({ name }) => name) },
    };
  }
  if (names.length > 1) return { finished: [], unknown: [], isDoubtful: true, suite: undefined };
  const why = [
    `e2e.test: ${evidence.exit}`,
    ...(suite?.cases ?? []).flatMap(({ name, failure }) =>
      failure === undefined ? [] : [`${name}: ${failure}`],
    ),
    lastLines(evidence.log, LAST_LINES),
  ].join("\n");
  return {
    finished: names.map((name) => withOutput(failedCase(SUITE, name, evidence.seconds, why))),
    unknown: [],
    isDoubtful: false,
    suite: undefined,
  };
}

/**
 * Without a failure that came with the interruption: ginkgo cleans up under the spec in progress, so
 * it may fail by that. It is the last of the file, and not among the failures printed before.
 */
function withoutLateFailure(own: readonly JunitCase[], printed: number): readonly JunitCase[] {
  const failed = own.filter(({ state }) => state === "failed");
  if (failed.length <= printed) return own;
  const late = failed.at(-1);
  return own.filter((one) => one !== late);
}
