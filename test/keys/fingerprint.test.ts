import { describe, expect, it } from "vitest";
import { Fingerprints } from "../../src/keys/index.js";
import type { ImageDefinition, InstallDefinition, NodeDefinition } from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import { graphOf, MemoryInputs } from "../support/graph.js";

const platform = platformOf("mips64le");
const config = { entrypoint: [], cmd: [], env: {}, labels: {}, ports: [], volumes: [] };
const image: ImageDefinition = {
  kind: "image",
  base: "image.x/install",
  files: [],
  directories: [],
  users: [],
  config,
  platform,
  epoch: 0,
};
const install: InstallDefinition = {
  kind: "install",
  base: "base.x",
  packages: "image.x/packages",
  names: ["curl"],
  recommends: false,
  scripts: "split",
  platform,
  epoch: 0,
};

function source(path: string): NodeDefinition {
  return { kind: "source", origin: { type: "directory", path, include: [], exclude: [] } };
}

function graph(top: ImageDefinition = image, step: InstallDefinition = install) {
  return graphOf({
    "source.s": [source("/s")],
    "image.x/install": [step, "source.s"],
    "image.x": [top, "image.x/install"],
    "component.c[one]": [source("/c")],
  });
}

function fingerprint(inputs = new MemoryInputs(), of = graph()): string {
  return new Fingerprints(of, inputs).of("image.x");
}

describe("a fingerprint", () => {
  it("changes with everything in the closure", () => {
    const usual = fingerprint();
    expect(fingerprint()).toBe(usual);
    expect(fingerprint(undefined, graph({ ...image, epoch: 1 }))).not.toBe(usual);
    expect(fingerprint(undefined, graph(image, { ...install, scripts: "emulated" }))).not.toBe(
      usual,
    );
    const inputs = new MemoryInputs();
    inputs.files.set("/s/file", "text");
    expect(fingerprint(inputs)).not.toBe(usual);
  });

  it("is the same on a machine with other tools and another emulator", () => {
    const inputs = new MemoryInputs();
    inputs.emulatorText = "emulator 2";
    inputs.packageVersion = () => "9";
    inputs.compilerPrograms = () => ["/usr/bin/cc"];
    inputs.isNative = () => true;
    expect(fingerprint(inputs)).toBe(fingerprint());
  });

  it("holds what may become of an image that is not decided yet", () => {
    const undecided = { text: "rules", files: [], nodes: ["component.c"] };
    const usual = fingerprint(undefined, graph({ ...image, undecided }));
    const other = { ...undecided, text: "other rules" };
    expect(fingerprint(undefined, graph({ ...image, undecided: other }))).not.toBe(usual);
    const inputs = new MemoryInputs();
    inputs.files.set("/c/file", "text");
    expect(fingerprint(inputs, graph({ ...image, undecided }))).not.toBe(usual);
    expect(fingerprint(inputs)).toBe(fingerprint());
  });

  it("of nodes that may name each other ends", () => {
    const undecided = { text: "", files: [], nodes: ["image.x"] };
    expect(fingerprint(undefined, graph({ ...image, undecided }))).toMatch(/^sha256:/);
  });
});
