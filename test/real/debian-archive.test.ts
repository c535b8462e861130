/**
 * What becomes of a build when its archive is wrong, has moved on or is gone: real apt and gpgv
 * against a small archive on loopback, which is made by Debian's own tools.
 */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { parseStanzas } from "../../src/debian/package-stanza.js";
import { runDebianIndex } from "../../src/execute/actions/debian-index.js";
import { runPackages } from "../../src/execute/actions/packages.js";
import type { ActionContext, ActionOutcome, LockFacts } from "../../src/execute/context.js";
import type { FailureReason } from "../../src/model/failure.js";
import type { DebianIndexDefinition, PackagesDefinition } from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import { openRig, type Rig } from "../execute/rig.js";
import { DebianArchive } from "../support/debian-archive.js";

const platform = platformOf("mips64le");
const INDEX = "base.x/index";
const SUNDAY = "Sun, 01 Nov 2026 00:00:00 UTC";
const MONDAY = "Mon, 02 Nov 2026 00:00:00 UTC";

let directory: string;
let archive: DebianArchive;
let mirror: string;
const rigs: Rig[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "kd-"));
  archive = new DebianArchive(join(directory, "a"));
  mirror = await archive.serve();
});

afterEach(async () => {
  await archive.close();
  for (const rig of rigs.splice(0)) await rig.store.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A rig with an empty store, as of another machine. */
async function machine(
  extra: Readonly<Record<string, string>> = {},
  store = join(directory, `store${String(rigs.length)}`),
): Promise<Rig> {
  const environment = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const rig = await openRig(store, {
    ...environment,
    KMIPS_DEBIAN_MIRROR: mirror,
    ...extra,
  });
  rigs.push(rig);
  return rig;
}

function index(overrides: Partial<DebianIndexDefinition> = {}): DebianIndexDefinition {
  return {
    kind: "debian-index",
    suites: ["sid"],
    components: ["main"],
    keyring: archive.keyring,
    platform,
    ...overrides,
  };
}

function packages(
  names: readonly string[],
  overrides: Partial<PackagesDefinition> = {},
): PackagesDefinition {
  return { kind: "packages", index: INDEX, names, recommends: false, platform, ...overrides };
}

/** The facts that a build adds to kmips.lock for these outcomes. */
function lockOf(...outcomes: readonly ActionOutcome[]): { readonly lock: LockFacts } {
  const facts = new Map<string, string>();
  for (const { name, digest } of outcomes.flatMap(({ outputs }) => outputs)) {
    const [kind, suite, component] = name.split("/");
    if (kind === "release") facts.set(`deb-release ${suite!}`, digest);
    if (kind === "packages") facts.set(`deb-packages ${suite!}/${component!}/mips64el`, digest);
  }
  return {
    lock: { lockedSum: () => undefined, locked: (kind, name) => facts.get(`${kind} ${name}`) },
  };
}

async function runIndex(
  rig: Rig,
  overrides: Partial<ActionContext> = {},
  node = index(),
): Promise<ActionOutcome> {
  const outcome = await runDebianIndex(node, rig.context(INDEX, overrides));
  rig.finish(INDEX, node, outcome);
  return outcome;
}

function runSet(
  rig: Rig,
  node: PackagesDefinition,
  overrides: Partial<ActionContext> = {},
): Promise<ActionOutcome> {
  return runPackages(node, rig.context("image.x/packages", overrides));
}

/** The failure of a run that must fail. */
async function failure(
  run: Promise<unknown>,
): Promise<{ readonly reason: FailureReason; readonly help: string | undefined }> {
  const error: unknown = await run.then(
    () => new Error("it did not fail"),
    (error: unknown) => error,
  );
  if (!(error instanceof Error) || !("reason" in error)) throw error;
  return error as unknown as { reason: FailureReason; help: string | undefined };
}

describe("the lists", () => {
  it("are those of the lock: from the store without a request, or from the archive", async () => {
    archive.add("tool", "1.0");
    archive.publish("sid", SUNDAY);
    const rig = await machine();
    const first = await runIndex(rig);
    expect(first.outputs.map(({ name }) => name)).toEqual(["release/sid", "packages/sid/main"]);

    archive.requests.length = 0;
    expect((await runIndex(rig, { ...lockOf(first), offline: true })).outputs).toEqual(
      first.outputs,
    );
    expect(archive.requests).toEqual([]);
    expect((await runIndex(await machine(), lockOf(first))).outputs).toEqual(first.outputs);
  });

  it("stay when the archive only signs them anew", async () => {
    archive.add("tool", "1.0");
    archive.publish("sid", SUNDAY);
    const first = await runIndex(await machine());
    archive.publish("sid", MONDAY);
    const rig = await machine();
    const list = first.outputs.filter(({ name }) => name.startsWith("packages/"));
    expect((await runIndex(rig, lockOf(first))).outputs).toEqual(list);
    // The store never had the locked InRelease, and needs none.
    expect((await runIndex(rig, { ...lockOf(first), offline: true })).outputs).toEqual(list);
  });

  it("are not replaced by later ones", async () => {
    archive.add("tool", "1.0");
    archive.publish("sid", SUNDAY);
    const old = await machine();
    const first = await runIndex(old);
    archive.add("tool", "1.1");
    archive.publish("sid", MONDAY);

    const { reason, help } = await failure(runIndex(await machine(), lockOf(first)));
    expect(reason).toMatchObject({
      type: "network",
      what: "The locked package list sid/main",
      excerpt: expect.stringContaining("the archive has moved on") as string,
    });
    expect(help).toContain(`kmips update ${INDEX}`);
    expect((await runIndex(old, lockOf(first))).outputs).toEqual(first.outputs);
  });

  it("of an earlier state are fetched by their digest in the locked InRelease", async () => {
    archive.add("tool", "1.0");
    archive.publish("sid", SUNDAY);
    const old = await machine();
    const first = await runIndex(old);
    archive.add("tool", "1.1");
    archive.publish("sid", MONDAY);
    const rig = await machine();
    rig.store.putBytes(old.store.readBytes(first.outputs[0]!.digest));
    expect((await runIndex(rig, lockOf(first))).outputs).toEqual(first.outputs);
    expect(archive.requests.at(-1)).toMatch(/\/by-hash\/SHA256\/[0-9a-f]{64}$/);
  });

  it("are refused when another key signed them, or when they were changed", async () => {
    archive.add("tool", "1.0");
    archive.publish("sid", SUNDAY);
    const { reason } = await failure(
      runIndex(
        await machine(),
        {},
        { ...index(), keyring: "/usr/share/keyrings/debian-archive-keyring.gpg" },
      ),
    );
    expect(reason).toMatchObject({
      type: "command",
      exit: "refused",
      excerpt: expect.stringContaining("NO_PUBKEY") as string,
    });

    const file = join(archive.root, "dists/sid/InRelease");
    writeFileSync(
      file,
      archive.read("dists/sid/InRelease").replace("Origin: Test", "Origin: Evil"),
    );
    const changed = await failure(runIndex(await machine()));
    expect(changed.reason).toMatchObject({
      type: "command",
      exit: "refused",
    });

    archive.publish("sid", SUNDAY);
    const list = "dists/sid/main/binary-mips64el";
    const sum = / ([0-9a-f]{64}) \d+ \S+\/Packages\.xz$/m.exec(
      archive.read("dists/sid/InRelease"),
    )![1]!;
    for (const file of ["Packages.xz", `by-hash/SHA256/${sum}`])
      archive.write(join(archive.root, list), file, "not the list");
    expect((await failure(runIndex(await machine()))).reason.type).toBe("network");
  });

  it("must exist in the first suite, and may lack in the others", async () => {
    archive.add("tool", "1.0");
    archive.publish("sid", SUNDAY);
    archive.publish("sid-updates", SUNDAY, ["amd64"]);
    const outcome = await runIndex(await machine(), {}, index({ suites: ["sid", "sid-updates"] }));
    expect(outcome.notes).toEqual(['suite "sid-updates" has no packages of "main" for mips64el']);
    // What the locked InRelease does not offer is not looked for again.
    const again = index({ suites: ["sid", "sid-updates"] });
    expect(
      await runIndex(rigs.at(-1)!, { ...lockOf(outcome), offline: true }, again),
    ).toMatchObject({
      outputs: outcome.outputs,
      notes: outcome.notes,
    });

    const lacking = await failure(
      runIndex(await machine(), {}, index({ suites: ["sid-updates"] })),
    );
    expect(lacking.reason).toMatchObject({
      type: "command",
      excerpt: "architectures: amd64\ncomponents: main",
    });
    const absent = await failure(runIndex(await machine(), {}, index({ suites: ["sud"] })));
    expect(absent.reason).toMatchObject({ type: "network", what: `Suite "sud" of ${mirror}` });
  });

  it("cannot be had offline or from a dead mirror, which is given up soon", async () => {
    const offline = await failure(runIndex(await machine(), { offline: true }));
    expect(offline.reason).toMatchObject({
      type: "network",
      what: `Suite "sid" for ${INDEX}`,
      excerpt: expect.stringContaining(
        "Packages of sid/main/mips64el: not in kmips.lock yet",
      ) as string,
    });
    const dead = `http://127.0.0.1:${String(await freePort())}`;
    const { reason, help } = await failure(runIndex(await machine({ KMIPS_DEBIAN_MIRROR: dead })));
    expect(reason).toMatchObject({ type: "network", what: `Suite "sid" of ${dead}` });
    expect(reason).toMatchObject({
      excerpt: expect.stringContaining("Connection refused") as string,
    });
    expect(help).toContain("KMIPS_DEBIAN_MIRROR");
  });

  it("come from the archive that the machine's apt names", async () => {
    archive.add("tool", "1.0");
    archive.publish("sid", SUNDAY);
    const parts = join(directory, "parts");
    archive.write(parts, "third.list", `deb http://127.0.0.1:1/other sid stable\n`);
    archive.write(
      parts,
      "own.sources",
      `Types: deb\nURIs: ${mirror}/\nSuites: sid\nComponents: main\n`,
    );
    const config = join(directory, "apt.conf");
    writeFileSync(
      config,
      `Dir::Etc::sourcelist "${directory}/none"; Dir::Etc::sourceparts "${parts}";`,
    );
    const rig = await machine({ KMIPS_DEBIAN_MIRROR: "", APT_CONFIG: config });
    expect((await runIndex(rig)).outputs).toHaveLength(2);
    const unknown = await failure(runIndex(rig, {}, index({ suites: ["sud"] })));
    expect(unknown.reason).toMatchObject({ type: "network", what: 'Debian suite "sud"' });
  });
});

describe("a set of packages", () => {
  it("is what the names need, in install order, and nothing that is only recommended", async () => {
    archive.add("tool", "1:2.0-1", { depends: "libtool (>= 1)", recommends: "doc" });
    archive.add("libtool", "1.5", { depends: "data" });
    archive.add("data", "3", { architecture: "all" });
    archive.add("doc", "1", { architecture: "all" });
    archive.publish("sid", SUNDAY);
    const rig = await machine();
    await runIndex(rig);
    const { outputs } = await runSet(rig, packages(["tool"]));
    expect(outputs.map(({ name }) => name)).toEqual([
      "stanzas",
      "deb/data_3_all.deb",
      "deb/libtool_1.5_mips64el.deb",
      "deb/tool_1%3a2.0-1_mips64el.deb",
    ]);
    const stanzas = parseStanzas(rig.store.readBytes(outputs[0]!.digest).toString("utf8"));
    expect(stanzas.map(({ name }) => name)).toEqual(["data", "libtool", "tool"]);
    const more = await runSet(rig, packages(["tool"], { recommends: true }));
    expect(more.outputs.map(({ name }) => name)).toContain("deb/doc_1_all.deb");
    expect((await runSet(rig, packages([]))).outputs).toHaveLength(1);
  });

  it("adds to what a root file system has, and needs one of Debian", async () => {
    archive.add("tool", "2.0", { depends: "libtool (>= 1.4), data" });
    archive.add("libtool", "1.5");
    archive.add("data", "3", { architecture: "all" });
    archive.publish("sid", SUNDAY);
    const rig = await machine();
    await runIndex(rig);
    const status = ["libtool 1.4 mips64el", "data 3 all"]
      .map((line) => line.split(" "))
      .map(
        ([name, version, arch]) =>
          `Package: ${name!}\nStatus: install ok installed\nMaintainer: T <t@example.org>\nArchitecture: ${arch!}\nVersion: ${version!}\nDescription: x\n`,
      )
      .join("\n");
    finishRoot(rig, "base.x", { "var/lib/dpkg/status": status });
    const { outputs } = await runSet(rig, packages(["tool"], { on: "base.x" }));
    expect(outputs.map(({ name }) => name)).toEqual(["stanzas", "deb/tool_2.0_mips64el.deb"]);

    finishRoot(rig, "image.scratch", { "etc/motd": "hello\n" });
    const { reason } = await failure(runSet(rig, packages(["tool"], { on: "image.scratch" })));
    expect(reason).toMatchObject({ type: "command", exit: "it is no Debian root file system" });
  });

  it("that cannot be is explained by apt", async () => {
    archive.add("tool", "2.0", { depends: "libtool (>= 9)" });
    archive.add("libtool", "1.5");
    archive.publish("sid", SUNDAY);
    const rig = await machine();
    await runIndex(rig);
    const { reason } = await failure(runSet(rig, packages(["tool"])));
    expect(reason).toMatchObject({
      type: "command",
      excerpt: expect.stringMatching(/tool : Depends: libtool \(>= 9\)/) as string,
    });
  });

  it("comes from the store alone when it was fetched once", async () => {
    archive.add("tool", "1.0", { depends: "libtool" });
    archive.add("libtool", "1.5");
    archive.publish("sid", SUNDAY);
    const rig = await machine();
    await runIndex(rig);
    const first = await runSet(rig, packages(["tool"]));
    archive.requests.length = 0;
    expect((await runSet(rig, packages(["tool"]), { offline: true })).outputs).toEqual(
      first.outputs,
    );
    expect(archive.requests).toEqual([]);

    const deb = first.outputs.find(({ name }) => name.startsWith("deb/libtool"))!;
    rmSync(rig.store.blobPath(deb.digest), { force: true });
    const { reason } = await failure(runSet(rig, packages(["tool"]), { offline: true }));
    expect(reason).toEqual({
      type: "network",
      what: "libtool_1.5_mips64el.deb for image.x/packages",
      excerpt: `not in the store, and nothing may be fetched (--offline):\nlibtool_1.5_mips64el.deb ${deb.digest}`,
    });
    expect((await runSet(rig, packages(["tool"]))).outputs).toEqual(first.outputs);
  });

  it("fails by name for a file that the archive dropped or changed, and for a dead mirror", async () => {
    const tool = archive.add("tool", "1:1.0+b1~x", { depends: "libtool" });
    archive.add("libtool", "1.5");
    archive.publish("sid", SUNDAY);
    const rig = await machine();
    await runIndex(rig);

    archive.write(archive.root, tool, "not the package");
    const changed = await failure(runSet(rig, packages(["tool"])));
    const received = createHash("sha256").update("not the package").digest("hex");
    expect(changed.reason).toMatchObject({
      actual: `sha256:${received}`,
      type: "checksum",
      what: "tool_1%3a1.0+b1~x_mips64el.deb",
    });

    archive.drop(tool);
    const dropped = await failure(runSet(rig, packages(["tool"])));
    expect(dropped.reason).toMatchObject({
      type: "network",
      what: "tool_1%3a1.0+b1~x_mips64el.deb",
      excerpt: expect.stringContaining("the live archive has dropped it") as string,
    });
    expect(dropped.help).toContain(`kmips update ${INDEX}`);
    // What came is kept.
    archive.requests.length = 0;
    await failure(runSet(rig, packages(["tool"])));
    expect(archive.requests.some((path) => path.includes("libtool"))).toBe(false);

    const dead = { ...env, KMIPS_DEBIAN_MIRROR: `http://127.0.0.1:${String(await freePort())}` };
    const gone = await failure(runSet(rig, packages(["tool"]), { environment: dead }));
    expect(gone.reason).toMatchObject({
      type: "network",
      what: `tool_1%3a1.0+b1~x_mips64el.deb of ${dead.KMIPS_DEBIAN_MIRROR}`,
      excerpt: expect.stringContaining("Connection refused") as string,
    });
  });

  it("that does not fit on the disk is a lack of space, and leaves no part of it", async () => {
    const small = mountSmall("size=12m");
    if (small === undefined) {
      console.log("skipped: mounting a tmpfs needs root");
      return;
    }
    archive.add("tool", "1.0", { content: randomBytes(16 * 1024 * 1024) });
    archive.publish("sid", SUNDAY);
    const rig = await machine({}, join(small, "store"));
    await runIndex(rig);
    const { reason } = await failure(runSet(rig, packages(["tool"])));
    expect(reason).toMatchObject({ type: "resource", errno: "ENOSPC", path: rig.store.root });
    expect((await rig.store.verifyStore()).damaged).toEqual([]);
    await rigs.pop()!.store.close();
  });

  it("is refused when kmips.lock knows a package by another digest", async () => {
    archive.add("tool", "1.0");
    archive.publish("sid", SUNDAY);
    const rig = await machine();
    await runIndex(rig);
    const other = `sha256:${"0".repeat(64)}`;
    const lock: LockFacts = {
      lockedSum: () => undefined,
      locked: (kind, name) => (kind === "deb" && name === "tool 1.0 mips64el" ? other : undefined),
    };
    const { reason } = await failure(runSet(rig, packages(["tool"]), { lock }));
    expect(reason).toMatchObject({ type: "checksum", expected: other });
  });
});

/** Declares an image of one layer with these files. */
function finishRoot(rig: Rig, address: string, files: Readonly<Record<string, string>>): void {
  const layer = rig.store.writeTree(
    Object.entries(files).map(([path, text]) => ({
      path,
      type: "file" as const,
      content: Buffer.from(text),
    })),
  );
  rig.finish(
    address,
    { kind: "group", members: [] },
    { outputs: [{ name: "layer/0", ...layer }], nativeMs: 0, emulatedMs: 0 },
  );
}

/** Mounts a small file system for one test; undefined when this user may not. */
function mountSmall(options: string): string | undefined {
  const path = mkdtempSync(join(tmpdir(), "kd-small-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync("umount", [path]));
  return path;
}

/** A port of loopback where nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
