/**
 * RUN steps for real: the private builder from its recipe, a builder of the user's, what fails and
 * what is left behind.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { arch } from "node:os";
import { basename, dirname, join } from "node:path";
import { env, execPath, getuid } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openStore } from "../../cache/index.js";
import { builderNodes, builderPrograms } from "../../src/commands/private-builder.js";
import { DiskFileReader, binfmtState, FlockLocker, Tools } from "../../src/host/index.js";
import type { BuilderPrograms } from "../../src/execute/index.js";
import { EXIT } from "../../src/model/exit-code.js";
import { platformOf } from "../../src/model/platform.js";
import { usualStoreRoot } from "../../src/plan/locations.js";
import { digestsOf, KMIPS, mountsOf, output, start, World, type Running } from "../e2e/support.js";
import { RECIPES } from "../support/shipped.js";
import { sharedStore } from "./support.js";

const PATIENCE_MS = 5_000;
const store = sharedStore();
const tools = new Tools({ path: env["PATH"] ?? "", node: execPath, nodeArch: arch() });

const STEP_C = `#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "stamp")) {
    FILE *file = fopen("/etc/stamp", "w");
    fprintf(file, "%s as %d\\n", getenv("REL"), getuid());
    fclose(file);
    link("/etc/stamp", "/etc/again");
    chmod("/etc/stamp", 0600);
    symlink("stamp", "/etc/name");
    unlink("/etc/old");
    printf("stamped %s\\n", argv[2]);
    return 0;
  }
  if (!strcmp(what, "random")) {
    FILE *from = fopen("/dev/urandom", "r"), *to = fopen("/etc/id", "w");
    for (int i = 0; i < 16; i++) fprintf(to, "%02x", fgetc(from));
    fclose(to);
    return 0;
  }
  if (!strcmp(what, "sleep")) { puts("sleeping"); fflush(stdout); sleep(atoi(argv[2])); return 0; }
  if (!strcmp(what, "crash")) { puts("about to crash"); fflush(stdout); raise(SIGSEGV); }
  puts("one"); puts("two"); puts("three: it does not work");
  return 3;
}
`;

function project(step: string): Record<string, string> {
  return {
    "step.c": STEP_C,
    "project.kmips": `kmips 1
import "kmips:toolchain/cc.kmips"
project { name = "steps", targets = [mips64le] }
source step { files = ["step.c"] }
component step {
  source = source.step
  c { toolchain = toolchain.cc, programs = { step = ["step.c"] }, flags = ["-static"] }
}
image base {
  files {
    "/step" -> component.step.step
    "/etc/old" -> text("old")
    "/etc/kept" -> text("kept")
  }
  cmd = ["/step"]
}
image top {
  from = image.base
  run "step" { ${step} }
}
`,
  };
}

const STAMP = `env = { REL = "a \\"b\\" 'c' <<x" }, cmd = ["/step", "stamp", "w <<EOF"]`;

let world: World;
/** The private builder's programs, as every store finds them. */
async function programs(): Promise<BuilderPrograms | undefined> {
  const locker = new FlockLocker(tools.require("flock"), tools.require("cat"));
  const opened = await openStore(store, { locker });
  try {
    const environment = {
      ...{ root: RECIPES, entry: [], storePath: store, shipped: RECIPES },
      ...{ usualStorePath: usualStoreRoot(env), reader: new DiskFileReader(), variables: {} },
      ...{ version: "test", durable: false },
    };
    return await builderPrograms({ environment: environment as never, store: opened, tools });
  } finally {
    await opened.close();
  }
}

// ./check has set it up before; who runs this file alone may not have.
beforeAll(async () => {
  if ((await programs()) !== undefined) return;
  await output([KMIPS, "build", "-C", join(RECIPES, "builder"), ...builderNodes(tools.hostArch)], {
    env: { KMIPS_STORE: store, KMIPS_PROGRESS: "plain" },
  });
});
beforeEach(() => {
  world = new World({}, store);
});
afterEach(() => world.remove());

