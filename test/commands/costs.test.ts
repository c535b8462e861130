/** What images cost: budgets, and where the emulated time went. */
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { resultDigest, type Output, type Store } from "../../cache/index.js";
import { checkBudgets } from "../../src/commands/budgets.js";
import { slowNodes } from "../../src/commands/slow.js";
import type { Workspace } from "../../src/commands/index.js";
import { keyOf } from "../../src/keys/index.js";
import type { NodeOutcome } from "../../src/model/event.js";
import { EXIT, exitCodeOf } from "../../src/model/exit-code.js";
import type { BuildGraph } from "../../src/model/graph.js";
import type { Address, Budget, NodeDefinition } from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import { History } from "../../src/plan/history.js";
import { NO_CONFIG } from "../../src/model/no-config.js";
import { planBuild, type Plan } from "../../src/plan/plan.js";
import { countPlan, describeFailure, planSummary } from "../../src/report/index.js";
import { graphOf, MemoryInputs, temporaryStore } from "../support/graph.js";

const platform = platformOf("mips64le");
const config = NO_CONFIG;
const index: NodeDefinition = {
  kind: "debian-index",
  suites: ["bookworm"],
  components: ["main"],
  platform,
};

function graphWith(budget: Budget): BuildGraph {
  const base: NodeDefinition = {
    kind: "base",
    packages: "base.debian/packages",
    names: ["apt"],
    recommends: false,
    suite: "bookworm",
    variant: "minbase",
    scripts: "chrootless",
    excludePaths: [],
    keepPaths: [],
    config,
    reference: "debian:bookworm",
    platform,
    epoch: 0,
  };
  const image: NodeDefinition = {
    kind: "image",
    base: "image.x/run:stamp",
    files: [],
    directories: [],
    users: [],
    config,
    reference: "x:1",
    budget,
    platform,
    epoch: 0,
  };
  const packages = (names: readonly string[], on?: Address): NodeDefinition => ({
    kind: "packages",
    index: "base.debian/index",
    names,
    recommends: false,
    platform,
    ...(on === undefined ? {} : { on }),
  });
  const test: NodeDefinition = {
    kind: "test",
    subject: "image.x",
    files: [],
    services: [],
    steps: [{ name: "a", type: "command", env: {}, exit: 0 }],
    env: {},
    timeoutMs: 1000,
    platform,
  };
  return graphOf({
    "base.debian/index": [index],
    "base.debian/packages": [packages(["apt"]), "base.debian/index"],
    "base.debian": [base, "base.debian/packages"],
    "image.x/packages": [packages(["curl"], "base.debian"), "base.debian/index", "base.debian"],
    "image.x/install": [
      {
        kind: "install",
        base: "base.debian",
        packages: "image.x/packages",
        names: ["curl"],
        recommends: false,
        scripts: "split",
        platform,
        epoch: 0,
      },
      "base.debian",
      "image.x/packages",
    ],
    "image.x/run:stamp": [
      {
        kind: "run",
        base: "image.x/install",
        argv: ["/bin/true"],
        env: {},
        network: false,
        platform,
        epoch: 0,
      },
      "image.x/install",
    ],
    "image.x": [image, "image.x/run:stamp"],
    "image.x/test:a": [test, "image.x"],
  });
}

/** Node → sizes of its outputs, and its emulated ms. */
const RAN: Readonly<Record<Address, readonly [Readonly<Record<string, number>>, number]>> = {
  "base.debian/index": [{ "packages/bookworm/main": 10 }, 0],
  "base.debian/packages": [{ "deb/apt_1_mips64el.deb": 40 }, 0],
  "base.debian": [{ manifest: 1, "layer/0": 3000 }, 5000],
  "image.x/packages": [{ "deb/curl_7_mips64el.deb": 300, "deb/nghttp_1%3a2_all.deb": 20 }, 0],
  "image.x/install": [{ manifest: 1, "layer/0": 3000, "layer/1": 700 }, 2000],
  "image.x/run:stamp": [{ manifest: 1, "layer/0": 3000, "layer/1": 700, "layer/2": 5 }, 1000],
  "image.x": [{ manifest: 1, "layer/0": 3000, "layer/1": 700, "layer/2": 5 }, 0],
  "image.x/test:a": [{ report: 1 }, 9000],
};

let store: Store;
let history: History;
const inputs = new MemoryInputs();

beforeEach(async () => {
  store = await temporaryStore();
  history = History.open(join(store.paths.projects, "history"));
});

