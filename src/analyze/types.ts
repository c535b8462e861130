/**
 * The types of attributes and template parameters: data, names and spellings.
 */
import { nearest, type Location, type TypeExpr } from "../../grammar/index.js";
import type { Findings } from "./findings.js";
import type { ReferenceKind } from "./values.js";

export type Type =
  | { readonly t: ScalarName }
  | { readonly t: "enum"; readonly names: readonly string[] }
  | { readonly t: "list" | "map"; readonly of: Type }
  | { readonly t: "ref"; readonly kinds: readonly ReferenceKind[] }
  | { readonly t: "union"; readonly of: readonly Type[] };

export type ScalarName =
  | "Str"
  | "Bool"
  | "Int"
  | "Size"
  | "Duration"
  | "Mode"
  | "Version"
  | "Instant"
  | "Digest"
  | "Re"
  | "Glob"
  | "Arch"
  | "Target"
  | "Module"
  | "Content"
  | "Artifact"
  | "Tree"
  | "Readiness"
  | "Denial"
  /** A bare name, or a Str where it has other characters than names may. */
  | "Name"
  | "Any";

export const str: Type = { t: "Str" };
export const list = (of: Type): Type => ({ t: "list", of });
export const map = (of: Type): Type => ({ t: "map", of });
export const ref = (...kinds: ReferenceKind[]): Type => ({ t: "ref", kinds });
export const names = (...allowed: string[]): Type => ({ t: "enum", names: allowed });
export const union = (...of: Type[]): Type => ({ t: "union", of });

/** A type as diagnostics and the reference spell it. */
export function describeType(type: Type): string {
  switch (type.t) {
    case "enum":
      return type.names.join(" | ");
    case "list":
    case "map":
      return `${type.t}<${describeType(type.of)}>`;
    case "ref":
      return type.kinds.length > 2 ? "Ref" : type.kinds.map((kind) => `Ref<${kind}>`).join(" | ");
    case "union":
      return type.of.map(describeType).join(" | ");
    default:
      return type.t;
  }
}

/** Types that a template parameter may have, by the name that recipes use. */
const PARAMETER_TYPES: ReadonlyMap<string, Type> = new Map<string, Type>([
  ...(
    [
      "Str",
      "Bool",
      "Int",
      "Size",
      "Duration",
      "Mode",
      "Version",
      "Instant",
      "Digest",
      "Re",
      "Glob",
    ] as const
  ).map((t): [string, Type] => [t, { t }]),
  ["Arch", { t: "Arch" }],
  ["Target", { t: "Target" }],
  ["Module", { t: "Module" }],
  ["Content", { t: "Content" }],
  ["Artifact", { t: "Artifact" }],
  ["Path", str],
  ["Source", ref("source")],
  ["Toolchain", ref("toolchain")],
  ["Component", ref("component")],
  ["Base", ref("base")],
  ["Packages", ref("packages")],
  ["Image", ref("image")],
]);
export const PARAMETER_TYPE_NAMES: readonly string[] = [
  ...PARAMETER_TYPES.keys(),
  "list",
  "map",
  "Ref",
];
const REFERENCE_KINDS: readonly string[] = [
  "source",
  "toolchain",
  "component",
  "base",
  "packages",
  "image",
  "index",
  "group",
  "target",
];

/** The type a parameter declares; undefined (and a diagnostic) when there is none of that name. */
export function parameterType(
  expr: TypeExpr,
  at: (span: TypeExpr["span"]) => Location,
  findings: Findings,
): Type | undefined {
  if (expr.name === "list" || expr.name === "map") {
    if (expr.argument === undefined) {
      findings.error(
        "KM0245",
        at(expr.span),
        `Type "${expr.name}" without the type of its elements`,
        { help: `write ${expr.name}<Str>` },
      );
      return undefined;
    }
    const of = parameterType(expr.argument, at, findings);
    return of && { t: expr.name, of };
  }
  if (expr.name === "Ref" && expr.argument !== undefined) {
    const kind = expr.argument.name;
    if (REFERENCE_KINDS.includes(kind)) return ref(kind as ReferenceKind);
    findings.error(
      "KM0245",
      at(expr.argument.span),
      `Unknown kind "${kind}"`,
      oneOf(kind, REFERENCE_KINDS),
    );
    return undefined;
  }
  const found = PARAMETER_TYPES.get(expr.name);
  if (found !== undefined && expr.argument === undefined) return found;
  findings.error(
    "KM0245",
    at(expr.span),
    `Unknown type "${expr.name}"`,
    oneOf(expr.name, PARAMETER_TYPE_NAMES),
  );
  return undefined;
}

/** The help "did you mean", when some candidate is near. */
export function didYouMean(name: string, candidates: Iterable<string>): { help?: string } {
  const near = nearest(name, [...candidates]);
  if (near.length === 0) return {};
  return { help: `did you mean ${near.map((candidate) => `"${candidate}"`).join(" or ")}?` };
}

/** The type or kind with "a" or "an"; a choice of types stays as it is. */
export function article(type: string): string {
  if (type.includes(" ")) return type;
  return /^[aeiou]/i.test(type) ? `an ${type}` : `a ${type}`;
}

/** The help "did you mean", or what there is to choose from. */
export function oneOf(name: string, allowed: readonly string[]): { help?: string } {
  const near = didYouMean(name, allowed);
  return near.help !== undefined ? near : { help: `write one of ${allowed.join(", ")}` };
}
