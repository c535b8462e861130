import { describe, expect, it } from "vitest";
import { analyze, type Analysis } from "../../src/analyze/index.js";
import type { Overrides } from "../../src/model/overrides.js";
import {
  analyzeProject,
  memoryReader,
  print,
  ROOT,
  SHIPPED,
  type Project,
} from "./support/project.js";

const RECIPE = `project {
  targets = [mips64le]
  options {
    ## The release of Kubernetes.
    version  = v1.16.2
    registry = "example.org"
    limit    = 90MiB
    mode     = quick
    tags     = ["a"]
    strict   = true
  }
}
target soft { arch = mips64le, float = softfloat }
image i {
  version = option.version
  labels  = { registry = option.registry, mode = "\${option.mode}", tags = "\${option.tags[0]}" }
  budget { size = option.limit }
  test "t" { when = option.strict, cmd = ["/i"] }
}
`;

function withOverrides(
  options: Readonly<Record<string, string>>,
  targets: readonly string[] = [],
  files: Project | string = RECIPE,
): Analysis {
  const overrides: Overrides = { options: new Map(Object.entries(options)), targets };
  const project = typeof files === "string" ? { "project.kmips": files } : files;
  return analyze({
    ...{ root: ROOT, entry: [`${ROOT}/project.kmips`], shipped: SHIPPED },
    reader: memoryReader(project),
    overrides,
  });
}

function image(analysis: Analysis, address = "image.i") {
  const definition = analysis.graph?.nodes.get(address)?.definition;
  if (definition?.kind !== "image") throw new Error(analysis.diagnostics.map(print).join("\n"));
  return definition;
}

describe("options of a project", () => {
  it("have their defaults", () => {
    const { reference, config } = image(withOverrides({}));
    expect(reference).toBe("i:1.16.2");
    expect(config.labels).toEqual({ registry: "example.org", mode: "quick", tags: "a" });
  });

  it("take literals of their types, and text without quotes", () => {
    const analysis = withOverrides({
      ...{ version: "v1.16.3", registry: "example.org:5000/a", limit: "1GiB", mode: "slow" },
      ...{ tags: '["b", "c"]', strict: "false" },
    });
    expect(analysis.misfits).toEqual([]);
    const { reference, config } = image(analysis);
    expect(reference).toBe("i:1.16.3");
    expect(config.labels).toEqual({ registry: "example.org:5000/a", mode: "slow", tags: "b" });
    expect(analysis.graph?.nodes.has("image.i/test:t")).toBe(false);
    expect(image(withOverrides({ registry: '"quoted"' })).config.labels["registry"]).toBe("quoted");
  });

  it("are described with type, value, default and documentation", () => {
    const { options } = withOverrides({ version: "v1.16.3" });
    expect(options[0]).toMatchObject({
      ...{ name: "version", type: "Version", value: "v1.16.3", fallback: "v1.16.2", isSet: true },
      doc: "The release of Kubernetes.",
    });
    expect(options.slice(1).map(({ name, type, value }) => `${name} ${type} ${value}`)).toEqual([
      'registry Str "example.org"',
      "limit Size 90MiB",
      "mode Name quick",
      'tags list<Str> ["a"]',
      "strict Bool true",
    ]);
  });

  it.each([
    ["versoin", "v1.0.0", /no option "versoin"/, /"version"/],
    ["version", "1.16.3", /--set version is the Str "1\.16\.3", wanted a Version/, /v1\.16\.3/],
    ["limit", "90", /without a unit/, /90MiB/],
    ["mode", "a b", /wanted a name/, /quick/],
    ["strict", "yes", /wanted a Bool/, /true or false/],
    ["tags", "b", /wanted a list<Str>/, undefined],
    ["version", "v1.0.0 } } image j {", /wanted a Version/, undefined],
  ])("refuse --set %s=%s", (name, text, message, help) => {
    const { misfits, diagnostics } = withOverrides({ [name]: text });
    expect(misfits).toHaveLength(1);
    expect(misfits[0]?.message).toMatch(message);
    if (help !== undefined) expect(misfits[0]?.help).toMatch(help);
    expect(diagnostics.map(print)).toEqual([]);
  });

  it("say how to declare the first one", () => {
    const { misfits } = withOverrides({ a: "1" }, [], "image i { }");
    expect(misfits[0]?.help).toMatch(/project \{ options \{ a = … \} \}/);
  });

  it("are those of the project itself in recipes that it imports", () => {
    const shipped = `project { options { version = v9.0.0 } }
image s { version = option.version }`;
    const own = (options: string): Project => ({
      "project.kmips": `import "kmips:s.kmips"\nproject { ${options} }`,
      "kmips:s.kmips": shipped,
    });
    const analysis = withOverrides({}, [], own("options { version = v2.0.0 }"));
    expect(image(analysis, "image.s").reference).toBe("s:2.0.0");
    const [missing] = withOverrides({}, [], own("")).diagnostics;
    expect(missing && print(missing)).toMatch(
      /^KM0215 kmips:s\.kmips:2:28 The project has no option "version" \(declare it .*options \{ version = … \}/,
    );
  });

  it("are literals, and no options of each other", () => {
    const faults = (options: string): string[] =>
      analyzeProject(
        `source s { directory = "." }\nproject { options { ${options} } }`,
      ).diagnostics.map(print);
    expect(faults("a = source.s")[0]).toMatch(/KM0210 .* wanted a literal/);
    expect(faults('a = [v1.0.0, "x"]')[0]).toMatch(/KM0210 .* wanted a literal/);
    expect(faults("a = v1.0.0, b = option.a")).toEqual([
      expect.stringMatching(/KM0226 .*"option.a" has no meaning here/),
    ]);
    expect(faults("block x { }")[0]).toMatch(/KM0202/);
  });
});

describe("--target", () => {
  it("stands for the project's platforms, and the names of images say so", () => {
    const one = withOverrides({}, ["riscv64"]);
    expect(image(one).reference).toBe("i:1.16.2-riscv64");
    expect(image(withOverrides({}, ["mips64le"])).reference).toBe("i:1.16.2");
    const two = withOverrides({}, ["mips64le", "soft"]);
    expect(image(two, "image.i[soft]").reference).toBe("i:1.16.2-mips64le-softfloat");
  });

  it("keeps the addresses of a project for several platforms", () => {
    const recipe = "project { targets = [mips64le, riscv64] }\nimage i { }";
    const { graph } = withOverrides({}, ["riscv64"], recipe);
    expect([...(graph?.nodes.keys() ?? [])]).toEqual(["image.i[riscv64]"]);
  });

  it("refuses what is no platform", () => {
    expect(withOverrides({}, ["mipsel64"]).misfits[0]?.help).toMatch(/mips64le/);
    expect(withOverrides({}, ["mips64el"]).misfits[0]?.help).toMatch(/mips64le/);
    expect(withOverrides({}, ["sotf"]).misfits[0]?.help).toMatch(/"soft"/);
    expect(withOverrides({}, ["vax"]).misfits[0]?.message).toMatch(/Unknown platform "vax"/);
  });
});
