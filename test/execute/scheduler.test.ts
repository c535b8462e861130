import { describe, expect, it } from "vitest";
import { join } from "node:path";
import { CorruptBlobError, type Digest, type Store } from "../../cache/index.js";
import { executePlan } from "../../src/execute/scheduler.js";
import type { BuildEvent, BuildReport } from "../../src/model/event.js";
import { NodeFailure } from "../../src/model/failure.js";
import type { BuildGraph } from "../../src/model/graph.js";
import type { NodeDefinition } from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import { History } from "../../src/plan/history.js";
import { planBuild, type PlannedNode } from "../../src/plan/plan.js";
import { graphOf, MemoryInputs, recordFor, temporaryStore } from "../support/graph.js";

const source = (version: string): NodeDefinition => ({
  kind: "source",
  origin: { type: "go-module", path: "example.org/x", version },
});
const patch = (from: string): NodeDefinition => ({
  kind: "patch",
  source: from,
  series: [],
  retired: [],
});
const image = (base: string): NodeDefinition => ({
  kind: "image",
  base,
  files: [{ path: "/x", content: { type: "tree", node: base, path: "" }, uid: 0, gid: 0 }],
  directories: [],
  users: [],
  config: { entrypoint: [], cmd: [], env: {}, labels: {}, ports: [], volumes: [] },
  reference: "x:1",
  platform: platformOf("mips64le"),
  epoch: 0,
});

interface Rig {
  readonly store: Store;
  readonly history: History;
  readonly inputs: MemoryInputs;
}

async function makeRig(): Promise<Rig> {
  const store = await temporaryStore();
  return { store, history: History.open(join(store.root, "history")), inputs: new MemoryInputs() };
}

interface RunOptions {
  readonly output?: (planned: PlannedNode) => string;
  readonly jobs?: number;
  readonly keepGoing?: boolean;
  readonly signal?: AbortSignal;
  readonly onRun?: (planned: PlannedNode) => void | Promise<void>;
  readonly events?: BuildEvent[];
}

async function run(rig: Rig, graph: BuildGraph, options: RunOptions = {}): Promise<BuildReport> {
  const base = { ...rig, graph };
  const plan = planBuild({ ...base, selection: [...graph.nodes.keys()] });
  return executePlan({
    ...base,
    plan,
    jobs: options.jobs ?? 2,
    keepGoing: options.keepGoing ?? false,
    signal: options.signal ?? new AbortController().signal,
    onEvent: (event) => options.events?.push(event),
    logPath: () => "",
    run: async (planned, key) => {
      await options.onRun?.(planned);
      const text = (options.output ?? ((p) => `${p.node.address} ${key}`))(planned);
      return rig.store.putAction(recordFor(planned, key, text, rig.store)).stored;
    },
  });
}

const chain = (version = "v1"): BuildGraph =>
  graphOf({
    "source.a": [source(version)],
    "component.a/patched": [patch("source.a"), "source.a"],
    "image.a": [image("component.a/patched"), "component.a/patched"],
    "source.b": [source("v9")],
  });

