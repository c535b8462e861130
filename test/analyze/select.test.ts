import { describe, expect, it } from "vitest";
import { describeSchema, globMatches, select } from "../../src/analyze/index.js";
import { analyzeProject } from "./support/project.js";

const { graph } = analyzeProject(`project { targets = [mips64le, riscv64] }
toolchain go { go = v1.26.8 }
source etcd { go_module = "example.org/etcd", version = v1.0.0 }
component etcd { source = source.etcd, go { toolchain = toolchain.go, packages = { etcd = "." } } }
image etcd { files { "/etcd" -> component.etcd.etcd }, test "t" { cmd = ["/etcd"] } }
image web { }
group all { members = [image.web, group.inner] }
group inner { members = [image.etcd] }
`);

describe("select()", () => {
  const chosen = (...patterns: string[]): string[] => {
    if (graph === undefined) throw new Error("no graph");
    return select(graph, patterns).addresses;
  };

  it("takes an exact address, all cells of one without axes, and globs", () => {
    expect(chosen("image.web[riscv64]")).toEqual(["image.web[riscv64]"]);
    expect(chosen("image.web")).toEqual(["image.web[mips64le]", "image.web[riscv64]"]);
    expect(chosen("image.*").sort()).toEqual([
      "image.etcd[mips64le]",
      "image.etcd[riscv64]",
      "image.web[mips64le]",
      "image.web[riscv64]",
    ]);
    expect(chosen("image.*[riscv64]").sort()).toEqual([
      "image.etcd[riscv64]",
      "image.web[riscv64]",
    ]);
    expect(chosen("image.**test:*")).toEqual([
      "image.etcd[mips64le]/test:t",
      "image.etcd[riscv64]/test:t",
    ]);
  });

  it("prefers the image for a bare name", () => {
    expect(chosen("etcd")).toEqual(["image.etcd[mips64le]", "image.etcd[riscv64]"]);
    expect(chosen("go")).toEqual(["toolchain.go"]);
  });

  it("expands groups of groups to their members, each once", () => {
    expect([...chosen("group.all", "web")].sort()).toEqual([
      "image.etcd[mips64le]",
      "image.etcd[mips64le]/test:t",
      "image.etcd[riscv64]",
      "image.etcd[riscv64]/test:t",
      "image.web[mips64le]",
      "image.web[riscv64]",
    ]);
  });

  it("answers an unknown pattern with the nearest names", () => {
    if (graph === undefined) throw new Error("no graph");
    expect(select(graph, ["image.ect", "wbe"]).unknown).toEqual([
      { pattern: "image.ect", candidates: expect.arrayContaining(["image.etcd"]) as string[] },
      { pattern: "wbe", candidates: expect.arrayContaining(["web"]) as string[] },
    ]);
  });
});

describe("globMatches()", () => {
  it("stays within a part for one star and in bounded time for many", () => {
    expect(globMatches("a*c", "abc")).toBe(true);
    expect(globMatches("a*c", "a/c")).toBe(false);
    expect(globMatches("a**c", "a/b/c")).toBe(true);
    expect(globMatches("*", "")).toBe(true);
    expect(globMatches(`${"*a".repeat(200)}b`, "a".repeat(2000))).toBe(false);
  });
});

describe("describeSchema()", () => {
  it("has every kind with a sentence for each attribute", () => {
    const kinds = describeSchema();
    expect(kinds.map((kind) => kind.name)).toEqual([
      "project",
      "target",
      "source",
      "toolchain",
      "component",
      "base",
      "packages",
      "image",
      "index",
      "group",
    ]);
    const sentences = kinds.flatMap((kind) => [
      kind.doc,
      ...kind.attributes.map((attribute) => attribute.doc),
    ]);
    for (const sentence of sentences) expect(sentence).toMatch(/^(?:[A-Z]|argv).*[.]$/);
    expect(kinds[2]?.attributes.find((attribute) => attribute.name === "version")).toMatchObject({
      type: "Version",
      required: true,
      goesWith: ["go_module"],
    });
  });
});
