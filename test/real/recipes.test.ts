/**
 * The main job on real input: the representative part of the shipped recipes, built from nothing, then
 * edited, then most of it built from nothing again; the rest is compared with what kmips.lock records.
 *
 * The tests of a file run in their order and stand on each other: a build takes minutes. KMIPS_TEST_ALL
 * makes all of it take every image, which takes hours.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import { EXIT } from "../../src/model/exit-code.js";
import type { World } from "../e2e/support.js";
import { digestsOf, type BuildData } from "../e2e/support.js";
import { REFERENCES, REPRESENTATIVE } from "../support/shipped.js";
import { isEmptyStore, recipesWorld, sharedStore } from "./support.js";

interface NodeRow {
  readonly address: string;
  readonly kind: string;
}

const ALL = (env["KMIPS_TEST_ALL"] ?? "") !== "";
/** What is built; nothing names everything. */
const SELECTION: readonly string[] = ALL ? [] : ["group.representative"];
/**
 * What is built once more from nothing. Programs of Kubernetes itself take most of the time: the
 * digests that kmips.lock records of them are of another build, which is as good as a second one.
 */
const AGAIN: readonly string[] = ALL
  ? []
  : ["agnhost", "coredns", "dnsutils", "etcd", "mounttest", "mounttest_user", "pause", "perl"];

const BBOLT_PATCH = "etcd/patches/0002-mips64x-broken-unaligned.patch";

let world: World;
let wasEmpty: boolean;
/** Reference → digest of the first build. */
let digests: Record<string, string>;

beforeAll(() => {
  wasEmpty = isEmptyStore(sharedStore());
  world = recipesWorld(sharedStore());
});
afterAll(() => world.remove());

describe("the first build", () => {
  it("makes every selected image and passes every test", async () => {
    const { code, stdout, stderr } = await world.kmips(["build", ...SELECTION, "--json"]);
    expect(code, stderr).toBe(EXIT.ok);
    const data = JSON.parse(stdout) as BuildData;
    digests = digestsOf(data);
    const references = ALL ? ["debian:bookworm", ...REFERENCES] : [...REPRESENTATIVE];
    expect(Object.keys(digests).sort()).toEqual(references.sort());
    for (const digest of Object.values(digests)) expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(data).toMatchObject({ failed: [], skipped: [] });
    if (!wasEmpty) {
      console.warn("KMIPS_TEST_STORE was not empty: what this build executed is not checked");
      return;
    }
    // More than data.executed: Dockerfiles, which decide the selection, are no part of it.
    expect(builtIn(stderr)).toBeGreaterThanOrEqual(keysIn(world));
    const nodes = await world.json<NodeRow[]>(["query", ...SELECTION]);
    const tests = nodes.filter(({ kind }) => kind === "test");
    expect(tests.length).toBeGreaterThanOrEqual(SELECTION.length === 0 ? REFERENCES.length : 7);
    for (const { address } of tests) expect(stderr).toContain(` built  ${address}  `);
  });
});