/** A workspace in which every node ran as `RAN` says. */
function workspaceOf(graph: BuildGraph): { workspace: Workspace; plan: Plan } {
  const plan = (): Plan => {
    const selection = [...graph.nodes.keys()];
    return planBuild({ graph, selection, store, inputs, history });
  };
  for (const [address, [sizes, emulatedMs]] of Object.entries(RAN)) {
    const { action, node } = plan().nodes.get(address)!;
    const outputs = Object.entries(sizes).map(([name, size]): Output => {
      const text = `${address} ${name}`.padEnd(size).slice(0, size);
      return { name, digest: store.putBytes(text), size };
    });
    const key = keyOf(action);
    store.putAction({
      key,
      address,
      kind: node.definition.kind,
      fields: action.fields,
      outputs,
      result: resultDigest(outputs),
      closure: outputs.map(({ digest }) => digest),
      nativeMs: 100,
      emulatedMs,
      producer: "test",
    });
    history.record(address, key, false);
  }
  return { workspace: { graph, store, history, inputs } as unknown as Workspace, plan: plan() };
}

describe("checkBudgets()", () => {
  const check = (budget: Budget) => {
    const { workspace, plan } = workspaceOf(graphWith(budget));
    const outcome: NodeOutcome = { kind: "cached", result: "", cutOff: false };
    const outcomes = new Map([...plan.nodes.keys()].map((address) => [address, outcome]));
    return checkBudgets(workspace, plan, { outcomes, executed: [], interrupted: false });
  };

  it("lets pass what is just within its limits, tests and the base's own time apart", () => {
    expect(check({ sizeBytes: 3705, emulatedMs: 3000 }).size).toBe(0);
    expect(check({}).size).toBe(0);
  });

  it("names the size, the limit and what contributes most, cached or built", () => {
    const [[address, failure] = []] = check({ sizeBytes: 3704 });
    expect(address).toBe("image.x");
    expect(failure?.reason).toEqual({
      type: "budget",
      node: "image.x",
      what: "size",
      limit: 3704,
      actual: 3705,
      largest: [
        ["base.debian", 3000],
        ["image.x/install", 700],
        ["package curl, compressed", 300],
        ["package nghttp, compressed", 20],
        ["image.x/run:stamp", 5],
      ],
    });
    expect(exitCodeOf(failure!.reason)).toBe(EXIT.buildFailed);
    const { code, headline, details } = describeFailure(failure!.reason);
    expect(`${code}: ${headline}`).toBe(
      'KM0513: "image.x" is 3.6KiB large, 1B over its budget of 3.6KiB',
    );
    expect(details[1]).toBe("     700B  image.x/install");
  });

  it("counts the emulated time of the image's own nodes", () => {
    const [[, failure] = []] = check({ emulatedMs: 2999 });
    expect(failure?.reason).toMatchObject({
      what: "emulated",
      actual: 3000,
      largest: [
        ["image.x/install", 2000],
        ["image.x/run:stamp", 1000],
      ],
    });
    expect(describeFailure(failure!.reason).headline).toBe(
      '"image.x" is 3.0s under the emulator, 1ms over its budget of 3.0s',
    );
    expect(failure?.help).toContain("kmips slow");
  });
});

describe("emulated time", () => {
  it("is listed by kmips slow, the worst first, with its share and a hint", () => {
    const { workspace } = workspaceOf(graphWith({}));
    const report = slowNodes(workspace, Object.keys(RAN));
    expect(report.emulatedMs).toBe(17_000);
    expect(report.rows.map(({ address, emulatedMs }) => `${address} ${emulatedMs}`)).toEqual([
      "image.x/test:a 9000",
      "base.debian 5000",
      "image.x/install 2000",
      "image.x/run:stamp 1000",
    ]);
    expect(report.rows[2]?.share).toBeCloseTo(2 / 17);
    expect(report.rows[2]?.hint).toBe("maintainer scripts of 2 packages");
    expect(report.rows[3]?.hint).toContain("files block");
  });

  it("stands apart in the plan, by kind of node, with what nobody knows yet", () => {
    const graph = graphWith({});
    const { workspace } = workspaceOf(graph);
    const forced = new Set(["image.x/install", "image.x/run:stamp", "image.x/test:a"]);
    const selection = [...graph.nodes.keys()];
    const plan = planBuild({ ...workspace, selection, forced });
    expect(planSummary(countPlan(plan))).toBe(
      "8 nodes: 4 cached, 1 to run, 3 waiting on them; " +
        "about 400ms native, 12.0s emulated (test 9.0s, install 2.0s, run 1.0s)",
    );
  });
});
