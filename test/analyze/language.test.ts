import { describe, expect, it } from "vitest";
import { compareVersions } from "../../src/analyze/index.js";
import { analyzeProject, definitionOf, nodesOf, print } from "./support/project.js";

/** The label `a` of an image whose label is the expression. */
function text(expression: string, extra = ""): string | undefined {
  const nodes = nodesOf(`${extra}image i { version = v1.16.2, labels = { a = ${expression} } }`);
  return definitionOf(nodes, "image.i", "image").config.labels["a"];
}
const condition = (expression: string): string | undefined =>
  text(`if ${expression} then "yes" else "no"`);
const faults = (recipe: string): string[] => analyzeProject(recipe).diagnostics.map(print);

describe("compareVersions()", () => {
  it("orders by the rules of Semantic Versioning", () => {
    const ordered = [
      "v1.0.0-alpha",
      "v1.0.0-alpha.1",
      "v1.0.0-alpha.beta",
      "v1.0.0-beta.2",
      "v1.0.0-beta.11",
      "v1.0.0-rc.1",
      "v1.0.0",
      "v1.9.0",
      "v1.16.2",
    ];
    for (const [index, version] of ordered.entries()) {
      for (const [other, later] of ordered.entries()) {
        expect(Math.sign(compareVersions(version, later))).toBe(Math.sign(index - other));
      }
    }
    expect(compareVersions("v3.3.15+incompatible", "v3.3.15")).toBe(0);
    expect(compareVersions("v1.13", "v1.13.0")).toBe(0);
    expect(
      compareVersions("v0.0.0-20191016110408-35e52d86657a", "v0.0.0-20200101000000-000000000000"),
    ).toBeLessThan(0);
  });
});

describe("evaluation", () => {
  it("compares versions, names and numbers by type", () => {
    expect(condition("v1.16.2 >= v1.9.0")).toBe("yes");
    expect(condition("self.version < v1.16.2-rc.1")).toBe("no");
    expect(condition("target.arch in [mips64le, mips64]")).toBe("yes");
    expect(condition("5MiB > 4MiB and 20s < 1m and not 0o755 == 0o644")).toBe("yes");
    expect(condition('"A" in { A = 1 }')).toBe("yes");
  });

  it("does not evaluate what and and or do not need", () => {
    expect(condition("false and [1][7] == 1")).toBe("no");
    expect(condition("true or [1][7] == 1")).toBe("yes");
  });

  it("joins text and paths", () => {
    expect(text('"a" + "b"')).toBe("ab");
    expect(text('"a/" / "b"')).toBe("a/b");
    expect(text('"${self.version}-${3}"')).toBe("v1.16.2-3");
    expect(text('[for x in ["a", "b", "c"] : "${x}!" if x != "b"][1]')).toBe("c!");
  });

  it("takes keys that objects have by nature as ordinary ones", () => {
    const nodes = nodesOf(
      'image i { labels = { constructor = "a", "__proto__" = "b", toString = "c" } }',
    );
    const { labels } = definitionOf(nodes, "image.i", "image").config;
    expect(JSON.stringify(labels)).toBe('{"constructor":"a","__proto__":"b","toString":"c"}');
    expect(faults("image i { constructor = 1 }")).toEqual([
      expect.stringMatching(/^KM0201 .*Unknown attribute "constructor"/),
    ]);
  });

  it("reports a wrong value once however many cells and uses it has", () => {
    expect(
      faults(`template t(tag: Str) -> image { tag = tag, labels = { tag = tag } }
image a = t(tag = v1.0.0) { matrix { n = [1, 2, 3] } }`),
    ).toEqual([
      'KM0210 project.kmips:2:19 parameter "tag" is the Version v1.0.0, wanted a Str (write "v1.0.0" in quotes)',
    ]);
  });
});