describe("executePlan()", () => {
  it("runs everything once, dependencies first, and nothing the second time", async () => {
    const rig = await makeRig();
    const first = await run(rig, chain());
    expect([...first.executed].sort()).toEqual([
      "component.a/patched",
      "image.a",
      "source.a",
      "source.b",
    ]);
    expect(first.executed.indexOf("source.a")).toBeLessThan(
      first.executed.indexOf("component.a/patched"),
    );
    const second = await run(rig, chain());
    expect(second.executed).toEqual([]);
  });

  it("runs exactly the path from a change", async () => {
    const rig = await makeRig();
    await run(rig, chain());
    const report = await run(rig, chain("v2"));
    expect(report.executed).toEqual(["source.a", "component.a/patched", "image.a"]);
  });

  it("stops the wave when a rebuilt result is the same as before", async () => {
    const rig = await makeRig();
    const output = (planned: PlannedNode): string =>
      planned.node.address === "source.a"
        ? planned.action.fields.map((f) => JSON.stringify(f)).join()
        : "same";
    await run(rig, chain(), { output });
    const report = await run(rig, chain("v2"), { output });
    expect(report.executed).toEqual(["source.a", "component.a/patched"]);
    expect(report.outcomes.get("image.a")).toMatchObject({ kind: "cached", cutOff: true });
  });

  it("stops starting nodes after a failure and names what it skipped", async () => {
    const rig = await makeRig();
    const fail = (planned: PlannedNode): void => {
      if (planned.node.address === "source.a") {
        throw new NodeFailure({ type: "command", what: "go", exit: "exit 1", excerpt: "" });
      }
    };
    const report = await run(rig, chain(), { jobs: 1, onRun: fail });
    expect(report.outcomes.get("source.a")?.kind).toBe("failed");
    expect(report.outcomes.get("image.a")).toEqual({ kind: "skipped", because: "source.a" });
    expect(report.outcomes.get("source.b")).toEqual({ kind: "skipped", because: undefined });
  });

  it("goes on with what does not depend on the failure when asked to", async () => {
    const rig = await makeRig();
    const fail = (planned: PlannedNode): void => {
      if (planned.node.address === "source.a") {
        throw new NodeFailure({ type: "command", what: "go", exit: "exit 1", excerpt: "" });
      }
    };
    const report = await run(rig, chain(), { jobs: 1, keepGoing: true, onRun: fail });
    expect(report.outcomes.get("source.b")?.kind).toBe("built");
  });

  it("takes a full disk for what it is, wherever it showed", async () => {
    const rig = await makeRig();
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), {
      code: "ENOSPC",
      syscall: "write",
    });
    const report = await run(rig, chain(), {
      onRun: () => {
        throw full;
      },
    });
    expect(report.outcomes.get("source.a")).toMatchObject({
      kind: "failed",
      reason: { type: "resource", errno: "ENOSPC", what: full.message },
    });
    await expect(
      run(await makeRig(), chain(), {
        onRun: () => {
          throw Object.assign(full, { code: "ENOTDIR" });
        },
      }),
    ).rejects.toBe(full);
  });

  it("never caches a failure, and says that it failed before", async () => {
    const rig = await makeRig();
    await run(rig, chain(), {
      onRun: () => {
        throw new NodeFailure({ type: "timeout", what: "go", ms: 1 });
      },
    });
    const plan = planBuild({ ...rig, graph: chain(), selection: ["source.a"] });
    const decision = plan.nodes.get("source.a")?.decision;
    expect(decision).toMatchObject({
      state: "invalidated",
      causes: [{ code: "result.failed-before" }],
    });
  });

  it("builds the producer of a damaged blob again and goes on", async () => {
    const rig = await makeRig();
    await run(rig, chain());
    const edited = graphOf({
      "source.a": [source("v1")],
      "component.a/patched": [patch("source.a"), "source.a"],
      "image.a": [
        { ...image("component.a/patched"), epoch: 7 } as NodeDefinition,
        "component.a/patched",
      ],
    });
    let damaged: Digest | undefined;
    const events: BuildEvent[] = [];
    const report = await run(rig, edited, {
      events,
      onRun: (planned) => {
        if (planned.node.address !== "image.a" || damaged !== undefined) return;
        const key = rig.history.lastBuilt("component.a/patched");
        const record = key === undefined ? undefined : rig.store.getAction(key);
        damaged = record?.outputs[0]?.digest;
        if (damaged === undefined) throw new Error("the producer has no output");
        throw new CorruptBlobError(rig.store.blobPath(damaged), damaged, damaged);
      },
    });
    expect(report.outcomes.get("image.a")?.kind).toBe("built");
    expect(events.some((event) => event.type === "warning")).toBe(true);
  });

  it("runs no more nodes at once than it may", async () => {
    const rig = await makeRig();
    const nodes: Record<string, [NodeDefinition]> = {};
    for (let i = 0; i < 20; i++) nodes[`source.s${i}`] = [source(`v${i}`)];
    let running = 0;
    let most = 0;
    await run(rig, graphOf(nodes), {
      jobs: 3,
      onRun: async () => {
        running++;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      },
    });
    expect(most).toBe(3);
  });

  it("starts nothing after an interruption", async () => {
    const rig = await makeRig();
    const controller = new AbortController();
    const report = await run(rig, chain(), {
      jobs: 1,
      signal: controller.signal,
      onRun: () => controller.abort(),
    });
    expect(report.interrupted).toBe(true);
    expect(report.executed).toHaveLength(1);
  });

  it("does not hide a bug as a failed node", async () => {
    const rig = await makeRig();
    const promise = run(rig, chain(), {
      onRun: () => {
        throw new TypeError("bug");
      },
    });
    await expect(promise).rejects.toThrow("bug");
  });
});
