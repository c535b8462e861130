import { describe, expect, it } from "vitest";
import { analyzeProject, definitionOf, knownPackages, nodesOf, print } from "./support/project.js";

const BASE = "base debian { debian { suite = bookworm } }\n";
const TABLE = `packages t {
  from = "alpine"
  to = base.debian
  "bind-tools" -> ["bind9-dnsutils", "bind9-host"]
  "curl" -> same
  "musl-dev" -> []
  default -> ask
}
`;

describe("a base", () => {
  it("draws a set of packages from the suite and its updates", () => {
    const nodes = nodesOf(`base debian {
      debian { suite = bookworm, include = ["ca-certificates"], exclude_paths = [glob"/usr/share/doc/**"] }
      budget { size = 260MiB, emulated = 0s }
      cmd = ["/bin/sh"]
    }`);
    expect([...nodes.keys()].sort()).toEqual([
      "base.debian",
      "base.debian/index",
      "base.debian/packages",
    ]);
    expect(definitionOf(nodes, "base.debian/index", "debian-index")).toMatchObject({
      suites: ["bookworm", "bookworm-updates"],
      components: ["main"],
      platform: { arch: "mips64le" },
    });
    expect(definitionOf(nodes, "base.debian/packages", "packages")).toMatchObject({
      index: "base.debian/index",
      variant: "minbase",
      names: ["ca-certificates"],
      recommends: false,
    });
    expect(definitionOf(nodes, "base.debian", "base")).toMatchObject({
      packages: "base.debian/packages",
      suite: "bookworm",
      scripts: "chrootless",
      excludePaths: ["/usr/share/doc/**"],
      keepPaths: [],
      config: { cmd: ["/bin/sh"] },
      reference: "debian:bookworm",
      budget: { sizeBytes: 260 * 1024 * 1024, emulatedMs: 0 },
    });
    expect(nodes.get("base.debian")?.dependencies).toEqual(["base.debian/packages"]);
  });

  it("takes any suite of an archive with its own keys", () => {
    const nodes = nodesOf({
      "project.kmips": `base own { debian { suite = "own-2", suites = ["own-2"], keyring = "own.gpg" } }`,
      "own.gpg": "",
    });
    expect(definitionOf(nodes, "base.own/index", "debian-index")).toMatchObject({
      suites: ["own-2"],
      keyring: "/project/own.gpg",
    });
    expect(definitionOf(nodes, "base.own", "base").reference).toBe("own:own-2");
  });

  it("has a cell for each target, which images bind, and tests", () => {
    const nodes = nodesOf(`project { targets = [amd64, arm64] }
${BASE.replace("} }", '} test "runs" { cmd = ["/bin/true"] } }')}image i { from = base.debian, install = ["curl"] }`);
    expect(definitionOf(nodes, "image.i[arm64]", "image").base).toBe("image.i[arm64]/install");
    expect(definitionOf(nodes, "image.i[arm64]/install", "install").base).toBe(
      "base.debian[arm64]",
    );
    expect(definitionOf(nodes, "image.i[arm64]/packages", "packages").index).toBe(
      "base.debian[arm64]/index",
    );
    expect(definitionOf(nodes, "base.debian[amd64]/test:runs", "test").subject).toBe(
      "base.debian[amd64]",
    );
    expect(definitionOf(nodes, "base.debian[amd64]", "base").reference).toBe(
      "debian:bookworm-amd64",
    );
  });

  it("is a template's parameter and product", () => {
    const nodes =
      nodesOf(`template slim(suite: Str, names: Packages) -> base { debian { suite = suite } }
template on(ground: Base) -> image { from = ground }
base debian = slim(suite = "bookworm", names = packages.t)
${TABLE}image i = on(ground = base.debian)`);
    expect(definitionOf(nodes, "image.i", "image").base).toBe("base.debian");
  });
});