/** Below the root of its own file system the store's path may be shorter. */
const STATES = `${basename(dirname(store))}/${basename(store)}/kmips/builder/`;

/** Processes of the store's builders, by their command lines and mounts. */
function daemons(): string[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      const read = (name: string): string => {
        try {
          return readFileSync(`/proc/${pid}/${name}`, "latin1");
        } catch {
          return "";
        }
      };
      const isOne =
        read("cmdline").includes(join(store, "kmips/tmp")) || read("mountinfo").includes(STATES);
      return isOne ? [`${pid} ${read("cmdline").replaceAll("\0", " ")}`] : [];
    });
}

/** What is still there of them after waiting at most `PATIENCE_MS`. */
async function expectNothingLeft(): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (daemons().length > 0 && performance.now() < end) await delay(50);
  expect(daemons()).toEqual([]);
  expect(mountsOf(join(store, "kmips/builder"))).toEqual([]);
}

async function topDigest(options: readonly string[] = []): Promise<string> {
  const { images } = JSON.parse(
    await world.output(["build", "--json", "image.top", ...options]),
  ) as { images: { reference: string; digest: string }[] };
  return images.find(({ reference }) => reference === "top:latest")?.digest ?? "none";
}

describe("a RUN step on the private builder", () => {
  it("changes the image by what its command did, and says the same twice", async () => {
    world.write(project(STAMP));
    const first = await world.kmips(["build", "--json"]);
    expect(first.code, first.stderr).toBe(EXIT.ok);
    await expectNothingLeft();
    expect(await world.output(["log", "image.top/run:step"])).toBe("stamped w <<EOF\n");

    const digest = digestsOf(JSON.parse(first.stdout) as never)["top:latest"]!;
    const blob = (name: string): string => join(store, "blobs/sha256", name.slice(7));
    const manifest = JSON.parse(readFileSync(blob(digest), "utf8")) as {
      config: { digest: string };
      layers: { digest: string }[];
    };
    const listed = await output(["tar", "-tvf", blob(manifest.layers[1]!.digest)]);
    expect(listed.split("\n").map((line) => line.replaceAll(/ +/g, " "))).toEqual([
      "-rw-r--r-- 0/0 0 1970-01-01 00:00 etc/.wh.old",
      "-rw------- 0/0 19 1970-01-01 00:00 etc/again",
      "lrwxrwxrwx 0/0 0 1970-01-01 00:00 etc/name -> stamp",
      "-rw------- 0/0 19 1970-01-01 00:00 etc/stamp",
      "",
    ]);
    const stamp = await output(["tar", "-xOf", blob(manifest.layers[1]!.digest), "etc/stamp"]);
    expect(stamp).toBe(`a "b" 'c' <<x as 0\n`);
    // The step's environment is the step's alone.
    const config = JSON.parse(readFileSync(blob(manifest.config.digest), "utf8")) as object;
    expect(config).toMatchObject({ config: { Cmd: ["/step"] } });
    expect(JSON.stringify(config)).not.toContain("REL");

    const again = await world.kmips(["build", "--force", "image.top/run:step"]);
    expect(again.code, again.stderr).toBe(EXIT.ok);
    expect(again.stderr).not.toContain("not reproducible");
    expect(again.stderr).toMatch(/built {2}image\.top\/run:step .*native, \S+ emulated/);
    await expectNothingLeft();
  });

  it("is verified: the file that came out otherwise is named, and why", async () => {
    world.write(project(STAMP));
    await world.build();
    const verified = ["verify", "image.top/run:step"];
    expect(await world.output(verified)).toMatch(/^\d+ nodes rebuilt elsewhere, every digest/);
    world.write(project(`cmd = ["/step", "random"]`));
    await world.build();
    const { code, stdout, stderr } = await world.kmips(verified);
    expect(code, stderr).toBe(EXIT.mismatch);
    expect(stdout).toMatch(
      /^image\.top\/run:step is not reproducible: output "layer\/1", entry "etc\/id" differs/,
    );
    expect(stdout).toContain("cause   random-or-time: ");
    await expectNothingLeft();
  });

  it("that fails is a failure with its last lines, and leaves nothing running", async () => {
    world.write(project(`cmd = ["/step", "fail"]`));
    const { code, stderr } = await world.kmips(["build"]);
    expect(code).toBe(EXIT.buildFailed);
    expect(stderr).toMatch(
      /FAILED image\.top\/run:step {2}KM0501: running "\/step" failed: exit 3/,
    );
    expect(stderr).toContain("three: it does not work");
    await expectNothingLeft();
  });

  it("whose emulator dies is tried once more and never cached", async () => {
    world.write(project(`cmd = ["/step", "crash"]`));
    const { code, stderr } = await world.kmips(["build"]);
    expect(code).toBe(EXIT.buildFailed);
    expect(stderr).toMatch(/KM0509: The emulator crashed with .*, twice/);
    const log = await world.output(["log", "image.top/run:step"]).catch(() => "");
    expect(log.match(/about to crash/g)).toHaveLength(2);
    expect((await world.kmips(["build"])).code).toBe(EXIT.buildFailed);
    await expectNothingLeft();
  });

  it("needs a handler of the kernel, and says how to register it before anything starts", async () => {
    const state = binfmtState(platformOf("loong64"));
    expect(state.usable, "this machine must have no handler for loong64").toBe(false);
    world.write({
      "project.kmips": `kmips 1
project { name = "far", targets = [loong64] }
image base { files { "/x" -> text("x") } }
image top {
  from = image.base
  run "step" { cmd = ["/x"] }
}
`,
    });
    const { code, stderr } = await world.kmips(["build"]);
    expect(code, stderr).toBe(EXIT.environment);
    expect(stderr).toContain("no handler for linux/loong64 is registered");
    expect(stderr).toContain(state.usable ? "" : state.fix);
    expect(daemons()).toEqual([]);
  });
});

