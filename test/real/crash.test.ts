/**
 * A build that ends at any moment: killed, interrupted, without space, without a reader. The next
 * run finishes with the digests of an undisturbed build, and nothing is left to clean up by hand.
 */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env, getuid } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EXIT } from "../../src/model/exit-code.js";
import { sampleProject } from "../e2e/sample.js";
import {
  digestsOf,
  KMIPS,
  mountsOf,
  output,
  processesLeft,
  randomNumbers,
  removeAll,
  run,
  World,
} from "../e2e/support.js";

interface StoreReport {
  readonly damaged: readonly unknown[];
  readonly foreign: readonly string[];
}

const ROUNDS = 50;
/** What a killed build's children may need to notice it. */
const PATIENCE_MS = 5_000;

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.remove());

async function expectWholeStore(options: { readonly store?: string } = {}): Promise<void> {
  const report = await world.json<StoreReport>(["verify", "--store"], options);
  expect(report).toMatchObject({ damaged: [], foreign: [] });
}

describe("kill -9", () => {
  it(`leaves a store that the next run finishes from, at ${ROUNDS} random moments`, async () => {
    const seed = Number(env["KMIPS_TEST_SEED"] ?? Date.now() % 1_000_000);
    console.log(`KMIPS_TEST_SEED=${seed}`);
    const random = randomNumbers(seed);
    const undisturbed = join(world.root, "undisturbed");
    let killed = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      // Every round has new inputs, so that there is always everything to do.
      world.write(sampleProject(round));
      const began = performance.now();
      const expected = digestsOf(await world.build({ store: undisturbed }));
      const wholeMs = performance.now() - began;

      const victim = world.start(["build"]);
      const afterMs = random() * wholeMs;
      await Promise.race([delay(afterMs), victim.ended]);
      victim.child.kill("SIGKILL");
      const { code } = await victim.ended;
      if (code === undefined) killed++;
      const message = `round ${round} of seed ${seed}, killed after ${Math.round(afterMs)} ms`;
      expect(await processesLeft(world.root, PATIENCE_MS), message).toEqual([]);
      expect(mountsOf(world.root), message).toEqual([]);
      if (round % 10 === 0) await expectWholeStore();

      const next = await world.kmips(["build", "--json"]);
      expect(next.code, `${message}\n${next.stderr}`).toBe(EXIT.ok);
      expect(digestsOf(JSON.parse(next.stdout) as never), message).toEqual(expected);
    }
    // Otherwise the moments were no test of anything.
    expect(killed).toBeGreaterThan(ROUNDS / 2);
    await expectWholeStore();
    expect((await world.kmips(["build", "--expect-cached"])).code).toBe(EXIT.ok);
  });
});

describe("Ctrl-C", () => {
  it.each([
    ["SIGINT", EXIT.interrupted],
    ["SIGTERM", EXIT.terminated],
  ] as const)("ends what runs by %s and leaves the store whole", async (signal, exitCode) => {
    // A test that takes longer than the test has patience.
    const project = (seconds: number): Record<string, string> => ({
      "nap.c": `#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) { sleep(argc > 1 ? atoi(argv[1]) : 0); return 0; }
`,
      "project.kmips": `kmips 1
import "kmips:toolchain/cc.kmips"
project { name = "nap", targets = [mips64le] }
source nap { files = ["nap.c"] }
component nap {
  source = source.nap
  c { toolchain = toolchain.cc, programs = { nap = ["nap.c"] }, flags = ["-static"] }
}
image nap {
  files { "/nap" -> component.nap.nap }
  test "naps" { cmd = ["/nap", "${seconds}"], timeout = 120s }
}
`,
    });
    world.write(project(100));
    const running = world.start(["build"]);
    await running.says("start  image.nap/test:naps");
    running.child.kill(signal);
    const { code, stderr } = await Promise.race([
      running.ended,
      delay(PATIENCE_MS).then(() => ({ code: "still running", stderr: "" })),
    ]);
    expect(code, stderr).toBe(exitCode);
    expect(stderr).not.toContain("bug in kmips");
    expect(await processesLeft(world.root, PATIENCE_MS)).toEqual([]);
    expect(mountsOf(world.root)).toEqual([]);
    await expectWholeStore();

    world.write(project(0));
    const { executed, failed } = await world.build();
    // Only the test itself: what was done before the interruption counts.
    expect({ executed, failed }).toEqual({ executed: 1, failed: [] });
  });
});

describe("two at the same time", () => {
  it("both finish, with the same digests, and neither does what the other did", async () => {
    for (let round = 1; round <= 5; round++) {
      world.write(sampleProject(round));
      const [a, b] = await Promise.all([world.build(), world.build()]);
      expect(digestsOf(a)).toEqual(digestsOf(b));
      expect(digestsOf(a)).toEqual(
        digestsOf(await world.build({ store: join(world.root, "undisturbed") })),
      );
      expect(a.failed.length + b.failed.length).toBe(0);
      expect(a.nodes).toBe(b.nodes);
    }
    await expectWholeStore();
  });
});

