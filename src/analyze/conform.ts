/**
 * Whether a value has a type, and how to write the one that was meant.
 *
 * The check is the only place where a value may change its form: an architecture's name or a
 * `target.NAME` becomes a platform. Everything else is taken as it is or refused.
 */
import type { Diagnostic } from "../../grammar/index.js";
import { ARCHES, archByAlias, isArch, platformOf, type Platform } from "../model/platform.js";
import type { Findings } from "./findings.js";
import { article, describeType, oneOf, type Type } from "./types.js";
import { show, treeOf, typeName, type Value } from "./values.js";

/** What the check needs to know besides the value. */
export interface TypeContext {
  readonly findings: Findings;
  /** How diagnostics call the place: `"timeout"`, `parameter "src"`. */
  readonly what: string;
  readonly notes?: Diagnostic["notes"];
  /** The platform of a declared target. */
  readonly targetOf: (name: string) => Platform | undefined;
}

/** `value` when it has the type, poison (and a diagnostic at the value's own place) when not. */
export function conform(value: Value, type: Type, context: TypeContext): Value {
  if (value.type === "poison") return value;
  const poison: Value = { type: "poison", at: value.at };
  switch (type.t) {
    case "list": {
      if (value.type !== "list") break;
      let failed = false;
      const items = value.items.map((item) => {
        const checked = conform(item, type.of, context);
        if (checked.type === "poison") failed = true;
        return checked;
      });
      return failed ? poison : { ...value, items };
    }
    case "map": {
      if (value.type !== "map") break;
      let failed = false;
      const entries = new Map<string, Value>();
      for (const [key, entry] of value.entries) {
        const checked = conform(entry, type.of, { ...context, what: `"${key}"` });
        if (checked.type === "poison") failed = true;
        entries.set(key, checked);
      }
      return failed ? poison : { ...value, entries };
    }
    case "union": {
      const member = type.of.find((candidate) => accepts(value, candidate));
      if (member !== undefined) return conform(value, member, context);
      // A single list or map member is the better guide to what is wrong inside.
      const container = type.of.find((candidate) => candidate.t === value.type);
      if (container !== undefined) return conform(value, container, context);
      break;
    }
    case "Arch":
    case "Target": {
      const target = targetOf(value, type.t, context);
      if (target !== undefined) return target;
      break;
    }
    default:
      if (accepts(value, type)) return value;
  }
  refuse(value, type, context);
  return poison;
}

function accepts(value: Value, type: Type): boolean {
  switch (type.t) {
    case "Any":
      return true;
    case "Re":
      return value.type === "regex";
    case "Name":
      return value.type === "enum" || value.type === "str";
    case "Content":
      return value.type === "content" || value.type === "local" || isArtifact(value);
    case "Artifact":
      return isArtifact(value);
    case "Tree":
      return treeOf(value) !== undefined;
    case "Arch":
    case "Target":
      return (
        value.type === "target" ||
        (value.type === "enum" && isArch(value.text)) ||
        (value.type === "reference" && value.kind === "target")
      );
    case "enum":
      return value.type === "enum" && type.names.includes(value.text);
    case "ref":
      return (
        value.type === "reference" && value.program === undefined && type.kinds.includes(value.kind)
      );
    case "list":
      return (
        value.type === "list" &&
        value.items.every((item) => item.type === "poison" || accepts(item, type.of))
      );
    case "map":
      return (
        value.type === "map" &&
        [...value.entries.values()].every(
          (item) => item.type === "poison" || accepts(item, type.of),
        )
      );
    case "union":
      return type.of.some((member) => accepts(value, member));
    default:
      return value.type === type.t.toLowerCase();
  }
}

function isArtifact(value: Value): boolean {
  return value.type === "reference" && value.kind === "component";
}

function targetOf(
  value: Value,
  wanted: "Arch" | "Target",
  context: TypeContext,
): Value | undefined {
  if (value.type === "enum" && isArch(value.text))
    return wanted === "Arch"
      ? value
      : { type: "target", name: value.text, platform: platformOf(value.text), at: value.at };
  if (wanted === "Arch")
    return value.type === "target"
      ? { type: "enum", text: value.platform.arch, at: value.at }
      : undefined;
  if (value.type === "target") return value;
  if (value.type === "reference" && value.kind === "target") {
    const platform = context.targetOf(value.name);
    // A declared target without a platform has its own diagnostic.
    if (platform === undefined) return { type: "poison", at: value.at };
    return { type: "target", name: value.name, platform, at: value.at };
  }
  return undefined;
}

