import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { composeLog, parseGinkgoLog } from "../../src/execute/conformance/ginkgo-log.js";
import { composeJunit, failedCase, parseJunit } from "../../src/execute/conformance/junit.js";
import { ConformanceResults, JUNIT, LOG } from "../../src/execute/conformance/results.js";
import { judgeSpec, SUITE, type SpecEvidence } from "../../src/execute/conformance/run-spec.js";
import { runSpecs, type SpecEvent } from "../../src/execute/conformance/run.js";
import { focusOf, parseSpecList, runsAlone } from "../../src/execute/conformance/spec-list.js";
import type { ProcessRequest, ProcessResult } from "../../src/model/ports.js";

const PASSED = `[sig-x] Watchers should observe "add" & <b> [Conformance]`;
const SLOW = "[sig-x] Watchers should take long [Conformance]";
const FAILED = "[sig-x] Watchers should fail [Conformance]";

function sample(file: string): string {
  return readFileSync(new URL(`ginkgo/${file}`, import.meta.url), "utf8");
}

function evidence(name: string, more: Partial<SpecEvidence> = {}): SpecEvidence {
  return {
    log: sample(`${name}.log`),
    junit: sample(`${name}.xml`),
    succeeded: true,
    timedOut: false,
    exit: "exit 0",
    seconds: 1,
    ...more,
  };
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
    const suite = parseJunit(sample("failed.xml"));
    expect(suite?.name).toBe(SUITE);
    expect(suite?.cases).toHaveLength(23);
    const states = Object.fromEntries(suite!.cases.map(({ name, state }) => [name, state]));
    expect(states[PASSED]).toBe("skipped");
    expect(states[FAILED]).toBe("failed");
    expect(suite?.cases.find(({ name }) => name === FAILED)?.failure).toContain(
      "Expected\n    <int>: 1\nto equal\n    <int>: 2",
    );
  });

  it("refuses a file that was not written to its end", () => {
    const text = sample("failed.xml");
    expect(parseJunit(text.slice(0, text.length / 2))).toBeUndefined();
    expect(parseJunit("")).toBeUndefined();
  });
});

