import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { format, parse } from "../../grammar/index.js";
import { recipes } from "./arbitrary.js";

function formatted(text: string): string {
  const result = format({ name: "test.kmips", text });
  if (!("text" in result))
    throw new Error(JSON.stringify(result.diagnostics.map((d) => d.message)));
  return result.text;
}

/** The AST without what formatting may change. */
function meaning(text: string): unknown {
  const { recipe, diagnostics } = parse({ name: "test.kmips", text });
  expect(diagnostics.map(({ message }) => message)).toEqual([]);
  return JSON.parse(
    JSON.stringify(recipe, (key, value: unknown) =>
      key === "span" || key === "file" ? undefined : value,
    ),
  );
}

describe("format()", () => {
  it("changes neither meaning nor comments, and nothing the second time", () => {
    fc.assert(
      fc.property(recipes, ({ text, comments }) => {
        const once = formatted(text);
        expect(meaning(once)).toEqual(meaning(text));
        expect(formatted(once)).toBe(once);
        const kept = [...once.matchAll(/##? c\d+/g)].map(([comment]) => comment);
        expect([...kept].sort()).toEqual([...comments].sort());
        expect(once).not.toMatch(/[ \t]$|\n\n\n|\r|\{\n\n|\n\n *\}/m);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["an empty file", "", ""],
    ["comments alone", "\n\n# a\n\n\n\n# b", "# a\n\n# b\n"],
    ["empty braces", "project{\n}", "project {}\n"],
    [
      "one line",
      "target soft{arch=mips64le,float  =  softfloat}",
      "target soft { arch = mips64le, float = softfloat }\n",
    ],
    ["missing commas on one line", "target a { b = 1 c = 2 }", "target a { b = 1, c = 2 }\n"],
    [
      "commas between lines",
      "target a {\n b = 1,\n c = 2,\n}",
      "target a {\n  b = 1\n  c = 2\n}\n",
    ],
    [
      "empty lines",
      "project {\n\n\n a = 1\n\n\n\n b = 2\n\n}\n\n\n\n",
      "project {\n  a = 1\n\n  b = 2\n}\n",
    ],
    ["CRLF and tabs", "project {\r\n\ta = 1\r\n}\r\n", "project {\n  a = 1\n}\n"],
    [
      "runs of assignments",
      "project {\n a = 1\n long = 2\n bb += [3]\n\n c = 4\n # own\n dd = 5\n e {}\n fff = 6\n override g = 7 # behind\n}",
      "project {\n  a    = 1\n  long = 2\n  bb  += [3]\n\n  c = 4\n  # own\n  dd = 5\n  e {}\n  fff        = 6\n  override g = 7 # behind\n}\n",
    ],
    [
      "comments in every place",
      "# top\nimage a { # open\n # own\n b = 1 # behind\n # end\n}\n# last",
      "# top\nimage a { # open\n  # own\n  b = 1 # behind\n  # end\n}\n# last\n",
    ],
    [
      "comments in lists",
      "project { a = [ # open\n1, # one\n# own\n2 # two\n# end\n] }",
      "project {\n  a = [ # open\n    1, # one\n    # own\n    2, # two\n    # end\n  ]\n}\n",
    ],
    ["a lone comment in braces", "project {\n# a\n}", "project {\n  # a\n}\n"],
    [
      "heredocs",
      "project {\n a = text(<<x\n      one\n        two\n\n      x y\n x\n )\n b = <<y\ny\n}",
      "project {\n  a = text(<<x\n    one\n      two\n\n    x y\n  x\n  )\n  b = <<y\n  y\n}\n",
    ],
    [
      "lists that break lines",
      "project { a = [1,\n2], b = f([\n1]), c = [{\na = 1}] }",
      "project {\n  a = [\n    1,\n    2,\n  ]\n  b = f([\n    1,\n  ])\n  c = [{\n    a = 1\n  }]\n}\n",
    ],
    [
      "operators at the ends of lines",
      "project {\n a = b +\n c\n d = if e\n then f else\n g\n}",
      "project {\n  a = b\n    + c\n  d = if e\n    then f\n    else g\n}\n",
    ],
    [
      "expressions",
      'project { a=not(b.c[1,2](d,e=3)/"x"+<<y\ny\n) }',
      'project {\n  a = not (b.c[1, 2](d, e = 3) / "x" + <<y\n  y\n  )\n}\n',
    ],
    [
      "comprehensions",
      "project { a = [ for b in c:d if e ] }",
      "project { a = [for b in c : d if e] }\n",
    ],
    [
      "templates",
      "template a(b:list< Str >,c :Int=1)->component{}",
      "template a(b: list<Str>, c: Int = 1) -> component {}\n",
    ],
    [
      "spelling of literals",
      'project { a = "\\u{41}${ b }", c = 0o0755, d = 1024KiB }',
      'project { a = "\\u{41}${ b }", c = 0o0755, d = 1024KiB }\n',
    ],
  ])("writes %s in one way", (_name, text, wanted) => {
    expect(formatted(text)).toBe(wanted);
    expect(formatted(wanted)).toBe(wanted);
  });

  it("breaks what does not fit into 100 columns, the outer group first", () => {
    const items = Array.from({ length: 12 }, (_, at) => `"item-${at}"`);
    const text = `image a { cmd = [${items.join(", ")}] }`;
    expect(formatted(text)).toBe(
      `image a {\n  cmd = [\n${items.map((item) => `    ${item},\n`).join("")}  ]\n}\n`,
    );
    const fits = `image a { cmd = [${items.slice(0, 7).join(", ")}] }`;
    expect(formatted(fits)).toBe(`${fits}\n`);
  });

  it("refuses a recipe with faults and gives them", () => {
    const result = format({ name: "a.kmips", text: "project { a : 1 }" });
    expect(result).toMatchObject({ diagnostics: [{ code: "KM0133" }] });
  });
});
