/**
 * The operators: which types each has a meaning for, and what it makes of them.
 */
import type { BinaryExpr, Location } from "../../grammar/index.js";
import { poison, type Environment } from "./session.js";
import { compare, equals, interpolated, show, treeOf, typeName, type Value } from "./values.js";

/** The Bool that a value is; undefined for poison and after a reported fault. */
export function asBool(value: Value, operator: string, env: Environment): boolean | undefined {
  if (value.type === "bool") return value.value;
  if (value.type !== "poison")
    env.session.findings.error(
      "KM0210",
      value.at,
      `"${operator}" is given ${typeName(value)} ${show(value)}, wanted a Bool`,
      { notes: env.frame.notes, help: "compare it: == != < in" },
    );
  return undefined;
}

/** The value of `left operator right`. */
export function evaluateBinary(expr: BinaryExpr, at: Location, env: Environment): Value {
  const { operator } = expr;
  if (operator === "and" || operator === "or") {
    const left = asBool(env.session.evaluate(expr.left, env), operator, env);
    if (left === undefined) return poison(at);
    if (left === (operator === "or")) return { type: "bool", value: left, at };
    const right = asBool(env.session.evaluate(expr.right, env), operator, env);
    return right === undefined ? poison(at) : { type: "bool", value: right, at };
  }
  const left = env.session.evaluate(expr.left, env);
  const right = env.session.evaluate(expr.right, env);
  if (left.type === "poison" || right.type === "poison") return poison(at);
  // `linux/mips64le` is a platform as other programs write it: the type check has the right words.
  if (operator === "/" && left.type === "enum" && right.type === "enum")
    return { type: "enum", text: `${left.text}/${right.text}`, at };
  const result =
    operator === "+" || operator === "/"
      ? combine(operator, left, right, at, env)
      : test(operator, left, right, at);
  if (result !== undefined) return result;
  env.session.findings.error(
    "KM0212",
    at,
    `"${operator}" has no meaning for ${describe(left)} and ${describe(right)}`,
    { notes: env.frame.notes },
  );
  return poison(at);
}

function describe(value: Value): string {
  return value.type === "enum" ? `the name ${value.text}` : `the ${typeName(value)} ${show(value)}`;
}

function combine(
  operator: "+" | "/",
  left: Value,
  right: Value,
  at: Location,
  env: Environment,
): Value | undefined {
  const { budget } = env.session;
  if (left.type === "str" && right.type === "str") {
    const text =
      operator === "+"
        ? left.text + right.text
        : `${left.text.replace(/\/+$/, "")}/${right.text.replace(/^\/+/, "")}`;
    return budget.grow(text.length, at) ? { type: "str", text, at } : poison(at);
  }
  if (operator === "/") {
    const tree = treeOf(left);
    if (tree === undefined || right.type !== "str") return undefined;
    const path = tree.path === "" ? right.text : `${tree.path}/${right.text}`;
    if (!budget.grow(path.length, at)) return poison(at);
    return { type: "content", content: { ...tree, path, pathAt: right.at }, at };
  }
  if (left.type === "list" && right.type === "list") {
    const items = [...left.items, ...right.items];
    return budget.grow(items.length, at) ? { type: "list", items, at } : poison(at);
  }
  if (left.type === "map" && right.type === "map") return mergeMaps(left, right, at, env);
  if (
    left.type === right.type &&
    (left.type === "int" || left.type === "size" || left.type === "duration")
  )
    return { type: left.type, value: left.value + (right as typeof left).value, at };
  return undefined;
}

/** Both maps' entries; a key of both is a fault, as nothing says which one is meant. */
export function mergeMaps(
  left: Value & { type: "map" },
  right: Value & { type: "map" },
  at: Location,
  env: Environment,
): Value {
  if (!env.session.budget.grow(left.entries.size + right.entries.size, at)) return poison(at);
  const entries = new Map(left.entries);
  for (const [key, value] of right.entries) {
    const first = entries.get(key);
    if (first !== undefined) {
      env.session.findings.error("KM0225", value.at, `Key "${key}" is there already`, {
        notes: [{ message: "first given here", at: first.at }, ...env.frame.notes],
        help: `remove it first with -= ["${key}"]`,
      });
      return poison(at);
    }
    entries.set(key, value);
  }
  return { type: "map", entries, at };
}

function test(
  operator: BinaryExpr["operator"],
  left: Value,
  right: Value,
  at: Location,
): Value | undefined {
  const bool = (value: boolean): Value => ({ type: "bool", value, at });
  if (operator === "in") {
    if (right.type === "map") {
      const key = interpolated(left);
      return key === undefined ? undefined : bool(right.entries.has(key));
    }
    if (right.type !== "list") return undefined;
    let contained = false;
    for (const item of right.items) {
      if (item.type === "poison") return item;
      const same = equals(left, item);
      if (same === undefined) return undefined;
      contained ||= same;
    }
    return bool(contained);
  }
  if (operator === "==" || operator === "!=") {
    const same = equals(left, right);
    return same === undefined ? undefined : bool(same === (operator === "=="));
  }
  const order = compare(left, right);
  if (order === undefined) return undefined;
  switch (operator) {
    case "<":
      return bool(order < 0);
    case "<=":
      return bool(order <= 0);
    case ">":
      return bool(order > 0);
    default:
      return bool(order >= 0);
  }
}
