import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { digestOf, resultDigest, type Output, type Store } from "../../cache/index.js";
import { recordFacts } from "../../src/commands/record-facts.js";
import { RememberedTexts } from "../../src/commands/remembered-texts.js";
import type { Workspace } from "../../src/commands/index.js";
import { DiskFileReader } from "../../src/host/index.js";
import { keyOf } from "../../src/keys/index.js";
import type { NodeOutcome } from "../../src/model/event.js";
import { platformOf } from "../../src/model/platform.js";
import { History } from "../../src/plan/history.js";
import { parseLock, type LockFile } from "../../src/plan/lock-file.js";
import { planBuild, type Plan } from "../../src/plan/plan.js";
import { graphOf, MemoryInputs, temporaryStore } from "../support/graph.js";

const platform = platformOf("mips64le");
const INDEX = "base.x/index";
const graph = graphOf({
  [INDEX]: [{ kind: "debian-index", suites: ["bookworm"], components: ["main"], platform }],
  "base.x/packages": [
    { kind: "packages", index: INDEX, names: ["curl"], recommends: false, platform },
    INDEX,
  ],
});

class LockedInputs extends MemoryInputs {
  lock: LockFile = { facts: new Map() };
  override locked(kind?: string, name?: string): string | undefined {
    return this.lock.facts.get(`${kind} ${name}`);
  }
}

let store: Store;
let root: string;
let inputs: LockedInputs;
let history: History;
const warnings: string[] = [];

beforeEach(async () => {
  store = await temporaryStore();
  root = mkdtempSync(join(tmpdir(), "kmips-facts-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  inputs = new LockedInputs();
  history = History.open(join(store.paths.projects, "history"));
  warnings.length = 0;
});

const planned = (): Plan =>
  planBuild({ graph, selection: ["base.x/packages"], store, inputs, history });

function finish(address: string, contents: Readonly<Record<string, string>>): void {
  const { action, node } = planned().nodes.get(address)!;
  const outputs = Object.entries(contents).map(([name, text]): Output => ({
    name,
    digest: store.putBytes(text),
    size: Buffer.byteLength(text),
  }));
  const key = keyOf(action);
  store.putAction({
    key,
    address,
    kind: node.definition.kind,
    fields: action.fields,
    outputs,
    result: resultDigest(outputs),
    closure: outputs.map(({ digest }) => digest),
    nativeMs: 1,
    emulatedMs: 0,
    producer: "test",
  });
  history.record(address, key, false);
}

function record(at = root): void {
  finish(INDEX, { "release/bookworm": "R", "packages/bookworm/main": "P" });
  finish("base.x/packages", { stanzas: "S", "deb/curl_1%3a7~rc1-1_mips64el.deb": "D" });
  const plan = planned();
  const built: NodeOutcome = { kind: "built", result: "", nativeMs: 1, emulatedMs: 0 };
  const outcomes = new Map([...plan.nodes.keys()].map((address) => [address, built]));
  const environment = { root: at, shipped: "/nowhere" };
  const texts = new RememberedTexts(new DiskFileReader());
  recordFacts(
    { graph, store, inputs, history, environment, texts } as unknown as Workspace,
    plan,
    { outcomes, executed: [], interrupted: false },
    (message) => warnings.push(message),
  );
}

const LOCK = [
  `deb curl 1:7~rc1-1 mips64el ${digestOf("D")}`,
  `deb-packages bookworm/main/mips64el ${digestOf("P")}`,
  `deb-release bookworm ${digestOf("R")}`,
];

test("facts are added sorted, and everything is cached under the keys that they make", () => {
  record();
  expect(readFileSync(join(root, "kmips.lock"), "utf8")).toBe(`${LOCK.join("\n")}\n`);
  const { decision, action } = planned().nodes.get(INDEX)!;
  expect(decision.state).toBe("cached");
  expect(action.fields.map(({ name }) => name)).toContain("deb-release bookworm");
  expect(planned().nodes.get("base.x/packages")?.decision.state).toBe("cached");
  expect(history.lastBuilt(INDEX)).toBe(keyOf(action));
  expect(store.vaultEntries().map(({ key }) => key)).toContain(keyOf(action));
});

test("a fact that is there stays as it is, whoever wrote it", () => {
  const own = `deb-release bookworm ${digestOf("another")}`;
  writeFileSync(join(root, "kmips.lock"), `gomod a v1 h1:x=\n${own}\n`);
  record();
  expect(readFileSync(join(root, "kmips.lock"), "utf8")).toBe(
    `${[LOCK[0], LOCK[1], own, "gomod a v1 h1:x="].join("\n")}\n`,
  );
});

test("a lock that somebody is merging is left to them", () => {
  const text = `<<<<<<< ours\ngomod a v1 h1:x=\n=======\n`;
  writeFileSync(join(root, "kmips.lock"), text);
  record();
  expect(readFileSync(join(root, "kmips.lock"), "utf8")).toBe(text);
  expect(warnings).toEqual([expect.stringMatching(/line 1: not a fact.*; 3 facts/)]);
});

test("facts of the shipped recipes' lock are known", () => {
  inputs.lock = parseLock(LOCK.join("\n")).lock;
  record();
  expect(existsSync(join(root, "kmips.lock"))).toBe(false);
});

test("a project that cannot be written is warned about, and nothing is keyed anew", () => {
  const gone = join(root, "gone");
  mkdirSync(gone);
  rmSync(gone, { recursive: true });
  record(gone);
  expect(warnings).toEqual([expect.stringMatching(/cannot be written \(ENOENT\): 3 facts/)]);
  const { action } = planned().nodes.get(INDEX)!;
  expect(action.fields.map(({ name }) => name)).not.toContain("deb-release bookworm");
  expect(planned().nodes.get(INDEX)?.decision.state).toBe("cached");
});
