/**
 * The project's options: declared with a default, read as `option.NAME`, set by a command line.
 */
import { parse, type Assignment, type Location, type SourceFile } from "../../grammar/index.js";
import type { Overrides } from "../model/overrides.js";
import { ARCHES, archByAlias, isArch, platformOf } from "../model/platform.js";
import { attributeValue } from "./body.js";
import { conform } from "./conform.js";
import { Findings } from "./findings.js";
import type { MergedBlock } from "./merge.js";
import type { Declared } from "./scope.js";
import type { Session } from "./session.js";
import { didYouMean, oneOf, type Type } from "./types.js";
import { show, typeName, type TargetValue, type Value } from "./values.js";

/** One option of the project. */
export interface ProjectOption {
  readonly name: string;
  /** As a recipe calls its type. */
  readonly type: string;
  /** The value that counts, as a recipe writes it. */
  readonly value: string;
  readonly fallback: string;
  /** Whether the command line sets it. */
  readonly isSet: boolean;
  readonly doc?: string;
  readonly at: Location;
}

/** An override that does not fit the project: wrong usage, not a fault of a recipe. */
export interface Misfit {
  readonly message: string;
  readonly help?: string;
}

export interface ReadOptions {
  readonly values: ReadonlyMap<string, Value>;
  readonly options: readonly ProjectOption[];
  readonly misfits: readonly Misfit[];
}

/** The types of literals that an option may have, by the type of their value. */
const LITERALS: Readonly<Partial<Record<Value["type"], Type>>> = {
  str: { t: "Str" },
  bool: { t: "Bool" },
  int: { t: "Int" },
  size: { t: "Size" },
  duration: { t: "Duration" },
  mode: { t: "Mode" },
  version: { t: "Version" },
  instant: { t: "Instant" },
  digest: { t: "Digest" },
  regex: { t: "Re" },
  glob: { t: "Glob" },
  enum: { t: "Name" },
};

/** Evaluates the options of the project's block, with what the command line sets in their place. */
export function readOptions(
  project: Declared | undefined,
  block: MergedBlock | undefined,
  overrides: Overrides,
  session: Session,
): ReadOptions {
  const values = new Map<string, Value>();
  const options: ProjectOption[] = [];
  const misfits: Misfit[] = [];
  for (const attribute of block?.body.attributes.values() ?? []) {
    const { name, at } = attribute;
    const fallback = attributeValue(attribute, { t: "Any" }, session, undefined);
    const type = literalType(fallback);
    if (fallback.type !== "poison" && type === undefined)
      session.findings.error(
        "KM0210",
        fallback.at,
        `Option "${name}" is the ${typeName(fallback)} ${show(fallback)}, wanted a literal`,
        { help: "write text, a number, a version, a name or a list of these" },
      );
    if (type === undefined) {
      values.set(name, { type: "poison", at });
      continue;
    }
    const text = overrides.options.get(name);
    const set = text === undefined ? fallback : parseValue(name, text, fallback, type, session);
    if ("message" in set) misfits.push(set);
    const value = "message" in set ? fallback : set;
    values.set(name, value);
    const doc = docOf(project, name);
    options.push({
      ...{ name, type: typeText(fallback), value: literalText(value), at },
      ...{ fallback: literalText(fallback), isSet: text !== undefined },
      ...(doc !== undefined && { doc }),
    });
  }
  const isKnown = project === undefined || !session.scope.isFaulty(project);
  for (const name of overrides.options.keys())
    if (!values.has(name) && isKnown)
      misfits.push({
        message: `The project has no option "${name}"`,
        help:
          values.size === 0
            ? `declare it: project { options { ${name} = … } }`
            : (oneOf(name, [...values.keys()]).help ?? ""),
      });
  return { values, options, misfits };
}

