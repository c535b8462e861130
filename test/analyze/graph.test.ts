import { describe, expect, it } from "vitest";
import { digestOf } from "../../cache/digest.js";
import { analyzeProject, definitionOf, nodesOf, print, type Project } from "./support/project.js";
import { EXAMPLE, EXAMPLE_PROJECT } from "./support/example.js";

const GO = `toolchain go { go = v1.26.8 }
source s { go_module = "example.org/s", version = v1.0.0 }
`;
const component = (name: string, body: string): string =>
  `component ${name} { source = source.s, go { toolchain = toolchain.go, packages = { ${name} = "." } } ${body} }\n`;

describe("analyze() of the reference's example", () => {
  const nodes = nodesOf(EXAMPLE_PROJECT);

  it("makes every declared and derived node, dependencies first", () => {
    const addresses = [...nodes.keys()];
    expect([...addresses].sort()).toEqual([
      "base.debian",
      "base.debian/index",
      "base.debian/packages",
      "component.child",
      "component.child/modules",
      "component.coredns",
      "component.coredns/modules",
      "component.etcd",
      "component.etcd/module:github.com/coreos/bbolt",
      "component.etcd/module:github.com/coreos/bbolt/patched",
      "component.etcd/modules",
      "component.etcd/patched",
      "component.pause",
      "group.conformance",
      "image.etcd",
      "image.etcd/test:puts-and-gets",
      "image.etcd/test:version",
      "image.hello",
      "image.tools",
      "image.tools/install",
      "image.tools/packages",
      "image.tools/run:check",
      "image.tools/run:stamp",
      "index.hello",
      "source.beside",
      "source.blob",
      "source.coredns",
      "source.etcd",
      "source.kubernetes",
      "source.named",
      "toolchain.cc",
      "toolchain.go",
    ]);
    for (const [address, node] of nodes) {
      for (const dependency of node.dependencies) {
        expect(addresses.indexOf(dependency)).toBeLessThan(addresses.indexOf(address));
      }
    }
  });

  it("reads a patched source, its modules and the patched module", () => {
    expect(nodes.get("component.etcd")?.dependencies).toEqual([
      "component.etcd/patched",
      "component.etcd/modules",
      "toolchain.go",
      "component.etcd/module:github.com/coreos/bbolt/patched",
    ]);
    const patch = definitionOf(nodes, "component.etcd/patched", "patch");
    expect(patch.series.map((file) => file.path)).toEqual(["/project/patches/0001-a.patch"]);
    expect(patch.retired.map((file) => file.label)).toEqual(["patches/0002-b.patch"]);
    const modules = definitionOf(nodes, "component.etcd/modules", "modules");
    expect(modules.edits).toEqual({
      file: "/project/etcd.mod",
      go: "1.13",
      drop: ["k8s.io/node-api"],
      require: { "k8s.io/api": "v0.0.0-20191016110408-35e52d86657a" },
      replace: {
        "vbom.ml/util": { path: "github.com/fvbommel/util", version: "v0.0.1" },
        "github.com/modern-go/reflect2": {
          path: "github.com/modern-go/reflect2",
          version: "v1.0.2",
        },
      },
    });
    expect(modules.packages).toEqual([".", "./etcdctl"]);
  });

  it("keeps the documentation comment", () => {
    expect(nodes.get("component.etcd")?.doc).toBe("Etcd, the store.");
  });

  it("names the image by name and version without the v", () => {
    expect(definitionOf(nodes, "image.etcd", "image").reference).toBe("etcd:3.3.15");
    expect(definitionOf(nodes, "image.hello", "image").reference).toBe("hello:latest");
  });

  it("puts a group's images and their tests among its members", () => {
    expect(definitionOf(nodes, "group.conformance", "group").members).toEqual([
      "image.etcd",
      "image.etcd/test:puts-and-gets",
      "image.etcd/test:version",
      "image.hello",
    ]);
  });

  it("lowers every form of step", () => {
    const { steps, services, timeoutMs } = definitionOf(
      nodes,
      "image.etcd/test:puts-and-gets",
      "test",
    );
    expect(steps.map((step) => step.type)).toEqual(["command", "http", "dns", "signal"]);
    expect(services[0]?.ready).toEqual({ type: "tcp", port: 2379 });
    expect(timeoutMs).toBe(90_000);
  });

  it("has the same definitions whatever the order of declarations and files", () => {
    const withoutPlaces = (project: Project): string => {
      const definitions = [...nodesOf(project)].map(([address, node]) => [
        address,
        node.definition,
        node.dependencies,
      ]);
      return digestOf(
        JSON.stringify(definitions, (key, value: unknown) => (key === "at" ? undefined : value)),
      );
    };
    const chunks = EXAMPLE.split(/\n(?=[a-z]+ [a-z]+ (?:\{|=|extends)|##)/);
    const [head = "", ...declarations] = chunks;
    const reversed = [head, ...declarations.reverse()].join("\n");
    const elsewhere = {
      ...EXAMPLE_PROJECT,
      "project.kmips": `${head}\nimport "rest.kmips"\n`.replace(
        /(import "kmips:toolchain\.kmips")([^]*)(import "rest\.kmips")/,
        "$3\n$1$2",
      ),
      "rest.kmips": declarations.join("\n"),
    };
    const expected = withoutPlaces(EXAMPLE_PROJECT);
    expect(withoutPlaces({ ...EXAMPLE_PROJECT, "project.kmips": reversed })).toBe(expected);
    expect(withoutPlaces(elsewhere)).toBe(expected);
  });
});

describe("analyze() of the project block", () => {
  it("defaults to the directory's name and mips64le", () => {
    const { graph } = analyzeProject("image i { }");
    expect(graph?.projectName).toBe("project");
    expect(definitionOf(graph?.nodes ?? new Map(), "image.i", "image").platform.arch).toBe(
      "mips64le",
    );
  });

  it("ignores the project block of an imported recipe", () => {
    const { graph, diagnostics } = analyzeProject({
      "project.kmips": 'import "lib.kmips"\nproject { name = "mine" }',
      "lib.kmips": 'project { name = "theirs", targets = [riscv64] }\nimage i { }',
    });
    expect(diagnostics).toEqual([]);
    expect(graph?.projectName).toBe("mine");
    expect(graph?.recipes).toEqual(["/project/project.kmips", "/project/lib.kmips"]);
    expect([...(graph?.nodes.keys() ?? [])]).toEqual(["image.i"]);
  });

  it("reads recipes that import each other once", () => {
    const { graph } = analyzeProject({
      "project.kmips": 'import "a.kmips"',
      "a.kmips": 'import "project.kmips"\nimport "./a.kmips"\nimage a { }',
    });
    expect(graph?.recipes).toEqual(["/project/project.kmips", "/project/a.kmips"]);
  });
});

describe("analyze() of a toolchain as a source", () => {
  it("makes its tree a source, and its own programs packages", () => {
    const nodes = nodesOf(`${GO}source tree { toolchain = toolchain.go }
component own { source = source.tree, go { toolchain = toolchain.go, packages = { go = "cmd/go" } } }
image i { files { "/src" -> tree(source.tree, "src"), "/go" -> component.own.go } }`);
    expect(definitionOf(nodes, "source.tree", "source").origin).toEqual({
      type: "toolchain",
      node: "toolchain.go",
    });
    expect(nodes.get("source.tree")?.dependencies).toEqual(["toolchain.go"]);
    expect(definitionOf(nodes, "component.own", "component")).toMatchObject({
      source: "source.tree",
      packages: { go: "cmd/go" },
    });
  });
});

describe("analyze() of several platforms", () => {
  const recipe = `project { targets = [mips64le, target.soft, riscv64] }
target soft { arch = mips64le, float = softfloat }
toolchain cc { cc = gcc }
${GO}${component("c", 'patches { patch "a.patch" { reason = "x" } patch "b.patch" { reason = "y", when = target.arch == riscv64 } }')}
component p { source = source.s, c { toolchain = toolchain.cc, programs = { p = ["p.c"] } } }
image i { version = v1.2.0, files { "/c" -> component.c.c, "/p" -> component.p } }
index i { images = [image.i] }
`;
  const nodes = nodesOf({ "project.kmips": recipe, "a.patch": "", "b.patch": "" });

  it("gives images, components and C toolchains a target axis", () => {
    expect(
      [...nodes.keys()].filter((address) => /^(image|toolchain)/.test(address)).sort(),
    ).toEqual([
      "image.i[mips64le]",
      "image.i[riscv64]",
      "image.i[soft]",
      "toolchain.cc[mips64le]",
      "toolchain.cc[riscv64]",
      "toolchain.cc[soft]",
      "toolchain.go",
    ]);
    expect(definitionOf(nodes, "toolchain.cc[riscv64]", "toolchain")).toMatchObject({
      triplet: "riscv64-linux-gnu",
      packages: ["binutils-riscv64-linux-gnu", "gcc-riscv64-linux-gnu", "libc6-dev-riscv64-cross"],
    });
  });

  it("binds references to the same platform", () => {
    expect(nodes.get("image.i[riscv64]")?.dependencies).toEqual([
      "component.c[riscv64]",
      "component.p[riscv64]",
    ]);
  });

  it("gives references of images their platform, and the index none", () => {
    const references = ["mips64le", "soft", "riscv64"].map(
      (axis) => definitionOf(nodes, `image.i[${axis}]`, "image").reference,
    );
    expect(references).toEqual([
      "i:1.2.0-mips64le",
      "i:1.2.0-mips64le-softfloat",
      "i:1.2.0-riscv64",
    ]);
    expect(definitionOf(nodes, "index.i", "index")).toEqual({
      kind: "index",
      images: ["image.i[mips64le]", "image.i[soft]", "image.i[riscv64]"],
      reference: "i:1.2.0",
    });
  });

  it("keeps the axis of a derived node only where a definition depends on it", () => {
    const derived = [...nodes.keys()].filter((address) => address.includes("/"));
    expect(derived.sort()).toEqual([
      "component.c[mips64le]/modules",
      "component.c[mips64le]/patched",
      "component.c[riscv64]/modules",
      "component.c[riscv64]/patched",
      "component.c[soft]/modules",
      "component.c[soft]/patched",
    ]);
  });

  it("makes one patch node for all platforms when no patch differs", () => {
    const shared = nodesOf({
      "project.kmips": `project { targets = [mips64le, riscv64] }\n${GO}${component("c", 'patches { patch "a.patch" { reason = "x" } }')}`,
      "a.patch": "",
    });
    expect(shared.get("component.c[riscv64]")?.dependencies).toEqual([
      "component.c/patched",
      "component.c[riscv64]/modules",
      "toolchain.go",
    ]);
    expect(shared.has("component.c[mips64le]/patched")).toBe(false);
  });
});

describe("analyze() of a matrix", () => {
  it("makes the cells in the order of the axes, without the excepted ones", () => {
    const nodes = nodesOf(`image i {
  matrix { version = [v1.14, v1.15], target = [mips64le, riscv64, loong64], except = [{ version = v1.14, target = [riscv64, loong64] }] }
  version = matrix.version
}`);
    expect([...nodes.keys()].sort()).toEqual([
      "image.i[v1.14,mips64le]",
      "image.i[v1.15,loong64]",
      "image.i[v1.15,mips64le]",
      "image.i[v1.15,riscv64]",
    ]);
    expect(definitionOf(nodes, "image.i[v1.15,loong64]", "image").reference).toBe("i:1.15-loong64");
  });

  it("binds axes of the same name and lets an index fix others", () => {
    const nodes =
      nodesOf(`source s { matrix { version = [v1.0.0, v2.0.0], flavor = [a, b] }, go_module = "example.org/\${matrix.flavor}", version = matrix.version }
image i { matrix { version = [v1.0.0, v2.0.0] }, version = matrix.version, files { "/s" -> tree(source.s[b]) } }`);
    expect(nodes.get("image.i[v2.0.0]")?.dependencies).toEqual(["source.s[v2.0.0,b]"]);
    expect(definitionOf(nodes, "source.s[v2.0.0,b]", "source").origin).toEqual({
      type: "go-module",
      path: "example.org/b",
      version: "v2.0.0",
    });
  });

  it("leaves out cells whose condition is false, and their tests from groups", () => {
    const nodes = nodesOf(`image i {
  matrix { target = [mips64le, riscv64] }
  when = target.arch != riscv64
  test "t" { cmd = ["/c"] }
}
group g { members = [image.i] }`);
    expect([...nodes.keys()].sort()).toEqual([
      "group.g",
      "image.i[mips64le]",
      "image.i[mips64le]/test:t",
    ]);
    expect(nodes.get("group.g")?.dependencies).toEqual([
      "image.i[mips64le]",
      "image.i[mips64le]/test:t",
    ]);
  });

  it("answers what self and target are", () => {
    const nodes = nodesOf(`image i {
  matrix { target = [arm64] }
  version = v1.0.0
  labels = { self = "\${self.name} \${self.version} \${self.address}", target = "\${target.arch} \${target.os} \${target.platform} \${target.debian} \${target.triplet} \${target.uname}", project = project.name }
}`);
    expect(definitionOf(nodes, "image.i[arm64]", "image").config.labels).toEqual({
      self: "i v1.0.0 image.i[arm64]",
      target: "arm64 linux linux/arm64 arm64 aarch64-linux-gnu aarch64",
      project: "project",
    });
  });
});

describe("analyze() of blocks with a condition", () => {
  it("reads the source directly and says so when all patches are retired", () => {
    const { graph, notes, diagnostics } = analyzeProject(
      `${GO}${component("c", 'version = v1.16.2, patches { patch "gone.patch" { reason = "x", retire = self.version >= v1.9.0 } }')}`,
    );
    expect(diagnostics.map(print)).toEqual([]);
    expect(graph?.nodes.get("component.c")?.dependencies[0]).toBe("source.s");
    expect(notes).toEqual([
      { address: "component.c", message: expect.stringContaining("gone.patch") as string },
    ]);
  });

  it("drops files, users and tests whose condition is false", () => {
    const nodes = nodesOf(`image i {
  files { "/a" -> text("a") }
  files { when = target.arch == riscv64, "/a" -> text("b") }
  user "web" { when = false, uid = 1 }
  test "t" { when = false, cmd = ["/c"] }
}`);
    expect([...nodes.keys()]).toEqual(["image.i"]);
    expect(definitionOf(nodes, "image.i", "image")).toMatchObject({
      users: [],
      files: [{ content: { text: "a" } }],
    });
  });
});

describe("analyze() of an image on another", () => {
  it("takes the base's configuration and users where it has none of its own", () => {
    const nodes =
      nodesOf(`image base { user "web" { uid = 1000 } entrypoint = ["/e"], cmd = ["x"], env = { A = "1", B = "2" }, ports = [80], workdir = "/w" }
image top { from = image.base, run_as = "web", env = { B = "3" }, ports = [81] }
image other { from = image.base, entrypoint = ["/f"], user "db" { uid = 1001 } }`);
    expect(definitionOf(nodes, "image.top", "image")).toMatchObject({
      base: "image.base",
      users: [],
      config: {
        entrypoint: ["/e"],
        cmd: ["x"],
        env: { A: "1", B: "3" },
        ports: ["80/tcp", "81/tcp"],
        workdir: "/w",
        user: "web",
      },
    });
    const other = definitionOf(nodes, "image.other", "image");
    expect(other.config.cmd).toEqual([]);
    expect(other.users.map((user) => user.name)).toEqual(["web", "db"]);
  });
});
