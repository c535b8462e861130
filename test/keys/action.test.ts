import { describe, expect, it } from "vitest";
import { describeAction, keyOf } from "../../src/keys/index.js";
import type {
  GoComponent,
  GraphNode,
  ImageDefinition,
  NodeDefinition,
  TestDefinition,
} from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import { digestOf, type ActionRecord } from "../../cache/index.js";
import { graphOf, MemoryInputs } from "../support/graph.js";

const mips = platformOf("mips64le");

function keyWith(
  definition: NodeDefinition,
  inputs: MemoryInputs = new MemoryInputs(),
  result = "one",
): string {
  const graph = graphOf({ node: [definition] });
  const record = {
    result: digestOf(result),
    outputs: [
      { name: "manifest", digest: digestOf(result), size: 1 },
      { name: "prog", digest: digestOf(result), size: 1 },
    ],
  };
  const known = Object.assign(Object.create(inputs) as MemoryInputs, {
    result: () => record as unknown as ActionRecord,
  });
  return keyOf(describeAction(graph.nodes.get("node") as GraphNode, known));
}

const go: GoComponent = {
  kind: "component",
  type: "go",
  source: "source.x",
  modules: "component.x/modules",
  toolchain: "toolchain.go",
  patched: [],
  packages: { prog: "." },
  ldflags: ["-s"],
  tags: [],
  platform: mips,
};

const goEdits: {
  readonly [
    F in Exclude<
      keyof GoComponent,
      "kind" | "type" | "version" | "source" | "modules" | "toolchain"
    >
  ]: GoComponent;
} = {
  patched: { ...go, patched: [{ path: "a/b", tree: "patch.y" }] },
  packages: { ...go, packages: { prog: "./cmd" } },
  tests: { ...go, tests: { prog: "." } },
  ldflags: { ...go, ldflags: ["-s", "-w"] },
  tags: { ...go, tags: ["netgo"] },
  platform: { ...go, platform: platformOf("mips64le", { float: "softfloat" }) },
};

const image: ImageDefinition = {
  kind: "image",
  files: [
    {
      path: "/prog",
      content: { type: "output", node: "component.x", output: "prog" },
      uid: 0,
      gid: 0,
    },
  ],
  directories: [],
  users: [],
  config: { entrypoint: ["/prog"], cmd: [], env: {}, labels: {}, ports: [], volumes: [] },
  reference: "x:1",
  platform: mips,
  epoch: 0,
};

const imageEdits: {
  readonly [
    F in Exclude<keyof ImageDefinition, "kind" | "reference" | "published" | "budget" | "undecided">
  ]: ImageDefinition;
} = {
  base: { ...image, base: "image.base" },
  awaits: { ...image, awaits: "image.x/dockerfile" },
  files: { ...image, files: [{ ...image.files[0]!, mode: 0o600 }] },
  directories: { ...image, directories: [{ path: "/data", mode: 0o755, uid: 0, gid: 0 }] },
  users: { ...image, users: [{ name: "web", uid: 1, gid: 1, home: "/", shell: "/x" }] },
  config: { ...image, config: { ...image.config, env: { A: "b" } } },
  platform: { ...image, platform: platformOf("riscv64") },
  epoch: { ...image, epoch: 1 },
};

const probe: TestDefinition = {
  kind: "test",
  subject: "image.x",
  files: [],
  services: [],
  steps: [{ type: "command", name: "run", env: {}, exit: 0 }],
  env: {},
  timeoutMs: 1000,
  platform: mips,
};

describe("keyOf()", () => {
  it.each(Object.entries(goEdits))(
    "changes when %s of a Go component changes",
    (_field, edited) => {
      expect(keyWith(edited)).not.toBe(keyWith(go));
    },
  );

  it.each(Object.entries(imageEdits))("changes when %s of an image changes", (_field, edited) => {
    expect(keyWith(edited)).not.toBe(keyWith(image));
  });

  it("changes when a dependency has another result", () => {
    expect(keyWith(go, new MemoryInputs(), "two")).not.toBe(keyWith(go));
  });

  it.each([
    ["package", { package: "./cmd/other" }],
    ["args", { args: ["{out}"] }],
    ["marker", { packages: { of: ["./a"], marker: "+other=" } }],
    ["packages", { packages: { of: ["./b"], marker: "+mark=" } }],
    ["outputs", { outputs: ["b.go"] }],
  ])("changes when the %s of a generator changes", (_field, edit) => {
    const generate: NodeDefinition = {
      kind: "generate",
      source: "source.x",
      modules: "component.x/modules",
      toolchain: "toolchain.go",
      package: "./cmd/gen",
      args: ["{packages}"],
      packages: { of: ["./a"], marker: "+mark=" },
      outputs: ["a.go"],
    };
    expect(keyWith({ ...generate, ...edit })).not.toBe(keyWith(generate));
  });

  it("stays when only the tag of an image changes", () => {
    expect(keyWith({ ...image, reference: "x:2" })).toBe(keyWith(image));
  });

  it("stays when only a time limit changes", () => {
    expect(keyWith({ ...probe, timeoutMs: 9 })).toBe(keyWith(probe));
  });

  it("changes with the bytes of the emulator", () => {
    const inputs = new MemoryInputs();
    inputs.emulatorText = "emulator 2";
    expect(keyWith(probe, inputs)).not.toBe(keyWith(probe));
  });

  it("holds the text of a patch, not its place", () => {
    const at = { file: { name: "x", text: "" }, span: { start: 0, end: 0 } };
    const patch = (path: string): NodeDefinition => ({
      kind: "patch",
      source: "source.x",
      series: [{ path, label: "a.patch", reason: "because", at }],
      retired: [],
    });
    const inputs = new MemoryInputs();
    inputs.files
      .set("/one/a.patch", "text")
      .set("/two/a.patch", "text")
      .set("/three/a.patch", "other");
    expect(keyWith(patch("/two/a.patch"), inputs)).toBe(keyWith(patch("/one/a.patch"), inputs));
    expect(keyWith(patch("/three/a.patch"), inputs)).not.toBe(
      keyWith(patch("/one/a.patch"), inputs),
    );
  });
});

describe("describeAction()", () => {
  it("names dependencies without a result as pending", () => {
    const graph = graphOf({ node: [go] });
    const action = describeAction(graph.nodes.get("node") as GraphNode, new MemoryInputs());
    expect(action.pending).toEqual(["source.x", "toolchain.go", "component.x/modules"]);
  });

  it("names declared files that are not there", () => {
    const graph = graphOf({
      node: [
        { kind: "source", origin: { type: "directory", path: "/gone", include: [], exclude: [] } },
      ],
    });
    const inputs = new MemoryInputs();
    inputs.list = () => undefined;
    expect(describeAction(graph.nodes.get("node") as GraphNode, inputs).missing).toEqual(["/gone"]);
  });
});