describe("composeJunit()", () => {
  it("counts what ran and keeps failures word for word", () => {
    const cases = [PASSED, FAILED].map((name, at) => {
      const file = at === 0 ? "passed.xml" : "failed.xml";
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
  it("leaves out the letters of what a focus left out", () => {
    const log = parseGinkgoLog(sample("slow.log"));
    expect(log).toMatchObject({ suite: SUITE, selected: 1, total: 23, interrupted: false });
    expect(log?.body).toMatch(/^Nov 25 03:00:00\.000: INFO: before\n\n-{30}\n• \[SLOW TEST:6/);
    expect(log?.body).not.toMatch(/^S+$/m);
    expect(log?.failures).toBe("");
  });

  it("takes the paragraph about a failure apart", () => {
    const log = parseGinkgoLog(sample("failed.log"));
    expect(log?.failures).toMatch(/^\[Fail\] \[sig-x\] Watchers \[It\] should fail/);
    expect(log?.body).toContain("• Failure [");
    expect(log?.body).not.toContain("Summarizing");
  });

  it("sees an interruption, of which ginkgo says 1 Passed", () => {
    expect(sample("cut.log")).toContain("1 Passed | 0 Failed");
    expect(parseGinkgoLog(sample("cut.log"))?.interrupted).toBe(true);
  });

  it("knows nothing of what is no log of ginkgo", () => {
    expect(parseGinkgoLog("qemu: uncaught target signal 11\n")).toBeUndefined();
  });
});

describe("judgeSpec()", () => {
  it("calls passed what the file and the exit code call passed", () => {
    expect(judgeSpec(PASSED, evidence("passed"))).toMatchObject({
      type: "finished",
      result: { name: PASSED, state: "passed", suite: SUITE, total: 23 },
    });
  });

  it("calls failed what passed in a process that failed", () => {
    const end = judgeSpec(PASSED, evidence("passed", { succeeded: false, exit: "exit 1" }));
    expect(end).toMatchObject({ type: "finished", result: { state: "failed" } });
  });

  it("keeps a failure with its message", () => {
    const end = judgeSpec(FAILED, evidence("failed", { succeeded: false, exit: "exit 1" }));
    expect(end).toMatchObject({ type: "finished", result: { state: "failed" } });
    expect(end.type === "finished" && end.result.failure).toContain("to equal");
  });

  it("has no result for a spec that was cut", () => {
    const cut = evidence("cut", { succeeded: false, exit: "exit 1" });
    expect(judgeSpec(SLOW, cut)).toEqual({ type: "cut" });
  });

  it("calls failed what took too long", () => {
    const late = evidence("cut", { succeeded: false, timedOut: true, exit: "it was ended" });
    expect(judgeSpec(SLOW, late)).toMatchObject({ type: "finished", result: { state: "failed" } });
  });

  it("says that e2e.test has no such spec", () => {
    expect(judgeSpec("[sig-x] other", evidence("nothing"))).toEqual({ type: "unknown" });
  });

  it("blames the suite's beginning when that failed", () => {
    const end = judgeSpec(PASSED, evidence("break", { succeeded: false, exit: "exit 1" }));
    expect(end.type === "finished" && end.result.failure).toMatch(/BeforeSuite: .*\nno cluster/);
  });

  it("calls failed what died without a word", () => {
    const log = "qemu: uncaught target signal 11 (Segmentation fault)\n";
    const dead = { log, junit: undefined, succeeded: false, exit: "SIGSEGV" };
    const end = judgeSpec(PASSED, evidence("passed", dead));
    expect(end.type === "finished" && end.result.failure).toMatch(/SIGSEGV\n.*uncaught target/);
  });
});

describe("composeLog()", () => {
  it("counts by results, not by ginkgo's closing lines", () => {
    const specs = (["passed", "failed"] as const).map((file) => {
      const name = file === "passed" ? PASSED : FAILED;
      const result = parseJunit(sample(`${file}.xml`))!.cases.find((one) => one.name === name)!;
      return { result, output: sample(`${file}.log`) };
    });
    const text = composeLog(SUITE, 23, specs);
    expect(text).toMatch(/^Running Suite: Kubernetes e2e suite\n={35}\n/);
    expect(text).toContain("Will run 2 of 23 specs\n");
    expect(text.match(/^Ran /gm)).toHaveLength(1);
    expect(text).toMatch(
      /^Summarizing 1 Failure:\n\n\[Fail\] \[sig-x\] Watchers \[It\] should fail/m,
    );
    expect(text).toMatch(
      /\nRan 2 of 23 Specs in [\d.]+ seconds\nFAIL! -- 1 Passed \| 1 Failed \| 0 Pending \| 21 Skipped\nFAIL\n$/,
    );
  });
});

describe("runSpecs()", () => {
  let directory: string;
  let results: ConformanceResults;
  let events: string[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "kmips-conformance-"));
    results = new ConformanceResults(directory);
    results.open({ e2e_test: "sha256:1" }, false);
    events = [];
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** An e2e.test that leaves the files of a sample; `hang` waits for the end of the run. */
  function run(
    plan: Readonly<Record<string, string>>,
    options: { signal?: AbortSignal; checkServer?: () => void } = {},
  ): Promise<string[]> {
    const { signal = new AbortController().signal, checkServer = () => undefined } = options;
    return runSpecs(Object.keys(plan), {
      launcher: ["qemu"],
      e2eTest: "/bin/e2e.test",
      kubectl: "/bin/kubectl",
      kubeconfig: "/admin.conf",
      env: {},
      processes: {
        run: async (request: ProcessRequest): Promise<ProcessResult> => {
          const focus = new RegExp(request.argv[2]!.slice("--ginkgo.focus=".length));
          const name = Object.keys(plan).find((one) => focus.test(`${SUITE} ${one}`))!;
          const file = plan[name]!;
          if (file === "hang")
            await new Promise((resolve) => request.signal?.addEventListener("abort", resolve));
          const shown = file === "hang" ? "cut" : file;
          request.onOutput?.(Buffer.from(sample(`${shown}.log`)), "stdout");
          writeFileSync(join(request.cwd!, JUNIT), sample(`${shown}.xml`));
          const code = shown === "passed" || shown === "slow" || shown === "nothing" ? 0 : 1;
          return {
            code,
            killedBy: undefined,
            timedOut: false,
            stdout: "",
            stderr: "",
            elapsedMs: 9,
          };
        },
      },
      signal,
      results,
      jobs: 2,
      checkServer,
      onEvent: (event: SpecEvent) => void events.push(`${event.type} ${event.name}`),
    });
  }

  it("keeps results and goes on where it stopped, failures included", async () => {
    expect(await run({ [PASSED]: "passed", [FAILED]: "failed" })).toEqual([]);
    expect(results.get(PASSED)?.state).toBe("passed");
    expect(results.get(FAILED)?.state).toBe("failed");
    results.write([PASSED, FAILED, SLOW]);
    expect(readFileSync(join(directory, LOG), "utf8")).toContain("1 Passed | 1 Failed");
    const junit = parseJunit(readFileSync(join(directory, JUNIT), "utf8"));
    expect(junit?.cases).toHaveLength(23);
    expect(junit?.cases.filter(({ state }) => state !== "skipped")).toHaveLength(2);
    const again = new ConformanceResults(directory);
    expect(again.open({ e2e_test: "sha256:1" }, false)).toBe(false);
    expect(again.get(FAILED)?.failure).toContain("to equal");
  });

  it("has no result of what was cut, and cuts nothing else", async () => {
    const controller = new AbortController();
    const running = run({ [PASSED]: "passed", [SLOW]: "hang" }, { signal: controller.signal });
    await expect.poll(() => results.get(PASSED)?.state, { timeout: 15_000 }).toBe("passed");
    controller.abort();
    await running;
    expect(results.get(SLOW)).toBeUndefined();
    expect(events).toContain(`cut ${SLOW}`);
    await run({ [SLOW]: "slow" });
    expect(results.get(SLOW)?.state).toBe("passed");
  });

  it("has no result of what ran while the server ended", async () => {
    let calls = 0;
    const checkServer = (): void => {
      if (++calls > 1) throw new Error("etcd ended");
    };
    await expect(run({ [PASSED]: "failed" }, { checkServer })).rejects.toThrow("etcd ended");
    expect(results.get(PASSED)).toBeUndefined();
  });

  it("names the specs that e2e.test does not have", async () => {
    expect(await run({ [SLOW]: "nothing" })).toEqual([SLOW]);
    expect(results.get(SLOW)).toBeUndefined();
  });

  it("drops the results of other programs", async () => {
    await run({ [PASSED]: "passed" });
    expect(results.open({ e2e_test: "sha256:2" }, false)).toBe(true);
    expect(results.get(PASSED)).toBeUndefined();
  });
});
