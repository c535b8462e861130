import { describe, expect, it } from "vitest";
import { ANALYSIS_CODES, type AnalysisCode, type KnownResults } from "../../src/analyze/index.js";
import { DOCKERFILE_CASES } from "./support/dockerfile-cases.js";
import { analyzeProject, caret, knownPackages, print, type Project } from "./support/project.js";

interface Case {
  readonly code: AnalysisCode;
  readonly name: string;
  readonly recipe: string | Project;
  /** The text under the caret. */
  readonly at: string;
  readonly message: RegExp;
  readonly help?: RegExp;
  readonly links?: Readonly<Record<string, string>>;
  readonly known?: KnownResults;
}

/** A source, a Go toolchain and a component that are fine, for cases about something else. */
const BASE = `source s { go_module = "example.org/s", version = v1.0.0 }
toolchain go { go = v1.26.8 }
component c { source = source.s, version = v1.0.0, go { toolchain = toolchain.go, packages = { c = "." } } }
`;
const image = (body: string): string => `${BASE}image i { ${body} }\n`;
const test = (body: string): string => image(`test "t" { ${body} }`);
const source = (body: string): string => `source s { ${body} }\n`;

/** A Debian base and an image on it. */
const DEBIAN = "base d { debian { suite = bookworm } }\n";
const onDebian = (body: string): string => `${DEBIAN}image i { from = base.d, ${body} }\n`;
const base = (body: string): string => `base d { debian { ${body} } }\n`;
const table = (rows: string, body = 'install = ["bind-tools"]'): string =>
  `${onDebian(`${body}, packages = packages.t`)}packages t { from = "alpine", to = base.d, ${rows} }\n`;
const ARCHIVE = knownPackages({ curl: "7.88.1-10", "bind9-dnsutils": "1:9.18", busybox: "1.35" });

