import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { composeLog, parseGinkgoLog } from "../../src/execute/conformance/ginkgo-log.js";
import { composeJunit, failedCase, parseJunit } from "../../src/execute/conformance/junit.js";
import { ConformanceResults, JUNIT, LOG } from "../../src/execute/conformance/results.js";
import { judge, SUITE, type Evidence } from "../../src/execute/conformance/judge.js";
import { runSpecs, type SpecEvent } from "../../src/execute/conformance/run.js";
import { focusOf, parseSpecList, runsAlone } from "../../src/execute/conformance/spec-list.js";
import type { ProcessRequest, ProcessResult } from "../../src/model/ports.js";

const PASSED = `[sig-x] Watchers should observe "add" & <b> [Conformance]`;
const SLOW = "[sig-x] Watchers should take long [Conformance]";
const FAILED = "[sig-x] Watchers should fail [Conformance]";

function sample(file: string): string {
  return readFileSync(new URL(`ginkgo/${file}`, import.meta.url), "utf8");
}

function chunksOf(text: string, size = text.length): string[] {
  return text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
}

function evidence(name: string, more: Partial<Evidence> = {}): Evidence {
  const [log, junit] = [sample(`${name}.log`), sample(`${name}.xml`)];
  return { log, junit, exit: "exit 0", ended: undefined, seconds: 1, ...more };
}

/** Name → state of what a process proved. */
function states(names: readonly string[], one: Evidence): Record<string, string> {
  return Object.fromEntries(judge(names, one).finished.map(({ name, state }) => [name, state]));
}

describe("parseSpecList()", () => {
  it("keeps names as they are, double spaces and all", () => {
    const { names, repeated } = parseSpecList("# why\n\n[sig-cli] a  [Conformance]\nb\nb\n");
    expect(names).toEqual(["[sig-cli] a  [Conformance]", "b"]);
    expect(repeated).toEqual(["b"]);
  });
});

describe("focusOf()", () => {
  it("finds the one spec, with ginkgo's name for the root or without", () => {
    const focus = new RegExp(focusOf(SUITE, "[sig-x] a (b) $1 [Conformance]"));
    expect(focus.test(`${SUITE} [Top Level] [sig-x] a (b) $1 [Conformance]`)).toBe(true);
    expect(focus.test(`${SUITE} [sig-x] a (b) $1 [Conformance]`)).toBe(true);
    expect(focus.test(`${SUITE} [Top Level] [sig-x] a (b) $1 [Conformance] more`)).toBe(false);
  });
});

describe("runsAlone()", () => {
  it("is upstream's mark", () => {
    expect(runsAlone("[sig-api-machinery] Namespaces [Serial] should ensure")).toBe(true);
    expect(runsAlone(PASSED)).toBe(false);
  });
});

describe("parseJunit()", () => {
  it("reads every case of a real file", () => {
    const suite = parseJunit(sample("both.xml"));
    expect(suite?.name).toBe(SUITE);
    expect(suite?.cases).toHaveLength(23);
    const states = Object.fromEntries(suite!.cases.map(({ name, state }) => [name, state]));
    expect(states[PASSED]).toBe("passed");
    expect(states[SLOW]).toBe("skipped");
    expect(states[FAILED]).toBe("failed");
    expect(suite?.cases.find(({ name }) => name === FAILED)?.failure).toContain(
      "Expected\n    <int>: 1\nto equal\n    <int>: 2",
    );
  });

  it("refuses a file that was not written to its end", () => {
    const text = sample("both.xml");
    expect(parseJunit(text.slice(0, text.length / 2))).toBeUndefined();
    expect(parseJunit("")).toBeUndefined();
  });
});

describe("parseJunit() of odd texts", () => {
  it("puts U+FFFD for a character that there is not", () => {
    const text = sample("both.xml").replace("should fail", "should &#xFFFFFFFF; &#9; fail");
    const names = parseJunit(text)?.cases.map(({ name }) => name);
    expect(names).toContain("[sig-x] Watchers should \ufffd \t fail [Conformance]");
  });
});