describe("a reader that goes away", () => {
  it.each([
    ["of a list", `"$0" query | head -1`],
    ["of help", `"$0" --help | head -1`],
    ["of a build's progress", `"$0" build 2>&1 | head -1`],
  ])("%s ends kmips quietly", async (_of, pipeline) => {
    world.write(sampleProject(1));
    const { stderr, stdout } = await run(["sh", "-c", pipeline, KMIPS], {
      cwd: world.project,
      env: { KMIPS_STORE: world.store, KMIPS_PROGRESS: "plain" },
    });
    expect(stdout.trim().split("\n")).toHaveLength(1);
    expect(stderr).toBe("");
    expect(await processesLeft(world.root, PATIENCE_MS)).toEqual([]);
    expect((await world.kmips(["build"])).code).toBe(EXIT.ok);
  });
});

/** Why no file system can be mounted here, or undefined. */
async function mountProblem(): Promise<string | undefined> {
  if (getuid?.() !== 0) return "not root, so nothing can be mounted";
  const place = mkdtempSync(join(tmpdir(), "kmips-mount-"));
  const { code, stderr } = await run(["mount", "-t", "tmpfs", "tmpfs", place]);
  if (code === 0) await output(["umount", place]);
  rmSync(place, { recursive: true });
  return code === 0 ? undefined : `mount failed: ${stderr.trim()}`;
}

const problem = await mountProblem();
if (problem !== undefined) console.warn(`skipped: tests with a full or read-only disk, ${problem}`);

describe.skipIf(problem !== undefined)("a file system", () => {
  let disk: string;
  beforeEach(async () => {
    disk = join(world.root, "disk");
    mkdirSync(disk);
    await output(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk]);
  });
  afterEach(() => output(["umount", "--recursive", disk]).then(() => undefined));

  it("that is full fails the build with its path; with space again the same command succeeds", async () => {
    world.write({
      "big.c": `static const char filler[12 << 20] = {1};
int main(int argc, char **argv) { (void)argv; return filler[argc]; }
`,
      "project.kmips": `kmips 1
import "kmips:toolchain/cc.kmips"
project { name = "big", targets = [mips64le] }
source big { files = ["big.c"] }
component big {
  source = source.big
  c { toolchain = toolchain.cc, programs = { big = ["big.c"] }, flags = ["-static"] }
}
image big { files { "/big" -> component.big.big } }
`,
    });
    const expected = digestsOf(await world.build());
    const store = join(disk, "store");
    const filler = join(disk, "filler");
    writeFileSync(filler, Buffer.alloc(48 << 20));
    const { code, stderr } = await world.kmips(["build"], { store });
    expect(code, stderr).toBe(EXIT.environment);
    expect(stderr).toContain("ENOSPC");
    expect(stderr).toContain(disk);
    expect(stderr).not.toContain("bug in kmips");
    rmSync(filler);
    expect(digestsOf(await world.build({ store }))).toEqual(expected);
    await expectWholeStore({ store });
  });

  it("that is read-only fails the build with its path when it holds the store", async () => {
    world.write(sampleProject(1));
    const store = join(disk, "store");
    await world.build({ store });
    await output(["mount", "-o", "remount,ro", disk]);
    // Nothing to do writes nothing.
    expect(await world.build({ store })).toMatchObject({ executed: 0 });
    world.write(sampleProject(2));
    const old = await world.kmips(["build"], { store });
    expect(old.code, old.stderr).toBe(EXIT.environment);
    expect(old.stderr).toContain("EROFS");
    const fresh = await world.kmips(["build"], { store: join(disk, "fresh") });
    expect(fresh.code, fresh.stderr).toBe(EXIT.environment);
    for (const { stderr } of [old, fresh]) {
      expect(stderr).toContain(disk);
      expect(stderr).toContain("help: ");
      expect(stderr).not.toContain("bug in kmips");
    }
  });

  it("that is read-only may hold the project", async () => {
    world.write(sampleProject(1));
    await output(["cp", "-a", world.project, disk]);
    await output(["mount", "-o", "remount,ro", disk]);
    const project = join(disk, "project");
    const { code, stderr } = await world.kmips(["build"], { cwd: project });
    expect(code, stderr).toBe(EXIT.ok);
    expect((await world.kmips(["build", "--expect-cached"], { cwd: project })).code).toBe(EXIT.ok);
  });
});

describe("a temporary world", () => {
  it("is gone after its test, read-only parts too", async () => {
    const other = new World();
    expect(existsSync(realpathSync(other.root))).toBe(true);
    mkdirSync(join(other.root, "closed"), { mode: 0o500 });
    await removeAll(other.root);
    expect(existsSync(other.root)).toBe(false);
  });
});