describe("regular expressions", () => {
  const refused = (pattern: string): boolean =>
    faults(`image i { test "t" { cmd = ["/c"], expect = re"${pattern}" } }`).some((fault) =>
      fault.startsWith("KM0220"),
    );

  it("are refused when a repetition repeats, or a group is referred to", () => {
    for (const pattern of [
      "(a+)+",
      "(a*)*b",
      "((a|b)+c?)+",
      "(?:a+b*)+",
      "(?<x>a+)*",
      "(a{2,})+",
      "(a)\\1",
    ])
      expect(refused(pattern), pattern).toBe(true);
    for (const pattern of [
      "(ab)+",
      "[(a+)+]+",
      "\\(a+\\)+",
      "(?:ab)*c+",
      "a{1,3}b+",
      "(a+)?",
      "^v(\\d+)\\.(\\d+)$",
    ])
      expect(refused(pattern), pattern).toBe(false);
  });
});

describe("merging", () => {
  it("adds, removes and overrides along extends", () => {
    const nodes =
      nodesOf(`image a { name = "a", cmd = ["x", "y"], env = { A = "1", B = "2" }, user "u" { uid = 1 } }
image b extends image.a { override name = "b", cmd += ["z"], cmd -= ["x"], env -= ["A"], env += { C = "3" }, user "u" { gid = 7 } }
image c extends image.b { override name = "c", override cmd = [] }`);
    const b = definitionOf(nodes, "image.b", "image");
    expect(b.config.cmd).toEqual(["y", "z"]);
    expect(b.config.env).toEqual({ B: "2", C: "3" });
    expect(b.users).toEqual([{ name: "u", uid: 1, gid: 7, home: "/", shell: "/sbin/nologin" }]);
    expect(definitionOf(nodes, "image.c", "image").config.cmd).toEqual([]);
  });

  it("edits an attribute that has no value yet from its empty default", () => {
    const nodes = nodesOf('image a { cmd += ["x"] }');
    expect(definitionOf(nodes, "image.a", "image").config.cmd).toEqual(["x"]);
  });

  it("shows where the inherited value comes from", () => {
    const [diagnostic] = analyzeProject(
      'image a { name = "a" }\nimage b extends image.a { name = "b" }',
    ).diagnostics;
    expect(diagnostic?.notes?.map((note) => [note.message, note.at?.span.start])).toEqual([
      ["inherited from here", 10],
    ]);
  });

  it("refuses a map key that is there already", () => {
    expect(
      faults(
        'image a { name = "a", env = { A = "1" } }\nimage b extends image.a { override name = "b", env += { A = "2" } }',
      ),
    ).toEqual([
      expect.stringMatching(
        /^KM0225 .*Key "A" is there already \(remove it first with -= \["A"\]\)/,
      ),
    ]);
  });
});

describe("templates", () => {
  it("resolve paths against the file that wrote them", () => {
    const nodes = nodesOf({
      "project.kmips": 'import "lib/t.kmips"\nimage i = t(mine = "own.txt")',
      "lib/t.kmips":
        'template t(mine: Str, theirs: Str = "lib.txt") -> image { files { "/a" -> local(mine), "/b" -> local(theirs) } }',
      "own.txt": "",
      "lib/lib.txt": "",
    });
    const { files } = definitionOf(nodes, "image.i", "image");
    expect(files.map((file) => file.content)).toEqual([
      { type: "local", path: "/project/own.txt" },
      { type: "local", path: "/project/lib/lib.txt" },
    ]);
  });

  it("name the instance in the notes of a fault inside", () => {
    const [diagnostic] = analyzeProject(
      "template t(n: Int) -> image { ports = [n + v1.0.0] }\nimage i = t(n = 3)",
    ).diagnostics;
    expect(diagnostic?.code).toBe("KM0212");
    expect(diagnostic?.notes?.[0]?.message).toBe('in template "t", expanded for image.i here');
  });

  it("take defaults that use other parameters, and arguments of the cell", () => {
    const nodes = nodesOf(`template t(n: Str, tag: Str = "\${n}-x") -> image { name = n, tag = tag }
image i = t(n = self.name)`);
    expect(definitionOf(nodes, "image.i", "image").reference).toBe("i:i-x");
  });

  it("report a default that needs itself", () => {
    expect(
      faults("template t(a: Str = b, b: Str = a) -> image { name = a }\nimage i = t()").map(
        (fault) => fault.slice(0, 6),
      ),
    ).toEqual(["KM0222"]);
  });

  it("are checked for unknown names even when nobody uses them", () => {
    expect(faults("template t() -> image { nmae = 1 }")).toEqual([
      expect.stringMatching(/^KM0201 .*did you mean "name"/),
    ]);
  });
});

