/** Executors with the real Go, compilers and emulators; everything is built from public modules. */
import { build } from "esbuild";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkElf } from "../../src/image/index.js";
import { runC } from "../../src/execute/actions/cc.js";
import { runGo } from "../../src/execute/actions/go.js";
import { runModules } from "../../src/execute/actions/modules.js";
import { runSource } from "../../src/execute/actions/source.js";
import { runTest } from "../../src/execute/actions/test.js";
import { runToolchain } from "../../src/execute/actions/toolchain.js";
import type { Perturbation } from "../../src/execute/context.js";
import type {
  CComponent,
  GoComponent,
  ModulesDefinition,
  SourceDefinition,
  TestDefinition,
  ToolchainDefinition,
} from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import { openRig, type Rig } from "../execute/rig.js";

const platform = platformOf("mips64le");
const environment = Object.fromEntries(
  Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
);

let root: string;
let rig: Rig;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "kmips-real-"));
  rig = await openRig(env["KMIPS_TEST_STORE"] ?? join(root, "store"), environment);
});

afterAll(async () => {
  await rig.store.close();
  rmSync(root, { recursive: true, force: true });
});

const source: SourceDefinition = {
  kind: "source",
  origin: { type: "go-module", path: "k8s.io/klog", version: "v0.4.0" },
};
const perturbation: Perturbation = {
  directory: "/perturbed/elsewhere",
  umask: 0o077,
  timezone: "Asia/Tokyo",
  locale: "C",
  uid: 1234,
  processors: [0],
  coldCaches: true,
};
const toolchain: ToolchainDefinition = { kind: "toolchain", type: "go", version: "go1.26.8" };

describe("Go", () => {
  it("fetches a module, a toolchain and the modules of a build, and cross-compiles", async () => {
    rig.finish("source.x", source, await runSource(source, rig.context("source.x")));
    rig.finish(
      "toolchain.go",
      toolchain,
      await runToolchain(toolchain, rig.context("toolchain.go")),
    );
    const modules: ModulesDefinition = {
      kind: "modules",
      source: "source.x",
      toolchain: "toolchain.go",
      // The example imports glog, which the module itself does not require.
      edits: {
        drop: [],
        require: { "github.com/golang/glog": "v0.0.0-20160126235308-23def4e6c14b" },
        replace: {},
      },
      patched: [],
      packages: ["./examples/coexist_glog"],
      tags: [],
      platform,
    };
    rig.finish(
      "component.x/modules",
      modules,
      await runModules(modules, rig.context("component.x/modules")),
    );
    // Another machine: nothing but the results is there.
    renameSync(rig.store.paths.goModules, join(root, "elsewhere"));
    const component: GoComponent = {
      kind: "component",
      type: "go",
      source: "source.x",
      modules: "component.x/modules",
      toolchain: "toolchain.go",
      patched: [],
      packages: { program: "./examples/coexist_glog" },
      ldflags: ["-s", "-w"],
      tags: [],
      platform,
    };
    const built = await runGo(component, rig.context("component.x"));
    const program = built.outputs[0]!;
    expect(program.executable).toBe(true);
    expect(checkElf(rig.store.readBytes(program.digest), platform)).toEqual({ ok: true });
    const again = await runGo(component, rig.context("component.x", { perturbation }));
    expect(again.outputs).toEqual(built.outputs);
  });
});

describe("C", () => {
  it("compiles pause and runs it under the emulator", async () => {
    const pause = join(root, "pause");
    mkdirSync(pause);
    writeFileSync(
      join(pause, "pause.c"),
      `#include <signal.h>
       #include <stdio.h>
       #include <stdlib.h>
       #include <unistd.h>
       static void end(int s) { (void)s; static const char m[] = "stopped\\n"; write(1, m, 8); _exit(0); }
       int main(int c, char **v) {
         if (c > 1) { printf("%s from %s\\n", v[0], __FILE__); return 0; }
         signal(SIGTERM, end); printf("waits\\n"); fflush(stdout); for (;;) pause();
       }\n`,
    );
    const local: SourceDefinition = {
      kind: "source",
      origin: { type: "directory", path: pause, include: [], exclude: [] },
    };
    rig.finish("source.c", local, await runSource(local, rig.context("source.c")));
    const cc: ToolchainDefinition = {
      kind: "toolchain",
      type: "cc",
      triplet: "mips64el-linux-gnuabi64",
      packages: ["gcc-mips64el-linux-gnuabi64"],
    };
    rig.finish("toolchain.cc", cc, await runToolchain(cc, rig.context("toolchain.cc")));
    const component: CComponent = {
      kind: "component",
      type: "c",
      source: "source.c",
      toolchain: "toolchain.cc",
      programs: { pause: ["pause.c"] },
      flags: ["-Os", "-static"],
      platform,
    };
    const built = await runC(component, rig.context("component.c"));
    const again = await runC(component, rig.context("component.c", { perturbation }));
    expect(again.outputs).toEqual(built.outputs);
    rig.finish("component.c", component, built);
    const testDriver = join(root, "test-driver.cjs");
    await build({
      entryPoints: [join(import.meta.dirname, "../../src/execute/test-driver.ts")],
      outfile: testDriver,
      bundle: true,
      platform: "node",
      format: "cjs",
    });
    const test: TestDefinition = {
      kind: "test",
      subject: "component.c",
      files: [],
      services: [
        { name: "pause", cmd: ["/pause"], env: {}, ready: { type: "log", pattern: "^waits$" } },
      ],
      steps: [
        {
          name: "name",
          type: "command",
          cmd: ["/pause", "-v"],
          env: {},
          exit: 0,
          expect: "^/pause from \\.?/?pause\\.c$",
        },
        {
          name: "stop",
          type: "signal",
          service: "pause",
          signal: "TERM",
          exit: 0,
          expect: "^stopped$",
        },
      ],
      env: {},
      timeoutMs: 30_000,
      platform,
    };
    const outcome = await runTest(test, rig.context("component.c/test:t", { testDriver }));
    expect(outcome.emulatedMs).toBeGreaterThan(0);
  });
});
