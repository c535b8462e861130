/** Plans of nodes that stand on Debian packages: which package made them run. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { resultDigest, type ActionRecord, type Output, type Store } from "../../cache/index.js";
import { keyOf } from "../../src/keys/index.js";
import type { NodeDefinition } from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import { History } from "../../src/plan/history.js";
import { planBuild, type PlannedNode } from "../../src/plan/plan.js";
import { explainNode, paintFor, renderPlan, renderWhy } from "../../src/report/index.js";
import { graphOf, MemoryInputs, temporaryStore } from "../support/graph.js";

const platform = platformOf("mips64le");
const paint = paintFor({ choice: "never", env: {}, isTty: false });

class LockedInputs extends MemoryInputs {
  facts = new Map<string, string>();
  override locked(kind?: string, name?: string): string | undefined {
    return this.facts.get(`${kind} ${name}`);
  }
}

const graph = (names: readonly string[]) => {
  const index: NodeDefinition = {
    kind: "debian-index",
    suites: ["bookworm"],
    components: ["main"],
    platform,
  };
  const packages: NodeDefinition = {
    kind: "packages",
    index: "image.x/index",
    names,
    recommends: false,
    platform,
  };
  const install: NodeDefinition = {
    kind: "install",
    base: "source.base",
    packages: "image.x/packages",
    names,
    recommends: false,
    scripts: "split",
    platform,
    epoch: 0,
  };
  const base: NodeDefinition = {
    kind: "source",
    origin: { type: "git", url: "/nowhere", commit: "0".repeat(40) },
  };
  return graphOf({
    "source.base": [base],
    "image.x/index": [index],
    "image.x/packages": [packages, "image.x/index"],
    "image.x/install": [install, "source.base", "image.x/packages"],
  });
};

/** Stores a record for a planned node, as if it had run. */
function finish(
  { node, action }: PlannedNode,
  outputs: Readonly<Record<string, string>>,
  store: Store,
  history: History,
): ActionRecord {
  const list = Object.entries(outputs).map(([name, text]): Output => ({
    name,
    digest: store.putBytes(text),
    size: Buffer.byteLength(text),
  }));
  const { stored } = store.putAction({
    key: keyOf(action),
    address: node.address,
    kind: node.definition.kind,
    fields: action.fields,
    outputs: list,
    result: resultDigest(list),
    closure: list.map((output) => output.digest),
    nativeMs: 10,
    emulatedMs: node.definition.kind === "install" ? 2000 : 0,
    producer: "test",
  });
  history.record(node.address, stored.key, false);
  return stored;
}

test("the plan and why name the packages that changed, and which names were asked for", async () => {
  const store = await temporaryStore();
  const history = History.open(join(store.paths.projects, "history"));
  const inputs = new LockedInputs();
  const plan = (names: readonly string[]) =>
    planBuild({ graph: graph(names), selection: ["image.x/install"], store, inputs, history });
  const node = (address: string, names: readonly string[]): PlannedNode =>
    plan(names).nodes.get(address)!;
  const run = (address: string, names: readonly string[], outputs: Record<string, string>) =>
    finish(node(address, names), outputs, store, history);

  run("source.base", ["dig"], { manifest: "base" });
  run("image.x/index", ["dig"], { "release/bookworm": "r1", "packages/bookworm/main": "p1" });
  run("image.x/packages", ["dig"], { stanzas: "s1", "deb/dig_1%3a9.18.41_mips64el.deb": "d1" });
  run("image.x/install", ["dig"], { manifest: "m1" });
  expect(node("image.x/install", ["dig"]).decision.state).toBe("cached");

  // A name more: what it brings is known only once it is solved.
  const wanting = plan(["dig", "curl"]);
  const text = renderPlan(wanting, { paint, all: false });
  expect(text).toContain("cause    image.x/packages  packages: +curl");
  expect(text).toMatch(
    /follows {2}image\.x\/install {2}waits for image\.x\/packages {2}.*2\.0s emulated/,
  );

  run("image.x/packages", ["dig", "curl"], {
    stanzas: "s2",
    "deb/dig_1%3a9.18.41_mips64el.deb": "d1",
    "deb/curl_7.88.1_mips64el.deb": "c1",
  });
  const why = explainNode(plan(["dig", "curl"]), "image.x/install");
  expect(why.roots).toHaveLength(1);
  expect(why.followers).toEqual([]);
  expect(renderWhy(why, paint)).toContain("image.x/install would run: packages: +curl 7.88.1\n");
  run("image.x/install", ["dig", "curl"], { manifest: "m2" });

  // A moved index whose solution differs: the index is named while packages has to run,
  // the package itself once it ran.
  inputs.facts.set("deb-packages bookworm/main/mips64el", store.putBytes("p2"));
  run("image.x/index", ["dig", "curl"], {
    "release/bookworm": "r2",
    "packages/bookworm/main": "p2",
  });
  const moved = node("image.x/packages", ["dig", "curl"]).decision;
  expect(moved).toMatchObject({
    state: "invalidated",
    causes: [{ code: "index", summary: expect.stringContaining("image.x/index: deb-packages") }],
  });
  run("image.x/packages", ["dig", "curl"], {
    stanzas: "s3",
    "deb/dig_1%3a9.18.49_mips64el.deb": "d2",
    "deb/curl_7.88.1_mips64el.deb": "c1",
  });
  expect(renderPlan(plan(["dig", "curl"]), { paint, all: false })).toContain(
    "cause    image.x/install  packages: dig 1:9.18.41 -> 1:9.18.49",
  );
  run("image.x/install", ["dig", "curl"], { manifest: "m3" });

  // The same set by other names, which apt marks otherwise: the layer is another.
  run("image.x/packages", ["curl"], {
    stanzas: "s3",
    "deb/dig_1%3a9.18.49_mips64el.deb": "d2",
    "deb/curl_7.88.1_mips64el.deb": "c1",
  });
  expect(renderWhy(explainNode(plan(["curl"]), "image.x/install"), paint)).toContain(
    "image.x/install would run: packages: -asked dig\n",
  );
});
