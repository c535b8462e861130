/**
 * Random recipes: valid token sequences with random white space and comments between the tokens.
 */
import fc from "fast-check";

type Tokens = string[];

const name = fc.constantFrom(
  "a",
  "etcd",
  "version",
  "target",
  "group",
  "index",
  "v1beta1",
  "re",
  "x_1",
);
const text = fc.constantFrom(
  '""',
  '"a b"',
  '"\\n\\"\\$\\u{e9}"',
  '"x${a}y"',
  '"${a.b["c${d}"]}${if a then "b" else c}"',
);
const atom: fc.Arbitrary<Tokens> = fc
  .oneof(
    name,
    text,
    fc.constantFrom(
      "true",
      "v1.16.2",
      "v0.0.0-20191016110408-35e52d86657a",
      "v3.3.15+incompatible",
      "90MiB",
      "20s",
      "0o755",
      "7",
      "2025-07-01T00:00:00Z",
      're"a\\.b\\"#"',
      'glob"**/*.go"',
      `sha256:${"0a".repeat(32)}`,
      '<<sh\n   echo "$A" # no comment\n\n     ) {\n  sh\n',
      "<<sh\nsh\n",
    ),
  )
  .map((token) => [token]);

const operator = fc.constantFrom("or", "and", "+", "/", "==", "in", "<");

function list(items: fc.Arbitrary<Tokens>, open: string, close: string): fc.Arbitrary<Tokens> {
  return fc
    .tuple(fc.array(items, { maxLength: 3 }), fc.boolean())
    .map(([all, trailing]) => [
      open,
      ...all.flatMap((item, at) => (at < all.length - 1 || trailing ? [...item, ","] : item)),
      close,
    ]);
}

const { expression, statement } = fc.letrec<{ expression: Tokens; statement: Tokens }>((tie) => {
  const inner = tie("expression");
  const operand: fc.Arbitrary<Tokens> = fc.oneof(
    { maxDepth: 4, depthIdentifier: "expression" },
    atom,
    list(inner, "[", "]"),
    braces(
      fc
        .tuple(fc.oneof(name, fc.constantFrom('"k"', '"a/b"')), inner)
        .map(([key, value]) => [key, "=", ...value]),
    ),
    fc
      .tuple(
        name,
        list(
          fc.oneof(
            inner,
            inner.map((value) => ["mode", "=", ...value]),
          ),
          "(",
          ")",
        ),
      )
      .map(([callee, rest]) => [callee, ...rest]),
    fc.tuple(name, name).map(([object, member]) => [object, ".", member]),
    fc.tuple(name, inner).map(([object, index]) => [object, "[", ...index, "]"]),
    inner.map((value) => ["(", ...value, ")"]),
    fc
      .tuple(name, inner, inner)
      .map(([variable, from, value]) => [
        "[",
        "for",
        variable,
        "in",
        ...from,
        ":",
        ...value,
        "if",
        variable,
        "]",
      ]),
  );
  return {
    expression: fc.oneof(
      { maxDepth: 4, depthIdentifier: "expression" },
      operand,
      fc.tuple(operand, operator, operand).map(([left, sign, right]) => [...left, sign, ...right]),
      operand.map((value) => ["not", ...value]),
      fc.tuple(inner, inner, inner).map(([a, b, c]) => ["if", ...a, "then", ...b, "else", ...c]),
    ),
    statement: fc.oneof(
      { maxDepth: 3, depthIdentifier: "statement" },
      fc
        .tuple(fc.boolean(), name, fc.constantFrom("=", "+=", "-="), inner)
        .map(([override, own, sign, value]) => [
          ...(override ? ["override"] : []),
          own,
          sign,
          ...value,
        ]),
      fc
        .tuple(
          text.filter((t) => !t.includes("${")),
          inner,
        )
        .map(([key, value]) => [key, "->", ...value]),
      fc
        .tuple(name, fc.option(fc.oneof(name, fc.constant('"l"'))), braces(tie("statement")))
        .map(([keyword, label, body]) => [keyword, ...(label === null ? [] : [label]), ...body]),
    ),
  };
});

/** Statements or entries with commas where chance puts them. */
function braces(items: fc.Arbitrary<Tokens>): fc.Arbitrary<Tokens> {
  return fc
    .array(fc.tuple(items, fc.boolean()), { maxLength: 4 })
    .map((all) => ["{", ...all.flatMap(([item, comma]) => (comma ? [...item, ","] : item)), "}"]);
}

const declaration: fc.Arbitrary<Tokens> = fc.oneof(
  fc.constant<Tokens>(["import", '"a.kmips"']),
  braces(statement).map((body) => ["project", ...body]),
  fc
    .tuple(fc.constantFrom("component", "image", "source"), name, braces(statement))
    .map(([kind, own, body]) => [kind, own, ...body]),
  fc.tuple(name, name).map(([own, parent]) => ["image", own, "extends", "image", ".", parent]),
  fc
    .tuple(name, expression, braces(statement))
    .map(([own, value, body]) => [
      "component",
      own,
      "=",
      "f",
      "(",
      "x",
      "=",
      ...value,
      ")",
      ...body,
    ]),
  fc
    .tuple(name, expression, braces(statement))
    .map(([own, value, body]) => [
      "template",
      own,
      "(",
      "a",
      ":",
      "list",
      "<",
      "map",
      "<",
      "Str",
      ">",
      ">",
      "=",
      ...value,
      ",",
      "b",
      ":",
      "Str",
      ")",
      "->",
      "component",
      ...body,
    ]),
);

const gap = fc.oneof(
  { weight: 12, arbitrary: fc.constant(" ") },
  { weight: 4, arbitrary: fc.constantFrom("\n", "\n\n", "\r\n", "\n\n\n  ", "\t") },
  { weight: 1, arbitrary: fc.constantFrom(" #\n", "\n#\n", "\n\n  ##\n", " ##\n\n") },
);

/** The text of a recipe without faults, and the comments in it. */
export const recipes: fc.Arbitrary<{ text: string; comments: string[] }> = fc
  .tuple(fc.array(declaration, { maxLength: 4 }), fc.infiniteStream(gap), fc.boolean())
  .map(([declarations, gaps, edition]) => {
    const comments: string[] = [];
    let text = "";
    const space = (): void => {
      const own = gaps.next().value as string;
      text += own.replace(/##?/, (mark) => {
        const comment = `${mark} c${comments.length}`;
        comments.push(comment);
        return comment;
      });
    };
    space();
    for (const token of [...(edition ? ["kmips", "1"] : []), ...declarations.flat()]) {
      text += token;
      space();
    }
    return { text, comments };
  });