describe("the second build", () => {
  it("executes nothing and says so", async () => {
    const { code, stdout, stderr } = await world.kmips(["build", ...SELECTION]);
    expect(code).toBe(EXIT.ok);
    const all = await world.json<NodeRow[]>(["query", ...SELECTION, "--deps"]);
    const nodes = all.filter(({ kind }) => kind !== "group");
    expect(stderr).toBe(`0 of ${nodes.length} nodes executed, ${nodes.length} cached\n`);
    expect(stdout.split("\n").map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual(
      expect.arrayContaining(Object.entries(digests).map(([name, digest]) => `${name} ${digest}`)),
    );
    expect((await world.kmips(["build", ...SELECTION, "--expect-cached"])).code).toBe(EXIT.ok);
  });
});

describe("what was emulated", () => {
  it("is no base, no Go and no C: only scripts of packages, RUN steps and tests", async () => {
    const { rows } = await world.json<{ rows: { kind: string; emulatedMs: number }[] }>([
      "slow",
      ...SELECTION,
      "--limit",
      "1000",
    ]);
    const kinds = new Set(rows.filter(({ emulatedMs }) => emulatedMs > 0).map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(["install", "run", "test"]);
  });
});

describe("an edit", () => {
  /** Files as they were before the edit. */
  const saved = new Map<string, string>();
  function edit(path: string, before: string, after: string): void {
    if (!saved.has(path)) saved.set(path, world.read(path));
    world.edit(path, before, after);
  }
  afterEach(() => {
    world.write(Object.fromEntries(saved));
    saved.clear();
  });

  it("of a line of a patch is named, with the line, before anything runs", async () => {
    edit(BBOLT_PATCH, "A load from an address", "A read from an address");
    const { code, stdout, stderr } = await world.kmips(["build", ...SELECTION, "--expect-cached"]);
    expect(code).toBe(EXIT.work);
    expect(stderr).toContain("patch.edited: patches/0002-mips64x-broken-unaligned.patch +1 -1");
    expect(stdout).toMatch(/^cause .*bbolt\/patched .*0002-mips64x-broken-unaligned\.patch/m);
    expect(stdout).toMatch(/^follows +image\.etcd /m);
    expect(stdout).not.toMatch(/coredns|agnhost|pause/);
    const why = await world.output(["why", "image.etcd"]);
    expect(why).toContain("patches/0002-mips64x-broken-unaligned.patch");
    expect(why).toMatch(/^ +-A load from an address/m);
    expect(why).toMatch(/^ +\+A read from an address/m);
    expect(why).toMatch(
      /^root cause +component\.etcd\/module:github\.com\/coreos\/bbolt\/patched$/m,
    );
    expect(await world.output(["why", "image.coredns"])).toMatch(/is cached/);
  });

  it("of a comment in a patch runs the patch node alone and leaves every image as it is", async () => {
    edit(BBOLT_PATCH, "A load from an address", "A read from an address");
    const { code, stdout, stderr } = await world.kmips(["build", ...SELECTION, "--json"]);
    expect(code, stderr).toBe(EXIT.ok);
    const data = JSON.parse(stdout) as BuildData;
    expect(startedIn(stderr)).toEqual(["component.etcd/module:github.com/coreos/bbolt/patched"]);
    expect(data.executed).toBe(1);
    expect(data.cutOff).toBeGreaterThanOrEqual(4);
    expect(digestsOf(data)).toEqual(digests);
  });

  it("of a link flag changes the one image and what stands on it, whose other digests are then remembered", async () => {
    edit(
      "kubernetes/mounttest.kmips",
      `{ mounttest = "./test/images/mounttest" })`,
      `{ mounttest = "./test/images/mounttest" }) { go { ldflags -= ["-s"] } }`,
    );
    const why = await world.output(["why", "image.mounttest"]);
    expect(why).toMatch(/^root cause +component\.mounttest$/m);
    expect(why).toContain("-s");
    const { code, stdout, stderr } = await world.kmips(["build", ...SELECTION, "--json"]);
    expect(code, stderr).toBe(EXIT.ok);
    const started = startedIn(stderr);
    expect(started[0]).toBe("component.mounttest");
    expect(started).toContain("image.mounttest/test:looks-at-files");
    expect(started).toContain("image.mounttest_user/test:owns-what-it-makes");
    expect(started.filter((address) => !/mounttest(_user)?(\/|$)/.test(address))).toEqual([]);
    const changed = digestsOf(JSON.parse(stdout) as BuildData);
    const names = Object.keys(digests).filter((name) => changed[name] !== digests[name]);
    expect(names.sort()).toEqual(["mounttest-user:1.0", "mounttest:1.0"]);
  });

  it("of one package of agnhost runs exactly that install and what stands on it", async () => {
    edit("debian/debian.kmips", '"curl" -> same', '"curl" -> ["wget"]');
    const why = await world.output(["why", "image.agnhost"]);
    expect(why).toMatch(/^root cause +image\.agnhost\/3:packages$/m);
    expect(why).toContain("+wget");
    expect(why).toContain("-curl");
    const { stderr } = await world.kmips(["build", "image.agnhost/config", "--json"]);
    const started = startedIn(stderr);
    expect(started).toContain("image.agnhost/3:install");
    expect(started.filter((address) => !address.startsWith("image.agnhost/"))).toEqual([]);
    expect(started).not.toContain("image.agnhost/dockerfile");
  });

  it("that is taken back costs nothing", async () => {
    const data = await world.json<BuildData>(["build", ...SELECTION]);
    expect(data.executed).toBe(0);
    expect(digestsOf(data)).toEqual(digests);
  });

  it("of documentation, layout and reasons changes no key", async () => {
    edit("etcd/etcd.kmips", "## The key-value store", "## The store of keys and values");
    edit("etcd/templates.kmips", "A directory stands for a module", "A folder stands for a module");
    const { code, stdout } = await world.kmips(["build", ...SELECTION, "--expect-cached"]);
    expect(code, stdout).toBe(EXIT.ok);
  });
});

describe("another empty store in another place, with another umask, time zone and language", () => {
  it("gets the same digests", async () => {
    const elsewhere = recipesWorld();
    const before = process.umask(0o077);
    try {
      const { code, stdout, stderr } = await elsewhere.kmips(["build", ...AGAIN, "--json"], {
        env: { TZ: "Asia/Kathmandu", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" },
      });
      expect(code, stderr).toBe(EXIT.ok);
      expect(builtIn(stderr)).toBeGreaterThanOrEqual(keysIn(elsewhere));
      const again = Object.entries(digestsOf(JSON.parse(stdout) as BuildData));
      expect(again.length).toBeGreaterThan(AGAIN.length);
      expect(Object.entries(digests)).toEqual(expect.arrayContaining(again));
    } finally {
      process.umask(before);
      await elsewhere.remove();
    }
  });
});

describe("what kmips.lock records", () => {
  it("is of every recipe as it is, and equal to every image that was built", async () => {
    const { code, stdout, stderr } = await world.kmips(["check", "--recorded", "--json"]);
    const rows = JSON.parse(stdout) as { reference: string; state: string; built?: string }[];
    const open = rows.filter(({ state }) => state !== "current");
    expect(open.map(({ reference, state }) => `${reference}: ${state}`)).toEqual([]);
    expect(code, stderr).toBe(EXIT.ok);
    const built = rows.filter((row) => row.built !== undefined).map(({ reference }) => reference);
    expect(built).toEqual(expect.arrayContaining(Object.keys(digests)));
  });
});

describe("kmips verify", () => {
  const selection = ALL ? [] : ["pause", "mounttest", "etcd"];
  it(`finds ${selection.join(", ") || "everything"} reproducible`, async () => {
    const { code, stdout, stderr } = await world.kmips(["verify", ...selection]);
    expect(code, `${stdout}${stderr}`).toBe(EXIT.ok);
    expect(stdout).toMatch(/^\d+ nodes rebuilt elsewhere, every digest the same\n$/);
    for (const name of selection) expect(stderr).toContain(` built  image.${name}  `);
  });
});

/** How many keys have a result: nodes of one key, as the two tags of nginx have, run only once. */
function keysIn({ store }: World): number {
  const records = readdirSync(join(store, "kmips/actions"), { recursive: true });
  return records.filter((name) => /\/[0-9a-f]{64}$/.test(name as string)).length;
}

/** How many nodes a build says that it built. */
function builtIn(stderr: string): number {
  return [...stderr.matchAll(/^\[\d+\/\d+\] built /gm)].length;
}

/** Addresses that ran, sorted. */
function startedIn(stderr: string): string[] {
  return [...stderr.matchAll(/^start {2}(\S+)/gm)].map(([, address = ""]) => address).sort();
}