describe("composeJunit()", () => {
  it("counts what ran and keeps failures word for word", () => {
    const cases = [PASSED, FAILED].map((name, at) => {
      const file = at === 0 ? "passed.xml" : "both.xml";
      return parseJunit(sample(file))!.cases.find((one) => one.name === name)!;
    });
    const text = composeJunit(SUITE, cases, [SLOW]);
    expect(text).toContain('tests="2" failures="1" errors="0"');
    expect(text).toContain(cases[1]!.xml);
    const again = parseJunit(text);
    expect(again?.cases.map(({ name, state }) => [name, state])).toEqual([
      [PASSED, "passed"],
      [FAILED, "failed"],
      [SLOW, "skipped"],
    ]);
  });

  it("escapes a reason that no XML may hold", () => {
    const one = failedCase(SUITE, PASSED, 2, `a < b & "c"\u0000\n`);
    const again = parseJunit(composeJunit(SUITE, [one], []));
    expect(again?.cases[0]).toMatchObject({ name: PASSED, state: "failed", seconds: 2 });
    expect(again?.cases[0]?.failure).toBe(`a < b & "c"\ufffd\n`);
  });
});

describe("parseGinkgoLog()", () => {
  it("finds what was printed about each spec, without the letters of the others", () => {
    const log = parseGinkgoLog(sample("both.log"));
    expect(log).toMatchObject({ suite: SUITE, total: 23, interrupted: false, failures: 1 });
    expect([...log!.blocks.keys()]).toEqual([PASSED, FAILED]);
    expect(log?.blocks.get(PASSED)).toMatch(
      /^-{30}\n\[sig-x\] Watchers \n {2}should observe [^]*INFO: got\n•\n$/,
    );
    expect(log?.blocks.get(FAILED)).toMatch(/STEP: failing\n\n• Failure [^]*x_test\.go:13\n/);
  });

  it("sees an interruption, of which ginkgo says 2 Passed", () => {
    expect(sample("cut.log")).toContain("2 Passed | 0 Failed");
    expect(parseGinkgoLog(sample("cut.log"))?.interrupted).toBe(true);
  });

  it("knows nothing of what is no log of ginkgo", () => {
    expect(parseGinkgoLog("qemu: uncaught target signal 11\n")).toBeUndefined();
  });
});

describe("judge()", () => {
  it("calls passed what the file and the exit code call passed", () => {
    const judgment = judge([PASSED], evidence("passed"));
    expect(judgment).toMatchObject({ unknown: [], isDoubtful: false });
    expect(judgment.finished).toMatchObject([{ name: PASSED, state: "passed" }]);
    expect(judgment.finished[0]?.output).toContain("STEP: creating a watch");
    expect(judgment.suite).toMatchObject({ name: SUITE, names: { length: 23 } });
  });

  it("keeps a failure with its message beside what passed", () => {
    const both = evidence("both", { exit: "exit 1" });
    expect(states([PASSED, FAILED], both)).toEqual({ [PASSED]: "passed", [FAILED]: "failed" });
    expect(judge([FAILED], both).finished[0]?.failure).toContain("to equal");
  });

  it("doubts specs that passed in a process that failed, and blames one that ran alone", () => {
    const odd = evidence("passed", { exit: "exit 1" });
    expect(judge([PASSED, SLOW], odd)).toMatchObject({ finished: [], isDoubtful: true });
    expect(states([PASSED], odd)).toEqual({ [PASSED]: "failed" });
  });

  it("keeps of a process that was cut only the specs that had ended", () => {
    const all = [PASSED, SLOW, FAILED];
    expect(states(all, evidence("cut", { exit: "exit 1" }))).toEqual({ [PASSED]: "passed" });
    expect(states(all, evidence("cut", { ended: "cut", log: "" }))).toEqual({ [PASSED]: "passed" });
    expect(states(all, evidence("passed", { ended: "cut", junit: undefined }))).toEqual({});
  });

  it("hides no failure by an interruption, and makes none", () => {
    const both = evidence("both", { exit: "exit 1", ended: "cut" });
    expect(states([PASSED, FAILED], both)).toEqual({ [PASSED]: "passed", [FAILED]: "failed" });
    // The failure came after ginkgo had begun to clean up.
    const log = both.log.replace("• Failure [", "Received interrupt.\n• Failure [");
    expect(states([PASSED, FAILED], { ...both, log })).toEqual({ [PASSED]: "passed" });
  });

  it("calls failed what took too long, once it ran alone", () => {
    const late = evidence("cut", { ended: "late", exit: "it was ended" });
    expect(judge([PASSED, SLOW], late).isDoubtful).toBe(true);
    expect(states([PASSED, SLOW], late)).toEqual({ [PASSED]: "passed" });
    expect(states([SLOW], late)).toEqual({ [SLOW]: "failed" });
  });

  it("says that e2e.test has no such spec", () => {
    expect(judge(["[sig-x] none"], evidence("nothing"))).toMatchObject({
      finished: [],
      unknown: ["[sig-x] none"],
    });
  });

  it("blames the suite's beginning when that failed", () => {
    const [failed] = judge([PASSED], evidence("break", { exit: "exit 1" })).finished;
    expect(failed?.failure).toMatch(/BeforeSuite: .*\nno cluster/);
  });

  it("calls failed what died without a word, once it ran alone", () => {
    const log = "qemu: uncaught target signal 11 (Segmentation fault)\n";
    const dead = evidence("passed", { log, junit: undefined, exit: "SIGSEGV" });
    expect(judge([PASSED, SLOW], dead)).toMatchObject({ finished: [], isDoubtful: true });
    expect(judge([PASSED], dead).finished[0]?.failure).toMatch(/SIGSEGV\n.*uncaught target/);
  });
});