describe("diagnostics", () => {
  it("are exactly six for six faults of syntax and meaning", () => {
    const found = faults(`project { targets = [mips64el] }

source a { go_module = "example.org/a", version = v1.0.0 }

source b { go_module = , version = v1.0.0 }

source broken { git = "https://example.org/x.git", commit = "abc" }

toolchain go { go = v1.26.8 }

component c {
  source = source.aa
  go { toolchain = toolchain.go, packages = { c = "." }, ldflag = [] }
}

component d { source = source.b, go { toolchain = toolchain.go, packages = { d = "." } } }

image i {
  files { "/c" -> component.c.c, "/d" -> component.d.d, "e" -> text("") }
}
`);
    expect(found.length, found.join("\n")).toBe(6);
    expect(found.map((fault) => fault.slice(0, 6)).slice(-3)).toEqual([
      "KM0302",
      "KM0201",
      "KM0332",
    ]);
  });

  it("of one declaration do not hide each other", () => {
    const found = faults(`toolchain go { go = v1.26.8 }
component c {
  source = source.none
  patches { patch "none.patch" { reason = "x" } }
  go { toolchain = toolchain.go, packages = { c = "cmd" }, ldflags = [1] }
  test "t" { cmd = ["/c"], exit = 300, files { "a" -> text("x") } }
}
image i { ports = [0], labels = { a = 1 }, run_as = nobody, volumes = ["data"] }`);
    expect(
      found.map((fault) => fault.slice(0, 6)),
      found.join("\n"),
    ).toEqual([
      "KM0302",
      "KM0330",
      "KM0336",
      "KM0210",
      "KM0227",
      "KM0332",
      "KM0227",
      "KM0210",
      "KM0210",
      "KM0332",
    ]);
  });

  it("of a missing import hide the names it would have brought, not others", () => {
    const found = faults(
      'import "lib.kmips"\nimage base { }\nimage a { from = image.elsewhere }\nimage b { from = image.bsae }',
    );
    expect(found.map((fault) => fault.slice(0, 6))).toEqual(["KM0320", "KM0302"]);
  });

  it("are at most fifty for a file", () => {
    const recipe = Array.from({ length: 80 }, (_, index) => `image i${index} { nmae = 1 }`).join(
      "\n",
    );
    expect(faults(recipe)).toHaveLength(50);
  });

  it("show both places of a duplicate in two files", () => {
    const { diagnostics } = analyzeProject({
      "project.kmips": 'import "b.kmips"\nimage a { }',
      "b.kmips": "image a { }",
    });
    expect(diagnostics[0]?.at.file.name).toBe("b.kmips");
    expect(diagnostics[0]?.notes?.[0]?.at?.file.name).toBe("project.kmips");
  });

  it("show each step of a cycle", () => {
    const { diagnostics } = analyzeProject(
      "image a { from = image.b }\nimage b { from = image.c }\nimage c { from = image.a }",
    );
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics[0]?.message).toContain("image.a -> image.b -> image.c -> image.a");
    expect(diagnostics[0]?.notes?.map((note) => note.message)).toEqual([
      "image.b needs image.c",
      "image.c needs image.a",
    ]);
  });
});
