/** Which of a project's sources and components an export for a cluster takes. */
import { describe, expect, it } from "vitest";
import { nodeComponents, releaseSource } from "../../src/commands/cluster-facts.js";
import { releaseOf } from "../../src/cluster/index.js";
import type { NodeDefinition } from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import { graphOf } from "../support/graph.js";

const source = (version: string): NodeDefinition => ({
  kind: "source",
  origin: { type: "go-module", path: "k8s.io/kubernetes", version },
});
const component = (program: string): NodeDefinition => ({
  kind: "component",
  type: "c",
  source: "",
  toolchain: "",
  programs: { [program]: [] },
  flags: [],
  platform: platformOf("mips64le"),
});

const graph = graphOf({
  "source.old": [source("v1.16.2")],
  "source.again": [source("v1.16.2")],
  "source.new": [source("v1.17.0")],
  "component.new": [component("kubelet"), "source.new"],
  "component.old": [component("kubelet"), "source.again"],
  "component.alone": [component("kubeadm")],
  "component.other": [component("etcd"), "source.old"],
});

describe("releaseSource()", () => {
  it("takes the wanted release, the first of its sources", () => {
    expect(releaseSource(graph, "v1.16.2")?.address).toBe("source.old");
  });

  it("takes the only release without being told, however many sources have it", () => {
    const one = graphOf({ "source.a": [source("v1.16.2")], "source.b": [source("v1.16.2")] });
    expect(releaseSource(one, undefined)?.address).toBe("source.a");
    expect(releaseSource(graphOf({}), undefined)).toBeUndefined();
  });

  it("refuses to choose, and what is not there", () => {
    expect(() => releaseSource(graph, undefined)).toThrow(/several versions.*v1\.16\.2, v1\.17\.0/);
    expect(() => releaseSource(graph, "v1.2.3")).toThrow("no source of Kubernetes v1.2.3");
  });
});

describe("nodeComponents()", () => {
  it("has no program of another release", () => {
    const names = (version: string, platform = "linux/mips64le"): string[] =>
      nodeComponents(graph, platform, releaseOf(version)!);
    expect(names("v1.16.2")).toEqual(["component.old", "component.alone"]);
    expect(names("v1.17.0")).toEqual(["component.new", "component.alone"]);
    expect(names("v1.16.2", "linux/riscv64")).toEqual([]);
  });
});