describe("composeLog()", () => {
  it("counts by results, not by ginkgo's closing lines", () => {
    const { finished } = judge([PASSED, FAILED], evidence("both", { exit: "exit 1" }));
    const specs = finished.map((result) => ({ result, output: result.output }));
    const text = composeLog(SUITE, 23, specs);
    expect(text).toMatch(/^Running Suite: Kubernetes e2e suite\n={35}\n/);
    expect(text).toContain("Will run 2 of 23 specs\n");
    expect(text.match(/^Ran /gm)).toHaveLength(1);
    expect(text).toMatch(/^Summarizing 1 Failure:\n\n\[Fail\] \[sig-x\] Watchers should fail/m);
    expect(text).toMatch(
      /\nRan 2 of 23 Specs in [\d.]+ seconds\nFAIL! -- 1 Passed \| 1 Failed \| 0 Pending \| 21 Skipped\nFAIL\n$/,
    );
  });
});

describe("runSpecs()", () => {
  let directory: string;
  let results: ConformanceResults;
  let events: string[];
  /** The specs of each process, in the order of their start. */
  let processes: string[][];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "kmips-conformance-"));
    results = new ConformanceResults(directory);
    results.open({ e2e_test: "sha256:1" }, false);
    events = [];
    processes = [];
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** An e2e.test that leaves the files of a sample for the specs of its focus. */
  function run(
    names: readonly string[],
    play: (focused: readonly string[], request: ProcessRequest) => Promise<string> | string,
    options: {
      signal?: AbortSignal;
      checkServer?: () => void;
      chunk?: number;
      steps?: number;
    } = {},
  ): Promise<string[]> {
    const { checkServer = () => undefined, steps = 1 } = options;
    const { signal = new AbortController().signal } = options;
    return runSpecs(names, {
      launcher: ["qemu"],
      e2eTest: "/bin/e2e.test",
      kubectl: "/bin/kubectl",
      kubeconfig: "/admin.conf",
      env: {},
      processes: {
        run: async (request: ProcessRequest): Promise<ProcessResult> => {
          const focus = new RegExp(request.argv[2]!.slice("--ginkgo.focus=".length));
          const focused = names.filter((one) => focus.test(`${SUITE} ${one}`));
          processes.push(focused);
          const file = await play(focused, request);
          const code = file === "passed" || file === "nothing" ? 0 : 1;
          if (file !== "dead") {
            const text = sample(`${file}.log`).replace(/^STEP: .*\n/gm, "$&".repeat(steps));
            for (const chunk of chunksOf(text, options.chunk))
              request.onOutput?.(Buffer.from(chunk), "stdout");
            writeFileSync(join(request.cwd!, JUNIT), sample(`${file}.xml`));
          }
          const rest = { killedBy: undefined, timedOut: false, stdout: "", stderr: "" };
          return { code, elapsedMs: 9, ...rest };
        },
      },
      signal,
      results,
      jobs: 1,
      checkServer,
      onEvent: (event: SpecEvent) => void events.push(`${event.type} ${event.name}`),
    });
  }

  it("keeps results, failures included, and goes on where it stopped", async () => {
    expect(await run([PASSED, FAILED], () => "both")).toEqual([]);
    expect(results.get(PASSED)?.state).toBe("passed");
    expect(results.get(FAILED)?.state).toBe("failed");
    expect(events).toEqual([
      ...[PASSED, FAILED].map((name) => `started ${name}`),
      ...[PASSED, FAILED].map((name) => `finished ${name}`),
    ]);
    results.write([PASSED, FAILED, SLOW]);
    expect(readFileSync(join(directory, LOG), "utf8")).toContain("1 Passed | 1 Failed");
    const junit = parseJunit(readFileSync(join(directory, JUNIT), "utf8"));
    expect(junit?.cases).toHaveLength(23);
    expect(junit?.cases.filter(({ state }) => state !== "skipped")).toHaveLength(2);
    const again = new ConformanceResults(directory);
    expect(again.open({ e2e_test: "sha256:1" }, false)).toBe(false);
    expect(again.get(FAILED)?.failure).toContain("to equal");
  });

  // The last 2,000 characters were kept: where they began inside of a spec's first line, the rest of
  // that line was told as one more spec.
  it.each([1, 7, 50, 2_000])("tells each spec once from chunks of %i characters", async (chunk) => {
    await run([PASSED, FAILED], () => "both", { chunk, steps: 200 });
    expect(events.filter((event) => !event.startsWith("finished"))).toEqual([
      `started ${PASSED}`,
      `started ${FAILED}`,
    ]);
  });

  it("has no result of what was cut", async () => {
    const controller = new AbortController();
    const hang = (): string => {
      controller.abort();
      return "cut";
    };
    await run([PASSED, SLOW], hang, { signal: controller.signal });
    expect(results.get(PASSED)?.state).toBe("passed");
    expect(results.get(SLOW)).toBeUndefined();
    expect(events).toContain(`cut ${SLOW}`);
  });

  it("runs the specs of a process that died one by one", async () => {
    const play = (focused: readonly string[]): string =>
      focused.length > 1 || focused[0] === SLOW ? "dead" : "passed";
    await run([PASSED, SLOW], play);
    expect(processes).toEqual([[PASSED, SLOW], [PASSED], [SLOW]]);
    expect(results.get(PASSED)?.state).toBe("passed");
    expect(results.get(SLOW)?.state).toBe("failed");
  });

  it("runs serial specs last, with nothing beside them", async () => {
    const serial = "[sig-x] Namespaces [Serial] should";
    await run([serial, PASSED], () => "dead");
    expect(processes.map((names) => names.join())).toEqual([PASSED, serial]);
  });

  it("has no result of what ran while the server ended", async () => {
    let calls = 0;
    const checkServer = (): void => {
      if (++calls > 1) throw new Error("etcd ended");
    };
    await expect(run([PASSED], () => "both", { checkServer })).rejects.toThrow("etcd ended");
    expect(results.get(PASSED)).toBeUndefined();
  });

  it("names the specs that e2e.test does not have", async () => {
    const other = "[sig-x] none";
    expect(await run([other], () => "nothing")).toEqual([other]);
    expect(results.get(other)).toBeUndefined();
  });

  it("drops the results of other programs, and of nobody knows which", async () => {
    await run([PASSED], () => "passed");
    expect(results.open({ e2e_test: "sha256:2" }, false)).toBe(true);
    expect(results.get(PASSED)).toBeUndefined();
    await run([PASSED], () => "passed");
    rmSync(join(directory, "programs.json"));
    expect(results.open({ e2e_test: "sha256:2" }, false)).toBe(false);
    expect(results.get(PASSED)).toBeUndefined();
  });
});