function refuse(value: Value, type: Type, context: TypeContext): void {
  const { findings, what, notes } = context;
  const wantsArch = type.t === "Arch" || type.t === "Target";
  if (wantsArch && (value.type === "str" || value.type === "enum")) {
    const arch = archByAlias(value.text);
    if (arch !== undefined) {
      findings.error(
        "KM0229",
        value.at,
        `Unknown architecture ${show(value)}: recipes use the spelling of Go and OCI`,
        { help: `write ${arch}`, notes },
      );
      return;
    }
    if (value.type === "enum") {
      findings.error("KM0221", value.at, `Unknown architecture "${value.text}"`, {
        ...oneOf(value.text, ARCHES),
        notes,
      });
      return;
    }
  }
  if (value.type === "int" && unitHelp(value.value, type) !== undefined) {
    findings.error(
      "KM0211",
      value.at,
      `${what} is ${value.value} without a unit, wanted a ${describeType(type)}`,
      { help: unitHelp(value.value, type), notes },
    );
    return;
  }
  const allowed = enumNames(type);
  if (value.type === "enum" && allowed.length > 0) {
    findings.error("KM0221", value.at, `${what} is "${value.text}", wanted ${describeType(type)}`, {
      ...oneOf(value.text, allowed),
      notes,
    });
    return;
  }
  const actual =
    value.type === "enum" ? `the name "${value.text}"` : `the ${typeName(value)} ${show(value)}`;
  findings.error(
    "KM0210",
    value.at,
    `${what} is ${actual}, wanted ${article(describeType(type))}`,
    { help: formHelp(value, type), notes },
  );
}

function enumNames(type: Type): readonly string[] {
  if (type.t === "enum") return type.names;
  if (type.t === "union") return type.of.flatMap(enumNames);
  return [];
}

function unitHelp(value: number, type: Type): string | undefined {
  if (type.t === "Size") return `write ${value}MiB or ${value}MB`;
  if (type.t === "Duration") return `write ${value}s or ${value}m`;
  if (type.t === "Mode")
    return /^[0-7]{3,4}$/.test(String(value)) ? `write 0o${value}` : "write 0o755";
  return undefined;
}

/** How to write the value that was probably meant. */
function formHelp(value: Value, type: Type): string | undefined {
  const wanted = type.t === "union" ? (type.of[0] as Type) : type;
  if (wanted.t === "list" && accepts(value, wanted.of)) return `write [${show(value)}]`;
  if (value.type === "str") {
    if (wanted.t === "Re") return `write re${show(value)}`;
    if (wanted.t === "Glob") return `write glob${show(value)}`;
    if (wanted.t === "Content") return `write text(${show(value)}) or local(${show(value)})`;
    if (wanted.t === "Version" && /^v?\d/.test(value.text))
      return `write v${value.text.replace(/^v/, "")}`;
    if (wanted.t === "enum" && wanted.names.includes(value.text))
      return `write ${value.text} without quotes`;
    if (wanted.t === "Digest" && value.text.startsWith("sha256:"))
      return "write the digest without quotes";
    if (wanted.t === "ref" && wanted.kinds.length === 1)
      return `write ${wanted.kinds[0]}.${value.text}`;
    if (wanted.t === "Int" && /^\d+$/.test(value.text)) return `write ${value.text} without quotes`;
  }
  if (value.type === "enum") {
    if (wanted.t === "Str") return `write "${value.text}" in quotes`;
    if (wanted.t === "ref" && wanted.kinds.length === 1)
      return `write ${wanted.kinds[0]}.${value.text}`;
    if (wanted.t === "Bool") return "write true or false";
  }
  if (value.type === "version" && wanted.t === "Str") return `write "${value.text}" in quotes`;
  if (value.type === "int" && wanted.t === "Str") return `write "${value.value}" in quotes`;
  if (value.type === "int" && wanted.t === "Version") return `write v${value.value}.0.0`;
  return FORMS[wanted.t];
}

/** What a value of each unit looks like. */
const FORMS: Readonly<Partial<Record<Type["t"], string>>> = {
  Size: "write a size such as 90MiB",
  Duration: "write a time such as 60s or 2m",
  Mode: "write a file mode such as 0o755",
  Version: "write a version such as v1.6.5",
  Int: "write a whole number without a unit",
  Bool: "write true or false",
  Tree: 'write source.NAME / "path"',
};
