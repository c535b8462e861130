/**
 * The functions of the language. Each has typed parameters; arguments go by position or by name.
 */
import type { CallExpr, Location } from "../../grammar/index.js";
import { place, poison, type Environment } from "./session.js";
import { conform } from "./conform.js";
import { didYouMean, ref, str, union, type Type } from "./types.js";
import type { ReferenceValue, Value } from "./values.js";

interface Parameter {
  readonly name: string;
  readonly type: Type;
  readonly optional?: boolean;
}

interface LanguageFunction {
  readonly doc: string;
  readonly parameters: readonly Parameter[];
  readonly make: (values: Readonly<Record<string, Value | undefined>>, at: Location) => Value;
}

const CONTENT: Type = union({ t: "Content" }, str);

function textOf(value: Value | undefined): string {
  return value !== undefined && "text" in value ? value.text : "";
}

function numberOf(value: Value | undefined): number | undefined {
  return value !== undefined && (value.type === "int" || value.type === "mode")
    ? value.value
    : undefined;
}

const FUNCTIONS: ReadonlyMap<string, LanguageFunction> = new Map<string, LanguageFunction>([
  [
    "module",
    {
      doc: "A Go module at a version.",
      parameters: [
        { name: "path", type: str },
        { name: "version", type: { t: "Version" } },
      ],
      make: ({ path, version }, at) => ({
        type: "module",
        path: textOf(path),
        version: textOf(version),
        at,
      }),
    },
  ],
  [
    "file",
    {
      doc: "Content with a mode and an owner.",
      parameters: [
        { name: "value", type: CONTENT },
        { name: "mode", type: { t: "Mode" }, optional: true },
        { name: "uid", type: { t: "Int" }, optional: true },
        { name: "gid", type: { t: "Int" }, optional: true },
      ],
      make: ({ value, mode, uid, gid }, at) => {
        const bits = numberOf(mode);
        return {
          type: "content",
          content: {
            form: "file",
            value: value as Value,
            ...(bits !== undefined && { mode: bits }),
            uid: numberOf(uid) ?? 0,
            gid: numberOf(gid) ?? 0,
          },
          at,
        };
      },
    },
  ],
  [
    "local",
    {
      doc: "A file of this machine, relative to the recipe.",
      parameters: [{ name: "path", type: str }],
      // The path resolves against the file it was written in, which may be another one than this call's.
      make: ({ path }, at) => ({ type: "local", text: textOf(path), at: path?.at ?? at }),
    },
  ],
  [
    "text",
    {
      doc: "A file of this text.",
      parameters: [{ name: "text", type: str }],
      make: ({ text }, at) => ({
        type: "content",
        content: { form: "text", text: textOf(text) },
        at,
      }),
    },
  ],
  [
    "tree",
    {
      doc: "A file or directory of a source, or of the patched source of a component.",
      parameters: [
        { name: "source", type: ref("source", "component") },
        { name: "path", type: str, optional: true },
      ],
      make: ({ source, path }, at) => ({
        type: "content",
        content: {
          form: "tree",
          source: source as ReferenceValue,
          path: textOf(path),
          pathAt: path?.at ?? at,
        },
        at,
      }),
    },
  ],
  [
    "link",
    {
      doc: "A symbolic link.",
      parameters: [{ name: "target", type: str }],
      make: ({ target }, at) => ({
        type: "content",
        content: { form: "link", target: textOf(target) },
        at: target?.at ?? at,
      }),
    },
  ],
  [
    "deny",
    {
      doc: "Refuses a package, saying why.",
      parameters: [{ name: "why", type: str }],
      make: ({ why }, at) => ({ type: "denial", why: textOf(why), at }),
    },
  ],
  [
    "tcp",
    {
      doc: "Ready when the port accepts connections.",
      parameters: [{ name: "port", type: { t: "Int" } }],
      make: ({ port }, at) => ({
        type: "readiness",
        ready: { type: "tcp", port: numberOf(port) ?? 0 },
        at: port?.at ?? at,
      }),
    },
  ],
  [
    "http",
    {
      doc: "Ready when the URL answers.",
      parameters: [{ name: "url", type: str }],
      make: ({ url }, at) => ({
        type: "readiness",
        ready: { type: "http", url: textOf(url) },
        at: url?.at ?? at,
      }),
    },
  ],
  [
    "log",
    {
      doc: "Ready when the output matches.",
      parameters: [{ name: "pattern", type: { t: "Re" } }],
      make: ({ pattern }, at) => ({
        type: "readiness",
        ready: { type: "log", pattern: textOf(pattern) },
        at,
      }),
    },
  ],
]);

/** The functions by name with their documentation, for completion. */
export const FUNCTION_NAMES: readonly string[] = [...FUNCTIONS.keys()];

/** The value of a call. */
export function callFunction(expr: CallExpr, at: Location, env: Environment): Value {
  const { findings, scope, targets } = env.session;
  const notes = env.frame.notes;
  const called = expr.callee.type === "name" ? FUNCTIONS.get(expr.callee.name) : undefined;
  if (called === undefined || expr.callee.type !== "name") {
    const name = expr.callee.type === "name" ? expr.callee.name : undefined;
    const template = name === undefined ? undefined : scope.get("template", name);
    findings.error(
      "KM0216",
      place(env.frame, expr.callee.span),
      name === undefined ? "Only a function's name can be called" : `Unknown function "${name}"`,
      {
        ...(template === undefined
          ? didYouMean(name ?? "", FUNCTION_NAMES)
          : {
              help: `"${name}" is a template: it stands directly behind "${template.declaration.produces?.kind ?? "component"} NAME ="`,
            }),
        notes,
      },
    );
    return poison(at);
  }
  const name = expr.callee.name;
  const given: Record<string, Value | undefined> = Object.create(null) as Record<
    string,
    Value | undefined
  >;
  let failed = false;
  let positional = 0;
  const refuse = (place: Location, message: string, help?: string): void => {
    failed = true;
    findings.error("KM0217", place, message, { help, notes });
  };
  for (const argument of expr.arguments) {
    const where = place(env.frame, argument.name?.span ?? argument.value.span);
    const parameter =
      argument.name === undefined
        ? called.parameters[positional++]
        : called.parameters.find((candidate) => candidate.name === argument.name?.text);
    if (parameter === undefined) {
      const near =
        argument.name &&
        didYouMean(
          argument.name.text,
          called.parameters.map((candidate) => candidate.name),
        );
      refuse(
        where,
        argument.name === undefined
          ? `"${name}" takes ${called.parameters.length} arguments`
          : `"${name}" has no parameter "${argument.name.text}"`,
        near?.help ?? signature(name, called),
      );
      continue;
    }
    if (given[parameter.name] !== undefined) {
      refuse(where, `Argument "${parameter.name}" is given twice`, "remove one of them");
      continue;
    }
    const value = conform(env.session.evaluate(argument.value, env), parameter.type, {
      findings,
      what: `"${parameter.name}" of ${name}()`,
      notes,
      targetOf: (target) => targets.get(target),
    });
    given[parameter.name] = value;
    if (value.type === "poison") failed = true;
  }
  const missing = called.parameters.find(
    (parameter) => parameter.optional !== true && given[parameter.name] === undefined,
  );
  if (missing !== undefined && !failed)
    refuse(at, `"${name}" wants the argument "${missing.name}"`, signature(name, called));
  return failed ? poison(at) : called.make(given, at);
}

function signature(name: string, called: LanguageFunction): string {
  return `write ${name}(${called.parameters.map((parameter) => (parameter.optional === true ? `${parameter.name} = …` : parameter.name)).join(", ")})`;
}
