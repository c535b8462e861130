/** Executors with the real Go, compilers and emulators; everything is built from public modules. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkElf } from "../../src/image/index.js";
import { runGo } from "../../src/execute/actions/go.js";
import { runModules } from "../../src/execute/actions/modules.js";
import { runSource } from "../../src/execute/actions/source.js";
import { runToolchain } from "../../src/execute/actions/toolchain.js";
import type { Perturbation } from "../../src/execute/context.js";
import type { GoComponent, ModulesDefinition, SourceDefinition, ToolchainDefinition } from "../../src/model/node.js";
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
const toolchain: ToolchainDefinition = { kind: "toolchain", type: "go", version: "go1.26.8" };

describe("Go", () => {
  it("fetches a module, a toolchain and the modules of a build, and cross-compiles", async () => {
    rig.finish("source.x", source, await runSource(source, rig.context("source.x")));
    const started = performance.now();
    rig.finish("toolchain.go", toolchain, await runToolchain(toolchain, rig.context("toolchain.go")));
    console.log("toolchain", performance.now() - started);
    const modules: ModulesDefinition = {
      kind: "modules",
      source: "source.x",
      toolchain: "toolchain.go",
      edits: { drop: [], require: {}, replace: {} },
      patched: [],
      packages: ["./examples/coexist_glog"],
      tags: [],
      platform,
    };
    rig.finish("component.x/modules", modules, await runModules(modules, rig.context("component.x/modules")));
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
    const perturbation: Perturbation = {
      directory: "/perturbed/elsewhere",
      umask: 0o077,
      timezone: "Asia/Tokyo",
      locale: "C",
      uid: 1234,
      cpus: 1,
      coldCaches: true,
    };
    const again = await runGo(component, rig.context("component.x", { perturbation }));
    expect(again.outputs).toEqual(built.outputs);
  });
});
