import { describe, expect, it } from "vitest";
import { analyzeProject, definitionOf, nodesOf, print } from "./support/project.js";

const HEAD = `project { targets = [mips64le, riscv64] }
toolchain go { go = v1.26.8 }
source s { go_module = "example.org/s", version = v1.0.0 }
`;
const GENERATE = `generate "api" {
  package     = "example.org/gen/cmd/gen"
  packages_of = ["./cmd/all"]
  marker      = "+gen="
  args        = ["-i={packages}", "-o={gopath}"]
  outputs     = ["pkg/b.go", "pkg/a.go"]
}`;
const derived = (body: string, head = "from = source.s, go_toolchain = toolchain.go"): string =>
  `${HEAD}source d { ${head}\n${body} }\n`;
const faults = (recipe: string): string[] => analyzeProject(recipe).diagnostics.map(print);

describe("a source with from", () => {
  const project = {
    "project.kmips": `${derived(`
      patches { patch "a.patch" { reason = "r" } }
      gomod { replace = { "example.org/r" = v1.2.3 } }
      ${GENERATE}
      generate "data" { package = "./cmd/data", args = ["{out}/data.go"], outputs = ["data.go"] }
    `)}component c {
      source = source.d
      go { toolchain = toolchain.go, packages = { p = "example.org/gen/cmd/gen" }, tests = { t = "./test" } }
    }
    `,
    "a.patch": "",
  };
  const nodes = nodesOf(project);

  it("makes a node for its patches, its modules and each generator, one for all platforms", () => {
    expect([...nodes.keys()].filter((address) => address.startsWith("source.d"))).toEqual([
      "source.d/patched",
      "source.d/modules",
      "source.d/generate:api",
      "source.d/generate:data",
      "source.d",
    ]);
    expect(nodes.get("source.d")?.dependencies).toEqual([
      "source.d/patched",
      "toolchain.go",
      "source.d/generate:api",
      "source.d/generate:data",
    ]);
  });

  it("chooses the modules of the generators and of what they look at, for this machine", () => {
    expect(definitionOf(nodes, "source.d/modules", "modules")).toMatchObject({
      source: "source.d/patched",
      packages: ["example.org/gen/cmd/gen", "./cmd/all", "./cmd/data"],
      edits: { replace: { "example.org/r": { path: "example.org/r", version: "v1.2.3" } } },
    });
    expect(definitionOf(nodes, "source.d/modules", "modules")).not.toHaveProperty("platform");
  });

  it("keeps the outputs of a generator in order of their paths", () => {
    expect(definitionOf(nodes, "source.d/generate:api", "generate")).toEqual({
      kind: "generate",
      source: "source.d/patched",
      modules: "source.d/modules",
      toolchain: "toolchain.go",
      package: "example.org/gen/cmd/gen",
      args: ["-i={packages}", "-o={gopath}"],
      packages: { of: ["./cmd/all"], marker: "+gen=" },
      outputs: ["pkg/a.go", "pkg/b.go"],
    });
  });

  it("is what a component builds packages and tests of", () => {
    expect(definitionOf(nodes, "component.c[mips64le]/modules", "modules")).toMatchObject({
      source: "source.d",
      packages: ["example.org/gen/cmd/gen"],
      tests: ["./test"],
    });
    expect(definitionOf(nodes, "component.c[mips64le]", "component")).toMatchObject({
      packages: { p: "example.org/gen/cmd/gen" },
      tests: { t: "./test" },
    });
  });

  it("needs neither a toolchain nor modules without edits and generators", () => {
    const only = nodesOf(derived("", "from = source.s"));
    expect(definitionOf(only, "source.d", "source")).toEqual({
      kind: "source",
      origin: { type: "derived", node: "source.s", generated: [] },
    });
  });
});

describe("a derived source's faults", () => {
  it.each([
    [
      "generators without a toolchain",
      derived(GENERATE, "from = source.s"),
      'KM0203 project.kmips:4:8 source.d has no "go_toolchain" (add: go_toolchain = toolchain.go, for "gomod" and "generate")',
    ],
    [
      "generators without another source",
      `${HEAD}source d { go_module = "example.org/d", version = v1.0.0\n${GENERATE} }`,
      'KM0205 project.kmips:5:10 "generate" only goes with "from" (declare another source with from, and put it there)',
    ],
    [
      "a placeholder that is none",
      derived(GENERATE.replace("{gopath}", "{gopth}")),
      'KM0227 project.kmips:9:35 "{gopth}" stands for nothing in the arguments (did you mean "gopath"?)',
    ],
    [
      "a list of packages that no argument takes",
      derived(GENERATE.replace('"-i={packages}", ', "")),
      'KM0205 project.kmips:7:3 "packages_of" and "{packages}" only go together (write {packages} where the list belongs among the arguments)',
    ],
    [
      "an output outside of the source",
      derived(GENERATE.replace("pkg/a.go", "../a.go")),
      'KM0331 project.kmips:10:30 Output "../a.go" is not a file inside the source (write its path relative to the source, without ..)',
    ],
    [
      "a generator whose label would be no part of an address",
      derived(GENERATE.replace('"api"', '"[]"')),
      'KM0206 project.kmips:5:10 Label "[]" of generate has neither letters nor digits (write another label)',
    ],
    [
      "two generators with one address",
      derived(`${GENERATE}\ngenerate "Api!" { package = "./cmd/data", outputs = ["other.go"] }`),
      'KM0301 project.kmips:12:10 Duplicate generate "api" (write another label)',
    ],
    [
      "an output of two generators",
      derived(`${GENERATE}\n${GENERATE.replace('"api"', '"again"').replace('"pkg/b.go", ', "")}`),
      'KM0333 project.kmips:12:10 "pkg/a.go" is generated twice (remove it from one of the generators)',
    ],
    [
      "a patched module",
      derived(
        'gomod { patch "example.org/m" { version = v1.0.0, patches { patch "a.patch" { reason = "r", retire = true } } } }',
      ),
      'KM0205 project.kmips:5:15 "patch" of example.org/m only goes with a component (write it in the gomod block of the components that contain the module)',
    ],
    [
      "a generator that is no package",
      derived(GENERATE.replace('"example.org/gen/cmd/gen"', '"gen"')),
      'KM0336 project.kmips:6:17 Package "gen" is not a path inside the source (write "./gen")',
    ],
  ])("%s", (_name, recipe, fault) => {
    expect(faults(recipe)).toEqual([fault]);
  });

  it("a component with neither packages nor tests, or one name for both", () => {
    const component = (body: string): string =>
      `${HEAD}component c { source = source.s, go { toolchain = toolchain.go, ${body} } }`;
    expect(faults(component(""))).toEqual([
      'KM0227 project.kmips:4:11 "packages" is empty (name at least one program)',
    ]);
    expect(faults(component('packages = { p = "." }, tests = { p = "." }'))).toEqual([
      'KM0336 project.kmips:4:89 Program "p" is in "packages" and in "tests" (give one of them another name)',
    ]);
  });
});

describe("a version", () => {
  it("has its numbers as members", () => {
    const nodes = nodesOf(
      `source s { directory = "." }
       toolchain go { go = v1.26.8 }
       component c {
         version = v1.16.2
         source = source.s
         go {
           toolchain = toolchain.go
           packages = { p = "." }
           ldflags = ["\${self.version.major} \${self.version.minor} \${self.version.patch}"]
         }
       }`,
    );
    expect(definitionOf(nodes, "component.c", "component")).toMatchObject({ ldflags: ["1 16 2"] });
  });
});
