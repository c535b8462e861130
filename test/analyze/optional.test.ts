import { describe, expect, it } from "vitest";
import { select } from "../../src/analyze/index.js";
import { analyzeProject, print } from "./support/project.js";

const RECIPE = `toolchain go { go = v1.26.8 }
source near { go_module = "example.org/m", version = v0.5.0 }
source upstream { go_module = "example.org/m", version = v0.3.2 }
component m {
  matrix { variant = ["near", "upstream"], optional = [{ variant = "upstream" }] }
  source = if matrix.variant == "near" then source.near else source.upstream
  go { toolchain = toolchain.go, packages = { m = "." } }
}
image m {
  matrix { variant = ["near", "upstream"], optional = [{ variant = "upstream" }] }
  tag = matrix.variant
  files { "/m" -> component.m.m }
  test "t" { cmd = ["/m"] }
}
image above { from = image.m }
image beside {
  matrix { variant = ["other"] }
  from = image.m
}
group all { members = [image.m, image.above] }
group old { members = [image.m["upstream"]] }
`;

it("leaves a member out of a group where its own rule does, and says so", () => {
  const { graph, notes } = analyzeProject(`image a {
  when = target.arch == riscv64
  files { "/x" -> text("x") }
}
image b { files { "/x" -> text("x") } }
group all { members = [image.a, image.b] }
`);
  expect(graph?.nodes.get("group.all")?.dependencies).toEqual(["image.b"]);
  expect(notes).toEqual([
    { address: "group.all", message: "without image.a, whose `when` does not hold" },
  ]);
});

const { graph, diagnostics } = analyzeProject(RECIPE);

function chosen(...patterns: string[]): string[] {
  if (graph === undefined) throw new Error(diagnostics.map(print).join("\n"));
  return select(graph, patterns).addresses;
}

const needs = (address: string): readonly string[] | undefined =>
  graph?.nodes.get(address)?.dependencies;

describe("optional cells", () => {
  it("mark themselves, their tests, groups of them and what only they need", () => {
    const optional = [...(graph?.nodes.values() ?? [])].filter((node) => node.optional);
    expect(optional.map(({ address }) => address).sort()).toEqual([
      "component.m[upstream]",
      "component.m[upstream]/modules",
      "group.old",
      "image.m[upstream]",
      "image.m[upstream]/test:t",
      "source.upstream",
    ]);
  });

  it("are taken by references from cells of their value alone", () => {
    expect(needs("image.m[upstream]")).toContain("component.m[upstream]");
    expect(needs("image.m[near]")).toContain("component.m[near]");
    expect(needs("image.above")).toContain("image.m[near]");
    expect(needs("image.beside[other]")).toContain("image.m[near]");
    expect(needs("group.all")).not.toContain("image.m[upstream]");
    expect(needs("group.old")).toContain("image.m[upstream]");
  });

  it("are meant by their names and by globs with brackets", () => {
    expect(chosen("image.m")).toEqual(["image.m[near]"]);
    expect(chosen("m")).toEqual(["image.m[near]"]);
    expect(chosen("image.**")).not.toContain("image.m[upstream]");
    expect(chosen("source.*")).toEqual(["source.near"]);
    expect(chosen("source.upstream")).toEqual(["source.upstream"]);
    expect(chosen("m[upstream]")).toEqual(["image.m[upstream]"]);
    expect(chosen("*[upstream]")).toEqual(["image.m[upstream]"]);
    expect(chosen("*.*[upstream]").sort()).toEqual(["component.m[upstream]", "image.m[upstream]"]);
    expect(chosen("image.m[upstream]/test:*")).toEqual(["image.m[upstream]/test:t"]);
  });

  it("may be all that there is, and are then named", () => {
    const only = `image c { matrix { variant = ["upstream"], optional = [{ variant = "upstream" }] } }\n`;
    expect(analyzeProject(only).diagnostics.map(print)).toEqual([]);
    const [inGroup] = analyzeProject(`${only}group g { members = [image.c] }`).diagnostics;
    expect(inGroup?.code).toBe("KM0305");
    expect(inGroup?.help).toMatch(/image\.c\[upstream\]/);
    const [below] = analyzeProject(`${only}image d { from = image.c }`).diagnostics;
    expect(below?.code).toBe("KM0306");
  });
});
