import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GRAMMAR_CODES } from "../../grammar/index.js";
import { recipes } from "./arbitrary.js";
import { declared, faults, read } from "./support.js";

const project = (line: string): string => `project {\n  before = 1\n  ${line}\n  after = 2\n}\n`;

describe("diagnostics of parse()", () => {
  it.each([
    ["x : 1", "3:5 KM0133"],
    ["x 1", "3:3 KM0133"],
    ['x "a"', "3:5 KM0133"],
    ["x", "3:3 KM0132"],
    ["x =", "3:5 KM0134"],
    ["x = = 1", "3:5 KM0134"],
    ["x = [1 2]", "3:10 KM0135"],
    ['x = ["a" "b"', "3:7 KM0136"],
    ['x = ["a",', "3:7 KM0136"],
    ["x = f(1", "3:8 KM0136"],
    ["x = f(1]", "3:10 KM0136"],
    ["x = 1]", "3:8 KM0137"],
    ["x = [a = 1]", "3:10 KM0150"],
    ["x = { a : 1 }", "3:11 KM0133"],
    ["x = { a 1 }", "3:9 KM0133"],
    ['x = { "a${b}" = 1 }', "3:9 KM0145"],
    ['x "a${b}" { }', "3:5 KM0145"],
    ["for = 1", "3:3 KM0138"],
    ["true = 1", "3:3 KM0138"],
    ["x = a.in", "3:9 KM0138"],
    ["x = a < b < c", "3:13 KM0140"],
    ["x = a + not b", "3:11 KM0141"],
    ["x = if a then b", "4:3 KM0142"],
    ['"a" = 1', "3:7 KM0146"],
    ['"a" => b', "3:7 KM0146"],
    ["x => b", "3:5 KM0146"],
    ['"a" { }', "3:3 KM0146"],
    ["x = 1;", "3:8 KM0110"],
    ["x = a && b", "3:9 KM0110"],
    ["x = é", "3:7 KM0110"],
    ['x = "a', "3:7 KM0111"],
    ['x = "a${b', "3:7 KM0111"],
    ['x = "a${b # c}"', "3:7 KM0111"],
    ['x = re"a', "3:7 KM0111"],
    ["x = <<sh", "3:7 KM0112"],
    ["x = <<", "3:7 KM0113"],
    ["x = <<sh # a\nsh", "3:7 KM0113"],
    ['x = "\\q"', "3:8 KM0114"],
    ['x = "\\u{110000}"', "3:8 KM0115"],
    ["x = 90MX", "3:7 KM0116"],
    ["x = 1.5MiB", "3:7 KM0117"],
    ["x = 0755", "3:7 KM0117"],
    ["x = 99999999999999999999", "3:7 KM0117"],
    ["x = 0x1F", "3:7 KM0118"],
    ["x = 2025-02-30T00:00:00Z", "3:7 KM0119"],
    ["x = 2025-02-03", "3:7 KM0119"],
    ["x = sha256:abc", "3:7 KM0120"],
    ["x = 1 // a", "3:9 KM0121"],
    ["x = 'a'", "3:7 KM0122"],
    ["x = kube-proxy", "3:7 KM0123"],
    ["x = a\u0000", "3:8 KM0107"],
    ['x = "\u202e"', "3:8 KM0107"],
    [`${"n".repeat(300)} = 1`, "3:3 KM0105"],
    [`x = "${"n".repeat(70_000)}"`, "3:7 KM0106"],
  ])("tells the fault of %j once, and where", (line, fault) => {
    const text = project(line);
    expect(faults(text)).toEqual([fault]);
    expect(declared(text)).toEqual(["project."]);
  });

  it.each([
    ["componnt a {\n}\n", "1:1 KM0131"],
    ["x = 1\n", "1:1 KM0130"],
    ["}\n", "1:1 KM0137"],
    ["component {\n}\n", "1:1 KM0139"],
    ['component "a" {\n}\n', "1:11 KM0139"],
    ["component for {\n}\n", "1:11 KM0138"],
    ["component a\n", "1:11 KM0147"],
    ["component a = b { }\n", "1:15 KM0143"],
    ["project a {\n}\n", "1:9 KM0150"],
    ["template t(a) -> component {\n}\n", "1:13 KM0150"],
    ["import a\n", "1:8 KM0145"],
    ["kmips 2\n", "1:1 KM0144"],
    ["kmips\n", "1:1 KM0144"],
    ["project { }\nkmips 1\n", "2:1 KM0144"],
    ["\uFEFFkmips 1\n", "1:1 KM0107"],
    ["project {\n  a = 1\n", "1:9 KM0136"],
  ])("tells the fault of %j once, and keeps what follows", (text, fault) => {
    const whole = `${text}index last {\n}\n`;
    expect(faults(whole)).toEqual([fault]);
    expect(declared(whole)).toContain("index.last");
  });

  it("tells six faults in six declarations in six diagnostics", () => {
    const text = `project {
  name : "x"
}
source a {
  go_module =
  version = v1.2
}
component etcd {
  go {
    packages = { a = "b" }

  source = source.a
}
componnt pause {
  x = 1
}
image a {
  env  = ["x", "y"
  size = 1
}
image b {
  cmd = ["abc]
  user "web" { uid = 1 }
}
index whole {
  images = [image.hello]
}
`;
    expect(faults(text)).toEqual([
      "2:8 KM0133",
      "5:13 KM0134",
      "9:6 KM0136",
      "14:1 KM0131",
      "18:10 KM0136",
      "22:10 KM0111",
    ]);
    expect(declared(text)).toEqual([
      "project.",
      "source.a",
      "component.etcd",
      "image.a",
      "image.b",
      "index.whole",
    ]);
    expect(read(text).recipe.declarations.map(({ body }) => body.length)).toEqual([
      0, 1, 2, 1, 1, 1,
    ]);
  });

  it("tells several faults of one declaration", () => {
    const text = "image a {\n  x : 1\n  y = 2\n  go { b = [, c = 1 }\n  z = (1\n  ok = 3\n}\n";
    expect(faults(text).map((fault) => fault.slice(0, 1))).toEqual(["2", "4", "5"]);
    expect(read(text).recipe.declarations[0]?.body.at(-1)).toMatchObject({ name: { text: "ok" } });
  });

  it("puts the next step into words where it knows one", () => {
    const help = (text: string): string | undefined => read(text).diagnostics[0]?.help;
    expect(help("componnt a { }")).toBe("did you mean component?");
    expect(help("project { x = kube-proxy }")).toBe("write kube_proxy");
    expect(help("project { x : 1 }")).toBe("write x = …");
    expect(help("project { x = 90MX }")).toContain("KiB MiB GiB");
  });

  it("reports codes that are registered", () => {
    fc.assert(
      fc.property(
        recipes,
        fc.nat(),
        fc.constantFrom("", "}", "{", "]", '"', "=", "\n", "'", "<<"),
        ({ text }, at, junk) => {
          const place = at % (text.length + 1);
          for (const { code } of read(text.slice(0, place) + junk + text.slice(place + 1))
            .diagnostics) {
            expect(GRAMMAR_CODES).toHaveProperty(code);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("never throws, whatever the text", () => {
    const piece = fc.constantFrom(
      "image a {",
      "component b = f(",
      "}",
      "{",
      "[",
      "]",
      "(",
      ")",
      '"',
      '"${',
      "<<x\n",
      "x\n",
      "=",
      "->",
      ".",
      ",",
      "if ",
      "else ",
      "not ",
      "for ",
      "in ",
      "v1",
      "0o9",
      "#",
      "\n",
      "'",
      "-",
      "\u0000",
      "\ud800",
      "\r",
      're"',
      "sha256:ff",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const { diagnostics } = read(pieces.join(""));
        expect(diagnostics.length).toBeLessThanOrEqual(50);
        for (const { at } of diagnostics) expect(at.span.start).toBeLessThanOrEqual(at.span.end);
      }),
      { numRuns: 1000 },
    );
  });
});
