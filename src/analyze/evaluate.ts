/**
 * Evaluates expressions: strict, pure, bounded, without any access to the machine.
 *
 * A fault is reported where it happens and becomes poison, which no operator reports again.
 */
import type {
  Expr,
  ForExpr,
  IndexExpr,
  Location,
  MapExpr,
  StringExpr,
} from "../../grammar/index.js";
import { callFunction } from "./functions.js";
import type { Local } from "./merge.js";
import { evaluateMember } from "./members.js";
import { asBool, evaluateBinary } from "./operators.js";
import { patternFault } from "./patterns.js";
import { ROOTS } from "./scope.js";
import { place, poison, type Environment } from "./session.js";
import { conform } from "./conform.js";
import { didYouMean } from "./types.js";
import { interpolated, show, typeName, type Value } from "./values.js";

/** The value of an expression; poison after a reported fault. */
export function evaluate(expr: Expr, env: Environment): Value {
  const at = place(env.frame, expr.span);
  const { budget } = env.session;
  if (!budget.enter(at)) return poison(at);
  const value = evaluateAt(expr, at, env);
  budget.leave();
  return value;
}

function evaluateAt(expr: Expr, at: Location, env: Environment): Value {
  const { findings, budget } = env.session;
  const notes = env.frame.notes;
  switch (expr.type) {
    case "string":
      return evaluateString(expr, at, env);
    case "heredoc":
      return budget.grow(expr.text.length, at) ? { type: "str", text: expr.text, at } : poison(at);
    case "tagged": {
      if (expr.tag === "glob") return { type: "glob", text: expr.text, at };
      const fault = patternFault(expr.text);
      if (fault === undefined) return { type: "regex", text: expr.text, at };
      if (fault.type === "invalid")
        findings.error("KM0219", at, `Invalid regular expression: ${fault.message}`, {
          notes,
          help: "a literal ( [ { . * + ? wants a backslash before it",
        });
      else
        findings.error("KM0220", at, `Regular expression is refused: ${fault.message}`, {
          notes,
          help: "write it without the inner repetition or the reference",
        });
      return poison(at);
    }
    case "literal": {
      const { value } = expr;
      if (env.session.units.get(at.file)?.badLiterals.has(at.span.start) === true)
        return poison(at);
      switch (value.unit) {
        case "version":
          return { type: "version", text: value.text, at };
        case "digest":
          if (/^sha256:[0-9a-f]{64}$/.test(value.text))
            return { type: "digest", text: value.text, at };
          findings.error(
            "KM0228",
            at,
            `Digest has ${value.text.length - "sha256:".length} characters after "sha256:", wanted 64 lower-case hex digits`,
            { notes, help: "print the digest again with sha256sum" },
          );
          return poison(at);
        case "size":
          return { type: "size", value: value.bytes, at };
        case "duration":
          return { type: "duration", value: value.ms, at };
        case "mode":
          return { type: "mode", value: value.mode, at };
        case "instant":
          return { type: "instant", value: value.seconds, at };
        case "bool":
          return { type: "bool", value: value.value, at };
        case "int":
          return { type: "int", value: value.value, at };
      }
    }
    case "name":
      return evaluateName(expr.name, at, env);
    case "member":
      return evaluateMember(expr, at, env);
    case "index":
      return evaluateIndex(expr, at, env);
    case "call":
      return callFunction(expr, at, env);
    case "binary":
      return evaluateBinary(expr, at, env);
    case "not": {
      const operand = asBool(evaluate(expr.operand, env), "not", env);
      return operand === undefined ? poison(at) : { type: "bool", value: !operand, at };
    }
    case "if": {
      const condition = asBool(evaluate(expr.condition, env), "if", env);
      if (condition === undefined) return poison(at);
      return evaluate(condition ? expr.then : expr.otherwise, env);
    }
    case "list":
      if (!budget.grow(expr.items.length, at)) return poison(at);
      return { type: "list", items: expr.items.map((item) => evaluate(item, env)), at };
    case "for":
      return evaluateFor(expr, at, env);
    case "map":
      return evaluateMap(expr, at, env);
  }
}

function evaluateString(expr: StringExpr, at: Location, env: Environment): Value {
  const { findings, budget } = env.session;
  let text = "";
  let failed = false;
  for (const part of expr.parts) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    // A bare name that is no variable would quietly become its own text.
    if (part.type === "name" && !ROOTS.has(part.name) && !isBound(part.name, env)) {
      findings.error("KM0214", place(env.frame, part.span), `Unknown name "${part.name}"`, {
        ...didYouMean(part.name, [...variableNames(env), ...ROOTS]),
        notes: env.frame.notes,
      });
      failed = true;
      continue;
    }
    const value = evaluate(part, env);
    if (value.type === "poison") {
      failed = true;
      continue;
    }
    const held = interpolated(value);
    if (held === undefined) {
      findings.error(
        "KM0213",
        place(env.frame, part.span),
        `Text cannot hold the ${typeName(value)} ${show(value)}`,
        { notes: env.frame.notes, help: "only Str, Version, Int and names stand in text" },
      );
      failed = true;
    } else text += held;
  }
  if (text.includes("\0")) {
    findings.error("KM0227", at, "Text holds a NUL character, which no argument or path can", {
      notes: env.frame.notes,
    });
    failed = true;
  }
  if (failed || !budget.grow(text.length, at)) return poison(at);
  return { type: "str", text, at };
}