/** The platforms that the command line names. */
export function readTargets(
  names: readonly string[],
  session: Session,
): { readonly targets: readonly TargetValue[]; readonly misfits: readonly Misfit[] } {
  const targets: TargetValue[] = [];
  const misfits: Misfit[] = [];
  const file: SourceFile = { name: "--target", text: names.join(",") };
  const at = { file, span: { start: 0, end: file.text.length } };
  for (const name of names) {
    const declared = session.targets.get(name);
    const platform = isArch(name) ? platformOf(name) : declared;
    if (platform !== undefined) targets.push({ type: "target", name, platform, at });
    // A declared target without a platform has its own diagnostic.
    else if (!session.targets.has(name)) {
      const alias = archByAlias(name);
      const known = [...ARCHES, ...session.targets.keys()];
      misfits.push({
        message: `Unknown platform "${name}"`,
        help:
          alias !== undefined
            ? `write --target ${alias}, as Go and OCI spell it`
            : (didYouMean(name, known).help ?? `there are ${known.join(", ")}`),
      });
    }
  }
  return { targets, misfits };
}

function literalType(value: Value): Type | undefined {
  if (value.type !== "list") return LITERALS[value.type];
  const [first] = value.items;
  const of = first === undefined ? { t: "Str" as const } : LITERALS[first.type];
  const isUniform = value.items.every((item) => item.type === first?.type);
  return of === undefined || !isUniform ? undefined : { t: "list", of };
}

function typeText(value: Value): string {
  if (value.type === "enum") return "Name";
  if (value.type !== "list") return typeName(value);
  const [first] = value.items;
  return `list<${first === undefined ? "Str" : typeText(first)}>`;
}

/** A literal as it was written. */
function literalText({ at: { file, span } }: Value): string {
  return file.text.slice(span.start, span.end);
}

/** The value that the text of `--set` means for an option, or why it means none. */
function parseValue(
  name: string,
  text: string,
  fallback: Value,
  type: Type,
  session: Session,
): Value | Misfit {
  const at: Location = {
    file: { name: `--set ${name}`, text },
    span: { start: 0, end: text.length },
  };
  const asText: Value = { type: "str", text, at };
  const literal = parseLiteral(text, session, at);
  // Text needs no quotes on a command line.
  if (fallback.type === "str" && literal?.type !== "str") return asText;
  const findings = new Findings();
  const value = conform(literal ?? asText, type, {
    findings,
    what: `--set ${name}`,
    targetOf: () => undefined,
  });
  if (value.type === "poison" || (fallback.type === "enum" && value.type !== "enum")) {
    const [found] = findings.list([]);
    return {
      message:
        found?.message ??
        `--set ${name} is ${show(literal ?? asText)}, wanted a name without quotes`,
      help: found?.help ?? `its default is ${literalText(fallback)}`,
    };
  }
  return { ...value, at };
}

/** The literal that a text is; undefined when it is none. */
function parseLiteral(text: string, session: Session, at: Location): Value | undefined {
  const file: SourceFile = { name: at.file.name, text: `project { value = ${text} }` };
  const { recipe, diagnostics } = parse(file);
  const [declaration, ...others] = recipe.declarations;
  const [statement, ...more] = declaration?.body ?? [];
  if (diagnostics.length > 0 || others.length > 0 || more.length > 0) return undefined;
  if (statement?.type !== "assignment") return undefined;
  const [unit] = session.units.values();
  if (unit === undefined) return undefined;
  const frame = { unit: { ...unit, file }, notes: [] };
  const value = session.evaluate(statement.value, { session, frame, cell: undefined });
  return value.type === "poison" ? undefined : value;
}

/** The `##` comment above an option. */
function docOf(project: Declared | undefined, name: string): string | undefined {
  return project?.declaration.body
    .flatMap((statement) =>
      statement.type === "block" && statement.keyword.text === "options" ? statement.body : [],
    )
    .find(
      (statement): statement is Assignment =>
        statement.type === "assignment" && statement.name.text === name,
    )?.doc;
}
