import { describe, expect, it } from "vitest";
import { bare, declared, expression, faults, read, shape } from "./support.js";

describe("parse()", () => {
  it("reads the edition, imports and declarations of an empty or small file", () => {
    expect(read("").recipe).toMatchObject({ edition: 1, imports: [], declarations: [] });
    const { recipe } = read('kmips 1\nimport "a.kmips"\nproject {}\nsource b {}\n');
    expect(recipe.imports.map(({ path }) => path)).toEqual(["a.kmips"]);
    expect(recipe.declarations.map(({ kind }) => kind)).toEqual(["project", "source"]);
  });

  it("reads the three forms of statement, with and without commas", () => {
    const { recipe, diagnostics } = read(
      'image a { override b = 1, c += [] d -= [] e { } f g { } f "h" { }, "i" -> j k -> l / "m" }',
    );
    expect(diagnostics).toEqual([]);
    expect(
      recipe.declarations[0]?.body.map((statement) =>
        statement.type === "assignment"
          ? `${statement.override ? "override " : ""}${statement.name.text} ${statement.operator}`
          : statement.type === "block"
            ? `${statement.keyword.text} ${statement.label?.text ?? "-"}`
            : `${shape(statement.key)} -> ${shape(statement.value)}`,
      ),
    ).toEqual([
      "override b =",
      "c +=",
      "d -=",
      "e -",
      "f g",
      "f h",
      "string -> j",
      "k -> (l / string)",
    ]);
  });

  it("reads parents, instances and templates", () => {
    const { recipe, diagnostics } = read(
      "image a extends image.b\ncomponent c = t(x = 1) { }\n" +
        "template t(x: list<Str>, y: Int = 2,) -> component { z = x }",
    );
    expect(diagnostics).toEqual([]);
    const [child, instance, template] = recipe.declarations;
    expect(child?.parent && shape(child.parent)).toBe("image.b");
    expect(instance?.instance && shape(instance.instance)).toBe("t(x=1)");
    expect(bare(template)).toMatchObject({
      parameters: [
        { name: { text: "x" }, type: { name: "list", argument: { name: "Str" } } },
        { name: { text: "y" }, type: { name: "Int" }, fallback: { text: "2" } },
      ],
      produces: { kind: "component" },
    });
  });

  it("takes the words of declarations as names everywhere else", () => {
    const words =
      "target source toolchain template component image index group import extends kmips project";
    for (const word of words.split(" ")) {
      const text = `image ${word} { ${word} = ${word}.${word}, ${word} { }, m = { ${word} = f(${word} = 1) } }`;
      expect([word, faults(text)]).toEqual([word, []]);
    }
  });

  it("gives documentation to what stands directly below it", () => {
    const { recipe } = read(
      "## One\n##  two\nimage a {\n  ## Three\n  b = 1\n\n  ## Not for c\n\n  c = 2\n  # plain\n  d = 3 ## behind\n  e {}\n}",
    );
    const [image] = recipe.declarations;
    expect(image?.doc).toBe("One\n two");
    expect(image?.body.map((statement) => (statement.type === "row" ? "" : statement.doc))).toEqual(
      ["Three", undefined, undefined, undefined],
    );
  });

  it.each([
    ["a or b and c", "(a or (b and c))"],
    ["not a == b and c", "((not (a == b)) and c)"],
    ["not not a", "(not (not a))"],
    ["a and not b or c", "((a and (not b)) or c)"],
    ["a / b + c / d", "((a / b) + (c / d))"],
    ["a + b + c", "((a + b) + c)"],
    ["a + b in c", "((a + b) in c)"],
    ["(a or b) and c", "((a or b) and c)"],
    ["a.b[1, 2].c(d, e = 3)", "a.b[1, 2].c(d, e=3)"],
    ["if a then b else if c then d else e", "(if a then b else (if c then d else e))"],
  ])("groups %s", (text, grouped) => {
    expect(shape(expression(text))).toBe(grouped);
  });

  it("reads strings with escapes and nested interpolation", () => {
    expect(bare(expression('"a\\n\\t\\r\\\\\\"\\$\\u{1F600}$b"'))).toEqual({
      type: "string",
      parts: ['a\n\t\r\\"$\u{1F600}$b'],
    });
    expect(bare(expression('"x${a["y${b}"]}${c}z"'))).toMatchObject({
      parts: [
        "x",
        { type: "index", indices: [{ parts: ["y", { name: "b" }] }] },
        { name: "c" },
        "z",
      ],
    });
    expect(bare(expression('"${{ a = re"}" }}"'))).toMatchObject({ parts: [{ type: "map" }] });
  });

  it("places what stands inside an interpolation in the file", () => {
    const text = 'project { x = "ab${ c }d" }';
    const assignment = read(text).recipe.declarations[0]?.body[0];
    const value = assignment?.type === "assignment" ? assignment.value : undefined;
    const inner = value?.type === "string" ? value.parts[1] : undefined;
    expect(typeof inner === "object" && text.slice(inner.span.start, inner.span.end)).toBe("c");
  });

  it("reads raw tagged strings", () => {
    expect(bare(expression('re"3\\.3 \\"${x}\\""'))).toEqual({
      type: "tagged",
      tag: "re",
      text: '3\\.3 "${x}"',
    });
    expect(bare(expression('glob"**/*.go"'))).toEqual({
      type: "tagged",
      tag: "glob",
      text: "**/*.go",
    });
  });

  it.each([
    ["<<sh\n    a\n      b\n\n  \t \n    c\n  sh\n", "a\n  b\n\n\nc\n"],
    ["<<sh\nsh\n", ""],
    ["<<sh\n\n\nsh\n", "\n\n"],
    ["<<sh\r\n  a\r\n  sh\r\n", "a\n"],
    ['<<sh\n  ${x} "\\n # } sh\n  image a {\n  sh\n', '${x} "\\n # } sh\nimage a {\n'],
    ["<<sh\n\ta\n  b\n  sh\n", "\ta\n  b\n"],
  ])("removes the common indentation of heredoc %#", (text, value) => {
    expect(bare(expression(text))).toEqual({ type: "heredoc", tag: "sh", text: value });
  });

  it.each([
    ["0", { unit: "int", value: 0 }],
    ["5kB", { unit: "size", bytes: 5000 }],
    ["90MiB", { unit: "size", bytes: 90 * 1024 ** 2 }],
    ["200ms", { unit: "duration", ms: 200 }],
    ["2h", { unit: "duration", ms: 7_200_000 }],
    ["0o755", { unit: "mode", mode: 0o755 }],
    ["v1", { unit: "version", text: "v1" }],
    ["v1.16.2", { unit: "version", text: "v1.16.2" }],
    [
      "v0.0.0-20191016110408-35e52d86657a",
      { unit: "version", text: "v0.0.0-20191016110408-35e52d86657a" },
    ],
    ["v3.3.15+incompatible", { unit: "version", text: "v3.3.15+incompatible" }],
    ["v1.3.1-coreos.6", { unit: "version", text: "v1.3.1-coreos.6" }],
    ["2025-07-01T00:00:00Z", { unit: "instant", seconds: 1_751_328_000 }],
    [`sha256:${"0a".repeat(32)}`, { unit: "digest", text: `sha256:${"0a".repeat(32)}` }],
    ["true", { unit: "bool", value: true }],
  ])("reads the literal %s", (text, value) => {
    expect(bare(expression(text))).toEqual({ type: "literal", value, text });
  });

  it("tells versions from names and from what follows them", () => {
    expect(shape(expression("v1beta1.v2x"))).toBe("v1beta1.v2x");
    expect(faults("image a { v1 -> b, v1.0-> c, w = v2.0, x = [v1,v2.1] }")).toEqual([]);
  });

  it("accepts CRLF", () => {
    expect(faults('project {\r\n  name = "a" # b\r\n}\r\n')).toEqual([]);
  });

  it("begins an optional last item with a comma only", () => {
    expect(faults("project { a = [1, 2,], b = f(1,), c = x[1,], d = {}, e = [] }")).toEqual([]);
    expect(faults("project { a = [,] }")).not.toEqual([]);
    expect(declared("project { a = [1,,2] }")).toEqual(["project."]);
  });
});
