/** What the grammar's tests share: parsing text, and diagnostics and ASTs in a short form. */
import {
  type Diagnostic,
  type Expr,
  lineAndColumn,
  parse,
  type Recipe,
} from "../../grammar/index.js";

/** Parses `text` under the name `test.kmips`. */
export function read(text: string): { recipe: Recipe; diagnostics: Diagnostic[] } {
  return parse({ name: "test.kmips", text });
}

/** `line:column code` of every fault of `text`. */
export function faults(text: string): string[] {
  return read(text).diagnostics.map(({ at, code }) => {
    const { line, column } = lineAndColumn(text, at.span.start);
    return `${line}:${column} ${code}`;
  });
}

/** `kind.name` of every declaration that was read. */
export function declared(text: string): string[] {
  return read(text).recipe.declarations.map(({ kind, name }) => `${kind}.${name?.text ?? ""}`);
}

/** The expression `text`; throws when it has faults. */
export function expression(text: string): Expr {
  const { recipe, diagnostics } = read(`project {\n  x = ${text}\n}\n`);
  if (diagnostics.length > 0) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  const statement = recipe.declarations[0]?.body[0];
  if (statement?.type !== "assignment") throw new Error("No assignment was read");
  return statement.value;
}

/** `value` without spans. */
export function bare(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, inner: unknown) =>
      key === "span" || key === "file" ? undefined : inner,
    ),
  );
}

/** `expr` fully parenthesized. */
export function shape(expr: Expr): string {
  switch (expr.type) {
    case "name":
      return expr.name;
    case "literal":
      return expr.text;
    case "binary":
      return `(${shape(expr.left)} ${expr.operator} ${shape(expr.right)})`;
    case "not":
      return `(not ${shape(expr.operand)})`;
    case "member":
      return `${shape(expr.object)}.${expr.name.text}`;
    case "index":
      return `${shape(expr.object)}[${expr.indices.map(shape).join(", ")}]`;
    case "call":
      return `${shape(expr.callee)}(${expr.arguments
        .map(({ name, value }) => (name === undefined ? "" : `${name.text}=`) + shape(value))
        .join(", ")})`;
    case "if":
      return `(if ${shape(expr.condition)} then ${shape(expr.then)} else ${shape(expr.otherwise)})`;
    case "list":
      return `[${expr.items.map(shape).join(", ")}]`;
    default:
      return expr.type;
  }
}