function isBound(name: string, env: Environment): boolean {
  return env.variables?.has(name) === true || env.frame.locals?.has(name) === true;
}

/** Variables and parameters in reach. */
export function variableNames(env: Environment): string[] {
  return [...(env.variables?.keys() ?? []), ...(env.frame.locals?.keys() ?? [])];
}

function evaluateName(name: string, at: Location, env: Environment): Value {
  const variable = env.variables?.get(name);
  if (variable !== undefined) return variable;
  const local = env.frame.locals?.get(name);
  if (local !== undefined) return evaluateLocal(local, at, env);
  if (!ROOTS.has(name)) return { type: "enum", text: name, at };
  env.session.findings.error("KM0226", at, `"${name}" alone is not a value`, {
    help: `write ${name}.NAME`,
    notes: env.frame.notes,
  });
  return poison(at);
}

/** The value of a template parameter in the current cell, of the parameter's type. */
export function evaluateLocal(local: Local, at: Location, env: Environment): Value {
  if (local.value === undefined) return poison(at);
  const { session, cell } = env;
  const memo = cell?.locals;
  if (memo?.has(local) === true) {
    const known = memo.get(local);
    if (known !== undefined) return known;
    session.findings.error("KM0222", at, `Parameter "${local.name}" depends on itself`, {
      notes: env.frame.notes,
      help: "give its default a value of its own",
    });
    return poison(at);
  }
  memo?.set(local, undefined);
  const { expr, frame } = local.value;
  let value = evaluate(expr, { session, cell, frame });
  if (local.type !== undefined) {
    value = conform(value, local.type, {
      findings: session.findings,
      what: `parameter "${local.name}"`,
      notes: frame.notes,
      targetOf: (name) => session.targets.get(name),
    });
  }
  memo?.set(local, value);
  return value;
}

function evaluateIndex(expr: IndexExpr, at: Location, env: Environment): Value {
  const object = evaluate(expr.object, env);
  const indices = expr.indices.map((index) => evaluate(index, env));
  if (object.type === "poison" || indices.some((index) => index.type === "poison"))
    return poison(at);
  const { findings } = env.session;
  const notes = env.frame.notes;
  const first = indices[0];
  if (object.type === "reference" && object.program === undefined && object.kind !== "target") {
    if (object.indices === undefined) return { ...object, indices, at };
    findings.error("KM0218", at, `"${show(object)}" has its axes fixed already`, {
      notes,
      help: "write all values in one pair of brackets",
    });
  } else if (first === undefined || indices.length > 1) {
    findings.error("KM0218", at, "Exactly one index is wanted", { notes });
  } else if (object.type === "list") {
    const item = first.type === "int" ? object.items[first.value] : undefined;
    if (item !== undefined) return item;
    findings.error(
      "KM0218",
      first.at,
      `Index ${show(first)} is not one of the list's ${object.items.length} elements`,
      { notes, help: "indices are Int and begin at 0" },
    );
  } else if (object.type === "map") {
    const key = interpolated(first);
    const entry = key === undefined ? undefined : object.entries.get(key);
    if (entry !== undefined) return entry;
    findings.error("KM0218", first.at, `The map has no key ${show(first)}`, {
      ...didYouMean(key ?? "", object.entries.keys()),
      notes,
    });
  } else {
    findings.error("KM0212", at, `The ${typeName(object)} ${show(object)} has no elements`, {
      notes,
    });
  }
  return poison(at);
}

function evaluateFor(expr: ForExpr, at: Location, env: Environment): Value {
  const iterable = evaluate(expr.iterable, env);
  if (iterable.type === "poison") return poison(at);
  const { findings, budget } = env.session;
  if (iterable.type !== "list") {
    findings.error(
      "KM0210",
      iterable.at,
      `"for" goes through a list, not the ${typeName(iterable)} ${show(iterable)}`,
      { notes: env.frame.notes },
    );
    return poison(at);
  }
  const items: Value[] = [];
  for (const item of iterable.items) {
    const inner: Environment = {
      ...env,
      variables: new Map([...(env.variables ?? []), [expr.variable.text, item]]),
    };
    if (expr.condition !== undefined) {
      const wanted = asBool(evaluate(expr.condition, inner), "if", inner);
      if (wanted === undefined) return poison(at);
      if (!wanted) continue;
    }
    const value = evaluate(expr.value, inner);
    if (!budget.grow(1, at)) return poison(at);
    items.push(value);
  }
  return { type: "list", items, at };
}

function evaluateMap(expr: MapExpr, at: Location, env: Environment): Value {
  const { findings, budget } = env.session;
  if (!budget.grow(expr.entries.length, at)) return poison(at);
  const entries = new Map<string, Value>();
  for (const entry of expr.entries) {
    const value = evaluate(entry.value, env);
    const first = entries.get(entry.key.text);
    if (first === undefined) entries.set(entry.key.text, value);
    else
      findings.error(
        "KM0225",
        place(env.frame, entry.key.span),
        `Key "${entry.key.text}" stands twice`,
        {
          notes: [{ message: "its first value is here", at: first.at }, ...env.frame.notes],
          help: "remove one of them",
        },
      );
  }
  return { type: "map", entries, at };
}