describe("an image that installs and runs", () => {
  it("stands on its steps: packages, install, run, files, run", () => {
    const nodes = nodesOf(`${BASE}image i {
      from = base.debian
      install = ["curl", "curl", "perl=5.36.0-7"]
      recommends = true
      scripts = emulated
      run "one" { script = "true", after = install, env = { A = "b" }, user = "root", workdir = "/tmp", network = on }
      files { "/x" -> text("x") }
      run "two" { cmd = ["/x"] }
      env = { B = "c" }
    }`);
    expect(definitionOf(nodes, "image.i/packages", "packages")).toMatchObject({
      index: "base.debian/index",
      on: "base.debian",
      names: ["curl", "perl=5.36.0-7"],
      recommends: true,
    });
    expect(nodes.get("image.i/packages")?.dependencies).toEqual([
      "base.debian/index",
      "base.debian",
    ]);
    expect(definitionOf(nodes, "image.i/install", "install")).toMatchObject({
      base: "base.debian",
      packages: "image.i/packages",
      scripts: "emulated",
    });
    expect(definitionOf(nodes, "image.i/run:one", "run")).toMatchObject({
      base: "image.i/install",
      argv: ["/bin/sh", "-ec", "true"],
      env: { A: "b" },
      user: "root",
      workdir: "/tmp",
      network: true,
    });
    const files = definitionOf(nodes, "image.i/files", "image");
    expect(files).toMatchObject({ base: "image.i/run:one", files: [{ path: "/x" }] });
    expect(files.reference).toBeUndefined();
    expect(definitionOf(nodes, "image.i/run:two", "run")).toMatchObject({
      base: "image.i/files",
      argv: ["/x"],
      network: false,
    });
    expect(definitionOf(nodes, "image.i", "image")).toMatchObject({
      base: "image.i/run:two",
      files: [],
      config: { env: { B: "c" } },
      reference: "i:latest",
    });
  });

  it("finds the base's archive below other images, in either order", () => {
    const nodes =
      nodesOf(`image top { from = image.middle, install = ["curl"], run_as = "www-data" }
image middle { from = image.low, files { "/y" -> text("y") } }
image low { from = base.debian, install = ["perl"], env = { L = "1" } }
${BASE.replace("} }", '}\n cmd = ["/bin/sh"] }')}`);
    expect(definitionOf(nodes, "image.top/packages", "packages")).toMatchObject({
      index: "base.debian/index",
      on: "image.middle",
    });
    expect(definitionOf(nodes, "image.top", "image").config).toMatchObject({
      cmd: ["/bin/sh"],
      env: { L: "1" },
    });
  });

  it("knows the users of the images below its steps", () => {
    const nodes = nodesOf(`${BASE}image low { from = base.debian, user "web" { uid = 7 } }
image top { from = image.low, run "x" { cmd = ["/bin/true"] }, user "own" { uid = 8 }, run_as = "web" }`);
    expect(definitionOf(nodes, "image.top/files", "image").users.map(({ name }) => name)).toEqual([
      "web",
      "own",
    ]);
    expect(definitionOf(nodes, "image.top", "image").users).toEqual([]);
  });

  it("may ask for what the archive lacks in a cell that only its name selects", () => {
    const { graph, diagnostics } = analyzeProject(
      `${BASE}image i {
  matrix { variant = ["near", "upstream"], optional = [{ variant = "upstream" }] }
  name = matrix.variant
  from    = base.debian
  install = [if matrix.variant == "near" then "curl" else "gone"]
}`,
      {},
      knownPackages({ curl: "1" }),
    );
    expect(diagnostics).toMatchObject([{ code: "KM0350", severity: "warning" }]);
    const { names } = definitionOf(graph!.nodes, "image.i[upstream]/packages", "packages");
    expect(names).toEqual(["gone"]);
  });

  it("runs in what its own files make", () => {
    const nodes = nodesOf('image i { files { "/x" -> text("") } run "x" { cmd = ["/x"] } }');
    expect(definitionOf(nodes, "image.i/files", "image").base).toBeUndefined();
    expect(definitionOf(nodes, "image.i", "image").base).toBe("image.i/run:x");
  });
});

describe("a table of packages", () => {
  const recipe = `${BASE}${TABLE}image i { from = base.debian, install = ["bind-tools", "curl", "musl-dev"], packages = packages.t }`;
  const known = knownPackages({ "bind9-dnsutils": "1", "bind9-host": "1", curl: "2" });

  it("gives the names of the other distribution", () => {
    const { graph, diagnostics, unknown } = analyzeProject(recipe, {}, known);
    expect(diagnostics.map(print)).toEqual([]);
    expect(unknown).toEqual([]);
    expect(definitionOf(graph!.nodes, "image.i/packages", "packages").names).toEqual([
      "bind9-dnsutils",
      "bind9-host",
      "curl",
    ]);
  });

  it("lets a row replace an inherited one", () => {
    const nodes = nodesOf(
      recipe.replace("packages.t }", "packages.u }") +
        `\npackages u extends packages.t { "bind-tools" -> ["knot-dnsutils"] }`,
    );
    expect(definitionOf(nodes, "image.i/packages", "packages").names).toEqual([
      "knot-dnsutils",
      "curl",
    ]);
  });

  it("waits for the index where only that can tell", () => {
    const asked = recipe.replace('"musl-dev"]', '"jq"]');
    const first = analyzeProject(asked);
    expect(first.diagnostics).toEqual([]);
    expect(first.unknown).toEqual(["base.debian/index"]);
    const second = analyzeProject(asked, {}, known);
    expect(second.diagnostics.map(({ code }) => code)).toEqual(["KM0352"]);
  });

  it("shows the row, and who asks, for a name that the archive lacks", () => {
    const { diagnostics } = analyzeProject(recipe, {}, knownPackages({ curl: "1" }));
    expect(diagnostics.map(print)).toEqual([
      expect.stringMatching(/^KM0350 project\.kmips:5:\d+ .*no package "bind9-dnsutils"/),
      expect.stringMatching(/^KM0350 project\.kmips:5:\d+ .*no package "bind9-host"/),
    ]);
    expect(diagnostics[0]?.notes?.[0]?.message).toBe('"bind-tools" is asked for here');
  });

  it("is no node", () => {
    expect(nodesOf(BASE + TABLE).has("packages.t")).toBe(false);
  });
});