describe("several builders", () => {
  it("run beside each other for two builds at once", async () => {
    const other = new World(project(`cmd = ["/step", "sleep", "2"]`), store);
    try {
      world.write(project(`cmd = ["/step", "sleep", "3"]`));
      const runs = [world.start(["build"]), other.start(["build"])];
      for (const { code, stderr } of await Promise.all(runs.map(({ ended }) => ended)))
        expect(code, stderr).toBe(EXIT.ok);
      expect(existsSync(join(store, "kmips/builder/1"))).toBe(true);
    } finally {
      await other.remove();
    }
    await expectNothingLeft();
  });

  it("are gone when kmips is killed, and the next build succeeds", async () => {
    world.write(project(`cmd = ["/step", "sleep", "100"]`));
    const victim = world.start(["build"]);
    await victim.says("start  image.top/run:step");
    const end = performance.now() + 30_000;
    const sleeping = (): boolean => daemons().some((line) => line.includes("/step sleep 100"));
    while (!sleeping() && performance.now() < end) await delay(50);
    expect(daemons()).not.toEqual([]);
    victim.child.kill("SIGKILL");
    await victim.ended;
    await expectNothingLeft();
    world.write(project(STAMP));
    expect((await world.kmips(["build"])).code).toBe(EXIT.ok);
    await expectNothingLeft();
  });

  it("count in the store's size and go with gc", async () => {
    expect(existsSync(join(store, "kmips/builder/0"))).toBe(true);
    world.write(project(STAMP));
    const plan = await world.json<{ files: { what: string; size: number }[] }>([
      ...["gc", "--plan", "--older-than", "0s", "--grace", "0s"],
    ]);
    const states = plan.files.filter(({ what }) => what === "builder");
    expect(states.length).toBeGreaterThan(0);
    expect(states[0]!.size).toBeGreaterThan(1000);
  });
});