const CASES: readonly Case[] = [
  {
    code: "KM0201",
    name: "an unknown attribute",
    recipe: source('go_modul = "example.org/s", version = v1.0.0'),
    at: "go_modul",
    message: /Unknown attribute "go_modul" in source\.s/,
    help: /"go_module"/,
  },
  {
    code: "KM0202",
    name: "an unknown block",
    recipe: image('fils { "/a" -> text("") }'),
    at: "fils",
    message: /Unknown block "fils" in image\.i/,
    help: /"files"/,
  },
  {
    code: "KM0203",
    name: "a missing attribute",
    recipe: source('go_module = "example.org/s"'),
    at: "s",
    message: /source\.s has no "version"/,
    help: /version = /,
  },
  {
    code: "KM0203",
    name: "a repository without a commit",
    recipe: source('git = "https://example.org/x"'),
    at: "git",
    message: /source\.s has no "commit" or "tag"/,
    help: /kmips update locks/,
  },
  {
    code: "KM0227",
    name: "a tag that git would refuse",
    recipe: source('git = "https://example.org/x", tag = "a..b"'),
    at: '"a..b"',
    message: /not the name of a git tag/,
  },
  {
    code: "KM0204",
    name: "two origins",
    recipe: source('go_module = "example.org/s", version = v1.0.0, directory = "."'),
    at: "s",
    message: /has "go_module" and "directory" of .* exactly one/,
    help: /remove all but one/,
  },
  {
    code: "KM0204",
    name: "a component without a build",
    recipe: `${BASE}component d { source = source.s }`,
    at: "d",
    message: /component\.d has none of "go", "c"/,
  },
  {
    code: "KM0205",
    name: "an attribute of another origin",
    recipe: source('go_module = "example.org/s", version = v1.0.0, strip = 1'),
    at: "strip",
    message: /"strip" only goes with "archive"/,
  },
  {
    code: "KM0206",
    name: "a block without its label",
    recipe: image("user { uid = 1 }"),
    at: "user",
    message: /"user" wants a label/,
  },
  {
    code: "KM0207",
    name: "an attribute written as a block",
    recipe: image("env { }"),
    at: "env",
    message: /"env" is an attribute, not a block/,
    help: /env = /,
  },
  {
    code: "KM0207",
    name: "a row outside a table",
    recipe: image('"/a" -> text("")'),
    at: '"/a"',
    message: /takes no rows/,
    help: /files/,
  },
  {
    code: "KM0210",
    name: "text where a version is wanted",
    recipe: image('version = "1.2"'),
    at: '"1.2"',
    message: /"version" is the Str "1\.2", wanted a Version/,
    help: /write v1\.2/,
  },
  {
    code: "KM0210",
    name: "a toolchain of another language",
    recipe: `${BASE}toolchain cc { cc = gcc }
component d { source = source.s, go { toolchain = toolchain.cc, packages = { d = "." } } }`,
    at: "toolchain.cc",
    message: /toolchain\.cc is a cc toolchain, wanted a go toolchain/,
  },
  {
    code: "KM0211",
    name: "a duration without unit",
    recipe: test('timeout = 90, cmd = ["/c"]'),
    at: "90",
    message: /"timeout" is 90 without a unit/,
    help: /write 90s or 90m/,
  },
  {
    code: "KM0212",
    name: "a sum of size and duration",
    recipe: image('labels = { a = if 5MiB + 3s == 1MiB then "a" else "b" }'),
    at: "5MiB + 3s",
    message: /"\+" has no meaning for the Size 5242880B and the Duration 3000ms/,
  },
  {
    code: "KM0213",
    name: "a duration in text",
    recipe: image('labels = { a = "${3s}" }'),
    at: "3s",
    message: /Text cannot hold the Duration/,
  },
  {
    code: "KM0214",
    name: "an unknown name in text",
    recipe: image('labels = { a = "${slef}" }'),
    at: "slef",
    message: /Unknown name "slef"/,
    help: /self/,
  },
  {
    code: "KM0215",
    name: "an unknown member",
    recipe: image("labels = { a = self.vresion }"),
    at: "vresion",
    message: /"self" has no member "vresion"/,
    help: /"version"/,
  },
  {
    code: "KM0216",
    name: "an unknown function",
    recipe: image('files { "/a" -> txt("a") }'),
    at: "txt",
    message: /Unknown function "txt"/,
    help: /"text"/,
  },
  {
    code: "KM0217",
    name: "a missing argument",
    recipe: image('files { "/a" -> file(mode = 0o600) }'),
    at: "file(mode = 0o600)",
    message: /"file" wants the argument "value"/,
  },
  {
    code: "KM0217",
    name: "an unknown template parameter",
    recipe: `template t(version: Version) -> image { version = version }\nimage i = t(vers = v1.0.0, version = v1.0.0)`,
    at: "vers",
    message: /no parameter "vers"/,
    help: /version/,
  },
  {
    code: "KM0218",
    name: "an index beyond the list",
    recipe: image('labels = { a = ["x"][3] }'),
    at: "3",
    message: /Index 3 is not one of the list's 1 elements/,
  },
  {
    code: "KM0219",
    name: "an invalid regular expression",
    recipe: test('cmd = ["/c"], expect = re"("'),
    at: 're"("',
    message: /Invalid regular expression: unterminated group/,
  },
  {
    code: "KM0220",
    name: "nested quantifiers",
    recipe: test('cmd = ["/c"], expect = re"(a+)+$"'),
    at: 're"(a+)+$"',
    message: /repeats a group that repeats/,
  },
  {
    code: "KM0221",
    name: "a name that is not allowed",
    recipe: `target t { arch = mips64le, float = soft }`,
    at: "soft",
    message: /"float" is "soft"/,
    help: /softfloat/,
  },
  {
    code: "KM0222",
    name: "a version of itself",
    recipe: `${BASE}component d { version = self.version, source = source.s, go { toolchain = toolchain.go, packages = { d = "." } } }`,
    at: "version",
    message: /depends on itself/,
  },
  {
    code: "KM0223",
    name: "too many steps",
    recipe: image(
      `labels = { a = "\${${"[for a in LIST : ".replace("LIST", list(400))}${"[for b in LIST : ".replace("LIST", list(400))}${"[for c in LIST : ".replace("LIST", list(400))} 1]]][0][0][0]}" }`,
    ),
    at: "1",
    message: /too many steps/,
  },
  {
    code: "KM0224",
    name: "text without bounds",
    recipe: image(`labels = { a = ${doubling(26)} }`),
    at: "x + x",
    message: /beyond 16 MiB/,
  },
  {
    code: "KM0225",
    name: "a key that stands twice",
    recipe: image('env = { A = "1", A = "2" }'),
    at: "A",
    message: /Key "A" stands twice/,
  },
  {
    code: "KM0226",
    name: "a platform where there is none",
    recipe: source('go_module = "example.org/${target.arch}", version = v1.0.0'),
    at: "target.arch",
    message: /"target\.arch" has no meaning here: a source has no platform/,
  },
  {
    code: "KM0227",
    name: "a port that is none",
    recipe: image("ports = [70000]"),
    at: "70000",
    message: /"70000\/tcp" is not a port/,
  },
  {
    code: "KM0228",
    name: "a short commit",
    recipe: source('git = "https://example.org/s.git", commit = "94745a4"'),
    at: '"94745a4"',
    message: /has 7 digits, wanted 40/,
  },
  {
    code: "KM0229",
    name: "Debian's spelling of an architecture",
    recipe: "project { targets = [mips64el] }",
    at: "mips64el",
    message: /Unknown architecture mips64el/,
    help: /write mips64le/,
  },
  {
    code: "KM0229",
    name: "a platform as Docker writes it",
    recipe: "project { targets = [linux/mips64le] }",
    at: "linux/mips64le",
    message: /Unknown architecture linux\/mips64le/,
    help: /write mips64le/,
  },
  {
    code: "KM0230",
    name: "an inherited value set again",
    recipe: `${BASE}component d extends component.c { version = v2.0.0 }`,
    at: "version",
    message: /has an inherited value/,
    help: /override version =/,
  },
  {
    code: "KM0231",
    name: "nothing to override",
    recipe: image('override name = "x"'),
    at: "name",
    message: /has nothing to replace/,
  },
  {
    code: "KM0232",
    name: "an edit of a scalar",
    recipe: `image a { name = "a" }\nimage b extends image.a { name += "b" }`,
    at: "name",
    message: /"\+=" edits lists and maps only/,
  },
  {
    code: "KM0233",
    name: "an element that is not there",
    recipe:
      `image a { cmd = ["--fast"] }\nimage b extends image.a { override name = "b", cmd -= ["--fats"] }`.replace(
        "override name",
        "name",
      ),
    at: '"--fats"',
    message: /"--fats" is not in the list/,
    help: /"--fast"/,
  },
  {
    code: "KM0234",
    name: "an attribute set twice",
    recipe: image('name = "a", name = "b"'),
    at: "name",
    message: /"name" is set twice/,
  },
  {
    code: "KM0236",
    name: "a labelled block that stands twice",
    recipe: image('user "a" { uid = 1 } user "a" { uid = 2 }'),
    at: '"a"',
    message: /Duplicate user "a"/,
  },
  {
    code: "KM0240",
    name: "an unknown template",
    recipe: "template web() -> image { }\nimage i = wb()",
    at: "wb",
    message: /Unknown template "wb"/,
    help: /"web"/,
  },
  {
    code: "KM0241",
    name: "a template of another kind",
    recipe: "template web() -> image { }\nindex i = web()",
    at: "web",
    message: /makes an image, wanted an index/,
  },
  {
    code: "KM0242",
    name: "a parent of another kind",
    recipe: `${BASE}image i extends component.c { }`,
    at: "component.c",
    message: /extends another image/,
  },
  {
    code: "KM0243",
    name: "declarations that extend each other",
    recipe: "image a extends image.b { }\nimage b extends image.a { }",
    at: "image.b",
    message: /image\.a -> image\.b -> image\.a/,
  },
  {
    code: "KM0244",
    name: "expansions that nest too deeply",
    recipe: Array.from(
      { length: 70 },
      (_, index) => `image i${index}${index === 0 ? "" : ` extends image.i${index - 1}`} { }`,
    ).join("\n"),
    at: "image.i64",
    message: /deeper than 64/,
  },
  {
    code: "KM0245",
    name: "an unknown parameter type",
    recipe: "template t(a: Strin) -> image { }",
    at: "Strin",
    message: /Unknown type "Strin"/,
    help: /Str/,
  },
  {
    code: "KM0250",
    name: "an axis value that stands twice",
    recipe: image("matrix { version = [v1.0.0, v1.0.0] }"),
    at: "v1.0.0",
    message: /has the value "v1\.0\.0" twice/,
  },
  {
    code: "KM0251",
    name: "an exception that matches nothing",
    recipe: image(
      "matrix { version = [v1.0.0], except = [{ version = v2.0.0 }] }, version = matrix.version",
    ),
    at: "v2.0.0",
    message: /names v2\.0\.0, which axis "version" does not have/,
  },
  {
    code: "KM0251",
    name: "an optional cell on an axis of another name",
    recipe: image(
      'matrix { variant = ["near", "upstream"], optional = [{ varaint = "upstream" }] }, tag = matrix.variant',
    ),
    at: '"upstream"',
    message: /"optional" names the axis "varaint", which the matrix does not have/,
    help: /"variant"/,
  },
  {
    code: "KM0251",
    name: "an optional cell with a misspelt value",
    recipe: image(
      'matrix { variant = ["near", "upstream"], optional = [{ variant = "upstraem" }] }, tag = matrix.variant',
    ),
    at: '"upstraem"',
    message: /"optional" names "upstraem", which axis "variant" does not have/,
    help: /"upstream"/,
  },
  {
    code: "KM0251",
    name: "an optional cell that does not exist",
    recipe: image(
      'matrix { a = ["x", "y"], except = [{ a = "x" }], optional = [{ a = "x" }] }, tag = matrix.a',
    ),
    at: '{ a = "x" }',
    message: /No cell of the matrix fits this rule of "optional"/,
    help: /remove it/,
  },
  {
    code: "KM0252",
    name: "too many cells",
    recipe: image(
      `matrix { a = ${list(30)}, b = ${list(30)}, c = ${list(30)} }, tag = "\${matrix.a}.\${matrix.b}.\${matrix.c}"`,
    ),
    at: "matrix",
    message: /27000 cells/,
  },
  {
    code: "KM0301",
    name: "a name that is declared twice",
    recipe: "image a { }\nimage a { }",
    at: "a",
    message: /Duplicate image "a"/,
  },
  {
    code: "KM0302",
    name: "a dangling reference",
    recipe: `${BASE}component d extends component.c { override source = source.t }\nsource tt { directory = "." }`,
    at: "t",
    message: /Unknown source "t"/,
  },
  {
    code: "KM0304",
    name: "an unknown program",
    recipe: image('files { "/c" -> component.c.cc }'),
    at: "cc",
    message: /component\.c makes no program "cc"/,
    help: /"c"|makes c/,
  },
  {
    code: "KM0305",
    name: "a reference to an absent node",
    recipe: `${BASE}component d extends component.c { when = false }\nimage i { files { "/c" -> component.d.c } }`,
    at: "component.d.c",
    message: /image\.i needs component\.d, which is absent/,
  },
  {
    code: "KM0306",
    name: "an open axis",
    recipe: `image b { matrix { version = [v1.0.0, v2.0.0] }, version = matrix.version }\nimage i { from = image.b }`,
    at: "image.b",
    message: /leaves the axis "version" open/,
    help: /image\.b\[v1\.0\.0\], image\.b\[v2\.0\.0\]/,
  },
  {
    code: "KM0307",
    name: "a value that the axis lacks",
    recipe: `image b { matrix { version = [v1.0.0, v2.0.0] }, version = matrix.version }\nimage i { from = image.b[v3.0.0] }`,
    at: "v3.0.0",
    message: /no axis with the value "v3\.0\.0"/,
    help: /v1\.0\.0/,
  },
  {
    code: "KM0308",
    name: "a component of another platform",
    recipe: `${BASE}image i { matrix { target = [riscv64] }, files { "/c" -> component.c.c } }`,
    at: "component.c.c",
    message: /component\.c is for linux\/mips64le, wanted linux\/riscv64/,
  },
  {
    code: "KM0309",
    name: "images that stand on each other",
    recipe: "image a { from = image.b }\nimage b { from = image.a }",
    at: "image.b",
    message: /image\.a -> image\.b -> image\.a/,
  },
  {
    code: "KM0310",
    name: "two images of one reference",
    recipe: 'image a { name = "x" }\nimage b { name = "x" }',
    at: "name",
    message: /image\.b and image\.a are both "x:latest"/,
  },
  {
    code: "KM0311",
    name: "a name with a tag",
    recipe: image('name = "x:1"'),
    at: '"x:1"',
    message: /not an image name/,
    help: /tag =/,
  },
  {
    code: "KM0311",
    name: "a registry with a scheme",
    recipe: image('registry = "https://k8s.gcr.io"'),
    at: '"https://k8s.gcr.io"',
    message: /not a registry/,
    help: /without a scheme/,
  },
  {
    code: "KM0312",
    name: "two images for one platform in an index",
    recipe: "image a { }\nimage b { }\nindex x { images = [image.a, image.b] }",
    at: "image.b",
    message: /image\.b and image\.a are both for linux\/mips64le/,
  },
  {
    code: "KM0320",
    name: "an import that is not there",
    recipe: { "project.kmips": 'import "lib/go.kmips"\n', "lib/goo.kmips": "" },
    at: '"lib/go.kmips"',
    message: /Cannot find the recipe "lib\/go\.kmips"/,
    help: /"goo\.kmips"/,
  },
  {
    code: "KM0321",
    name: "an import from outside",
    recipe: 'import "../other/x.kmips"\n',
    at: '"../other/x.kmips"',
    message: /leaves the project/,
  },
  {
    code: "KM0322",
    name: "imports that nest too deeply",
    recipe: Object.fromEntries([
      ["project.kmips", 'import "0.kmips"\n'],
      ...Array.from({ length: 70 }, (_, index) => [
        `${index}.kmips`,
        `import "${index + 1}.kmips"\n`,
      ]),
    ]) as Project,
    at: '"64.kmips"',
    message: /deeper than 64/,
  },
  {
    code: "KM0330",
    name: "a patch that is not there",
    recipe: {
      "project.kmips": `${BASE}component d extends component.c { patches { patch "patches/0001-aligned.patch" { reason = "x" } } }`,
      "patches/0001-align.patch": "",
    },
    at: '"patches/0001-aligned.patch"',
    message: /Cannot find the patch "patches\/0001-aligned\.patch"/,
    help: /"0001-align\.patch"/,
  },
  {
    code: "KM0331",
    name: "an absolute path",
    recipe: source('directory = "/etc"'),
    at: '"/etc"',
    message: /is absolute/,
  },
  {
    code: "KM0331",
    name: "a path that leaves the project",
    recipe: source('directory = "../.."'),
    at: '"../.."',
    message: /leaves the project/,
  },
  {
    code: "KM0331",
    name: "a symbolic link that leaves the project",
    recipe: { "project.kmips": source('files = ["a"]'), a: "" },
    links: { "/project/a": "/etc/passwd" },
    at: '"a"',
    message: /leaves the project through a symbolic link/,
  },
  {
    code: "KM0332",
    name: "a relative image path",
    recipe: image('files { "usr/bin/c" -> component.c.c }'),
    at: '"usr/bin/c"',
    message: /is not absolute/,
    help: /"\/usr\/bin\/c"/,
  },
  {
    code: "KM0332",
    name: "an image path with ..",
    recipe: image('directory "/a/../b" { }'),
    at: '"/a/../b"',
    message: /contains "\.\."/,
    help: /"\/b"/,
  },
  {
    code: "KM0333",
    name: "two entries at one path",
    recipe: image('files { "/a" -> text("1"), "/a" -> text("2") }'),
    at: '"/a"',
    message: /Two entries at the image path "\/a"/,
  },
  {
    code: "KM0334",
    name: "an unknown user",
    recipe: image('user "web" { uid = 1 } run_as = "wbe"'),
    at: '"wbe"',
    message: /image\.i has no user "wbe"/,
    help: /"web"/,
  },
  {
    code: "KM0335",
    name: "a patch without a reason",
    recipe: {
      "project.kmips": `${BASE}component d extends component.c { patches { patch "a.patch" { } } }`,
      "a.patch": "",
    },
    at: '"a.patch"',
    message: /has no reason/,
    help: /reason = /,
  },
  {
    code: "KM0336",
    name: "a package without ./",
    recipe: `${BASE}component d { source = source.s, go { toolchain = toolchain.go, packages = { d = "cmd/d" } } }`,
    at: '"cmd/d"',
    message: /is not a path inside the source/,
    help: /"\.\/cmd\/d"/,
  },
  {
    code: "KM0210",
    name: "a C toolchain as a source",
    recipe: "toolchain cc { cc = gcc }\nsource go { toolchain = toolchain.cc }",
    at: "toolchain.cc",
    message: /is a cc toolchain, wanted a go toolchain/,
  },
  {
    code: "KM0337",
    name: "a command as a repository",
    recipe: source('git = "ext::sh -c true", commit = "94745a4eed0425653b3b4275a208d38babceeaec"'),
    at: '"ext::sh -c true"',
    message: /is not a URL that git may fetch/,
  },
  {
    code: "KM0340",
    name: "a step with two actions",
    recipe: test('step "x" { cmd = ["/c"], http = "http://localhost/" }'),
    at: '"x"',
    message: /has "cmd" and "http" of .* exactly one/,
  },
  {
    code: "KM0340",
    name: "a step with none",
    recipe: test('step "x" { expect = re"a" }'),
    at: '"x"',
    message: /has none of/,
  },
  {
    code: "KM0341",
    name: "a request to elsewhere",
    recipe: test('step "x" { http = "http://127.0.0.1@example.org/" }'),
    at: '"http://127.0.0.1@example.org/"',
    message: /not on the loopback interface/,
  },
  {
    code: "KM0342",
    name: "an unknown service",
    recipe: test('service "etcd" { } step "x" { signal = TERM, service = "etdc" }'),
    at: '"etdc"',
    message: /Unknown service "etdc"/,
    help: /"etcd"/,
  },
  {
    code: "KM0343",
    name: "a test without steps",
    recipe: test("timeout = 5s"),
    at: '"t"',
    message: /neither "cmd" nor steps/,
  },
  {
    code: "KM0343",
    name: "a test with a command and steps",
    recipe: test('cmd = ["/c"], step "x" { cmd = ["/c"] }'),
    at: '"t"',
    message: /both "cmd" and steps/,
  },
  {
    code: "KM0350",
    name: "a package that the archive does not have",
    recipe: onDebian('install = ["curk"]'),
    known: ARCHIVE,
    at: '"curk"',
    message: /bookworm, bookworm-updates for mips64le has no package "curk"/,
    help: /it has curl/,
  },
  {
    code: "KM0350",
    name: "a version that the archive does not have",
    recipe: onDebian('install = ["curl=7.88.1-9"]'),
    known: ARCHIVE,
    at: '"curl=7.88.1-9"',
    message: /has no version 7\.88\.1-9 of "curl"/,
    help: /7\.88\.1-10/,
  },
  {
    code: "KM0350",
    name: "a package of a base",
    recipe: base('suite = bookworm, include = ["busibox"]'),
    known: ARCHIVE,
    at: '"busibox"',
    message: /has no package "busibox"/,
    help: /busybox/,
  },
  {
    code: "KM0350",
    name: "a name of a table that the archive does not have",
    recipe: table('"bind-tools" -> ["bind9-dnsutil"]'),
    known: ARCHIVE,
    at: '"bind9-dnsutil"',
    message: /has no package "bind9-dnsutil"/,
    help: /bind9-dnsutils/,
  },
  {
    code: "KM0351",
    name: "a package with an architecture",
    recipe: onDebian('install = ["curl:amd64"]'),
    at: '"curl:amd64"',
    message: /"curl:amd64" is not the name/,
    help: /leave out the architecture/,
  },
  {
    code: "KM0352",
    name: "a package without a row",
    recipe: table('"curl" -> same'),
    known: ARCHIVE,
    at: '"bind-tools"',
    message: /packages\.t has no row for alpine's "bind-tools"/,
    help: /the archive has bind9-dnsutils; add: "bind-tools" -> \["bind9-dnsutils"\]/,
  },
  {
    code: "KM0353",
    name: "a denied package",
    recipe: table('"bind-tools" -> deny("too large")'),
    at: '"bind-tools"',
    message: /"bind-tools" is denied: too large/,
  },
  {
    code: "KM0354",
    name: "packages on scratch",
    recipe: 'image i { install = ["curl"] }',
    at: "install",
    message: /image\.i installs packages, but does not stand on a Debian base/,
    help: /from = base\.NAME/,
  },
  {
    code: "KM0355",
    name: "a suite without the architecture",
    recipe: base("suite = trixie"),
    at: "trixie",
    message: /Debian's "trixie" has no packages for mips64el/,
    help: /the last suite with mips64el is bookworm/,
  },
  {
    code: "KM0355",
    name: "a suite before the architecture",
    recipe: `project { targets = [riscv64] }\n${base("suite = bookworm")}`,
    at: "bookworm",
    message: /Debian's "bookworm" has no packages for riscv64/,
    help: /the first suite with riscv64 is trixie/,
  },
  {
    code: "KM0355",
    name: "an unknown suite",
    recipe: base("suite = stable"),
    at: "stable",
    message: /"stable" is not the codename/,
    help: /bookworm/,
  },
  {
    code: "KM0355",
    name: "an architecture without releases",
    recipe: `project { targets = [mips64] }\n${base("suite = bookworm")}`,
    at: "bookworm",
    message: /Debian has no release for mips64/,
  },
  {
    code: "KM0356",
    name: "a table for another archive",
    recipe: `base e { debian { suite = bullseye } }\n${DEBIAN}packages t { from = "alpine", to = base.e, default -> same }
image i { from = base.d, install = ["curl"], packages = packages.t }`,
    at: '"curl"',
    message: /packages\.t has the names of base\.e, but image\.i stands on another archive/,
    help: /a table to base\.d/,
  },
  {
    code: "KM0357",
    name: "a run without an image",
    recipe: 'image i { run "x" { cmd = ["/x"] } }',
    at: '"x"',
    message: /"x" runs in image\.i, which has nothing in it yet/,
  },
  {
    code: "KM0204",
    name: "a run with script and command",
    recipe: onDebian('run "x" { cmd = ["/x"], script = "x" }'),
    at: '"x"',
    message: /"cmd".* exactly one/,
  },
  {
    code: "KM0227",
    name: "a run of nothing",
    recipe: onDebian('run "x" { cmd = [] }'),
    at: "cmd",
    message: /"cmd" is empty/,
  },
  {
    code: "KM0301",
    name: "two runs with one address",
    recipe: onDebian('run "a b" { cmd = ["/x"] } run "a-b" { cmd = ["/x"] }'),
    at: '"a-b"',
    message: /Duplicate run "a-b"/,
  },
  {
    code: "KM0206",
    name: "a run without letters",
    recipe: onDebian('run "+" { cmd = ["/x"] }'),
    at: '"+"',
    message: /neither letters nor digits/,
  },
  {
    code: "KM0225",
    name: "a package with two rows",
    recipe: table('"bind-tools" -> same, "bind-tools" -> ["bind9-dnsutils"]'),
    at: '"bind-tools"',
    message: /Key "bind-tools" stands twice/,
  },
  {
    code: "KM0227",
    name: "a row that asks",
    recipe: table('"bind-tools" -> ask'),
    at: "ask",
    message: /"bind-tools" asks, which only the default can/,
  },
  {
    code: "KM0227",
    name: "a default with names",
    recipe: table('default -> ["curl"]'),
    at: '["curl"]',
    message: /The default is neither ask nor same/,
  },
  {
    code: "KM0227",
    name: "a row of a bare name",
    recipe: table("curl -> same"),
    at: "same",
    message: /only default may be one/,
    help: /"curl" in quotes/,
  },
  {
    code: "KM0205",
    name: "a table without packages to install",
    recipe: `${onDebian("packages = packages.t")}packages t { from = "alpine", to = base.d }`,
    at: "packages",
    message: /"packages" only goes with "install"/,
  },
  {
    code: "KM0227",
    name: "suites without the suite",
    recipe: base('suite = bookworm, suites = ["bookworm-updates"]'),
    at: "suites",
    message: /does not have the suite "bookworm"/,
  },
  {
    code: "KM0227",
    name: "a bad component of an archive",
    recipe: base('suite = bookworm, components = ["main contrib"]'),
    at: '"main contrib"',
    message: /not a component/,
  },
  {
    code: "KM0332",
    name: "an excluded path that is relative",
    recipe: base('suite = bookworm, exclude_paths = [glob"usr/share/doc/**"]'),
    at: 'glob"usr/share/doc/**"',
    message: /is not absolute/,
    help: /glob"\/usr/,
  },
  {
    code: "KM0330",
    name: "a keyring that is not there",
    recipe: base('suite = bookworm, keyring = "keys/x.gpg"'),
    at: '"keys/x.gpg"',
    message: /Cannot find the keyring/,
  },
  {
    code: "KM0310",
    name: "a base and an image of one name",
    recipe: `${DEBIAN}image d { from = base.d, tag = "bookworm" }`,
    at: "tag",
    message: /image\.d and base\.d are both "d:bookworm"/,
  },
  ...DOCKERFILE_CASES,
];