describe.skipIf(getuid?.() !== 0)("a builder of the user's", () => {
  let daemon: Running | undefined;
  let far: { PATH: string; BUILDX_CONFIG: string };
  let home: World;

  beforeAll(async () => {
    home = new World();
    const bin = join(home.root, "bin");
    mkdirSync(bin);
    await copyPrograms(bin);
    const address = `unix://${join(home.root, "d.sock")}`;
    daemon = start(
      [
        ...["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--pid", "--fork"],
        ...["--kill-child", "--mount-proc", join(bin, "buildkitd"), "--addr", address],
        ...["--root", join(home.root, "state"), "--oci-worker-net=host"],
        ...["--otel-socket-path", join(home.root, "otel.sock"), "--containerd-worker=false"],
      ],
      {},
    );
    await daemon.says("running server on");
    far = { PATH: `${bin}:${env["PATH"] ?? ""}`, BUILDX_CONFIG: join(home.root, "buildx") };
    const create = ["create", "--name", "far", "--driver", "remote", "--use", address];
    await output([join(bin, "buildx"), ...create], { env: far });
  });
  afterAll(async () => {
    // unshare waits for its child through every other signal.
    daemon?.child.kill("SIGKILL");
    await daemon?.ended;
    await home.remove();
  });

  async function copyPrograms(directory: string): Promise<void> {
    const found = await programs();
    const locker = new FlockLocker(tools.require("flock"), tools.require("cat"));
    const opened = await openStore(store, { locker });
    try {
      for (const name of ["buildkitd", "buildx"] as const) {
        opened.copyTo(found![name], join(directory, name), 0o755);
        chmodSync(join(directory, name), 0o755);
      }
    } finally {
      await opened.close();
    }
  }

  it("gives by its name the same digest as the private one", async () => {
    world.write(project(STAMP));
    const own = await topDigest();
    const forced = ["image.top/run:step", "--force", "--builder", "far"];
    const { code, stderr } = await world.kmips(["build", ...forced], { env: far });
    expect(code, stderr).toBe(EXIT.ok);
    expect(stderr).not.toContain("not reproducible");
    expect(daemons()).toEqual([]);
    expect(await topDigest()).toBe(own);
  });

  it("is used by setup, which then builds nothing", async () => {
    const fresh = join(world.root, "fresh");
    world.write(project(STAMP));
    const { code, stdout, stderr } = await world.kmips(["setup"], { store: fresh, env: far });
    expect(code, stderr).toBe(EXIT.ok);
    expect(stdout).toContain('RUN steps run on your buildx builder "far" (remote)');
    expect(existsSync(join(fresh, "kmips/gomod"))).toBe(false);
    const doctor = await world.output(["doctor"], { store: fresh, env: far });
    expect(doctor).toContain('buildx builder "far" (remote)');
  });

  it("that is not there fails by its name, with what was tried", async () => {
    world.write(project(`env = { REL = "unbuilt" }, cmd = ["/step", "stamp", "x"]`));
    const options = { env: { ...far, KMIPS_BUILDER: "nobody" } };
    const { code, stderr } = await world.kmips(["build"], options);
    expect(code, stderr).toBe(EXIT.environment);
    expect(stderr).toContain('KM0514: Builder "nobody" does not answer');
    expect(stderr).toContain("tried: buildx inspect --bootstrap nobody");
    expect(stderr).toContain("help: ");
  });
});

describe("doctor", () => {
  it("runs a program of the target, and names the builder", async () => {
    world.write(project(STAMP));
    const checks = await world.json<{ name: string; ok: boolean; detail: string }[]>(["doctor"]);
    const byName = new Map(checks.map((check) => [check.name, check]));
    for (const name of ["runc", "buildkitd", "buildx", "binfmt_misc for linux/mips64le"])
      expect(byName.get(name), name).toMatchObject({ ok: true });
    expect(byName.get("program for linux/mips64le")?.detail).toContain("by the kernel");
  });

  it("names the one command that fixes each gap", async () => {
    world.write(project(STAMP));
    const { code, stdout } = await world.kmips(["doctor"], {
      store: join(world.root, "empty"),
      env: { HOME: world.root, XDG_CACHE_HOME: undefined },
    });
    expect(code).toBe(EXIT.environment);
    expect(stdout).toMatch(/^MISSING +buildkitd +not built yet$/m);
    expect(stdout).toMatch(/^fix buildkitd: kmips setup$/m);
  });
});