function list(length: number): string {
  return `[${Array.from({ length }, (_, index) => index).join(", ")}]`;
}

/** An expression whose text doubles `times` times. */
function doubling(times: number): string {
  let text = '"xxxxxxxx"';
  for (let index = 0; index < times; index++) text = `[for x in [${text}] : x + x][0]`;
  return text;
}

describe("analyze()", () => {
  it.each(CASES.map((entry) => [entry.code, entry.name, entry] as const))(
    "reports %s for %s, and nothing else",
    (code, _name, { recipe, at, message, help, links, known }) => {
      const { graph, diagnostics } = analyzeProject(recipe, links, known);
      expect(
        diagnostics.map((found) => found.code),
        diagnostics.map(print).join("\n"),
      ).toEqual([code]);
      const [diagnostic] = diagnostics;
      if (diagnostic === undefined) return;
      expect(caret(diagnostic)).toBe(at);
      expect(diagnostic.message).toMatch(message);
      if (help !== undefined) expect(diagnostic.help).toMatch(help);
      expect(graph).toBeUndefined();
    },
  );

  it("has a test for every code", () => {
    const tested = new Set<string>(CASES.map(({ code }) => code));
    // The limit on the whole project's nodes is tested in scale.test.ts.
    tested.add("KM0313");
    expect(Object.keys(ANALYSIS_CODES).filter((code) => !tested.has(code))).toEqual([]);
  });
});
