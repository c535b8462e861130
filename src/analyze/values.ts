/**
 * What expressions evaluate to.
 *
 * Every value carries the place it was written at, so that a wrong one is reported there, however far
 * it travelled through templates and parameters. `poison` stands for a value whose fault has been
 * reported; whatever is made from it is poison too, and nobody reports it again.
 */
import type { DeclarationKind, Location } from "../../grammar/index.js";
import type { Address, Readiness } from "../model/node.js";
import type { Platform } from "../model/platform.js";
import { compareVersions } from "./version.js";

/** The kinds that a recipe can refer to as `kind.name`. */
export type ReferenceKind = Exclude<DeclarationKind, "project" | "template">;

export type Value =
  | { readonly type: "poison"; readonly at: Location }
  | { readonly type: "str"; readonly text: string; readonly at: Location }
  | { readonly type: "bool"; readonly value: boolean; readonly at: Location }
  | { readonly type: "int"; readonly value: number; readonly at: Location }
  /** Bytes. */
  | { readonly type: "size"; readonly value: number; readonly at: Location }
  /** Milliseconds. */
  | { readonly type: "duration"; readonly value: number; readonly at: Location }
  | { readonly type: "mode"; readonly value: number; readonly at: Location }
  | { readonly type: "version"; readonly text: string; readonly at: Location }
  /** Seconds since the epoch. */
  | { readonly type: "instant"; readonly value: number; readonly at: Location }
  | { readonly type: "digest"; readonly text: string; readonly at: Location }
  | { readonly type: "regex"; readonly text: string; readonly at: Location }
  | { readonly type: "glob"; readonly text: string; readonly at: Location }
  /** A bare name: `mips64le`, `scratch`, `TERM`. */
  | { readonly type: "enum"; readonly text: string; readonly at: Location }
  | ListValue
  | MapValue
  | TargetValue
  | ReferenceValue
  /** A Go module at a version. */
  | {
      readonly type: "module";
      readonly path: string;
      readonly version: string;
      readonly at: Location;
    }
  /** A file of this machine beside the recipe; `text` as written, resolved against `at`'s file. */
  | { readonly type: "local"; readonly text: string; readonly at: Location }
  | ContentValue
  /** Why a package must not be asked for. */
  | { readonly type: "denial"; readonly why: string; readonly at: Location }
  | { readonly type: "readiness"; readonly ready: Readiness; readonly at: Location };

export interface ListValue {
  readonly type: "list";
  readonly items: readonly Value[];
  readonly at: Location;
}

export interface MapValue {
  readonly type: "map";
  readonly entries: ReadonlyMap<string, Value>;
  readonly at: Location;
}

/** A platform under the name that axes and addresses show. */
export interface TargetValue {
  readonly type: "target";
  readonly name: string;
  readonly platform: Platform;
  readonly at: Location;
}

/** `kind.name`, with the cell's axis values when given and the program for a component's output. */
export interface ReferenceValue {
  readonly type: "reference";
  readonly kind: ReferenceKind;
  readonly name: string;
  readonly indices?: readonly Value[];
  readonly program?: { readonly text: string; readonly at: Location };
  readonly at: Location;
}

/** What a row of `files` puts into an image. */
export interface ContentValue {
  readonly type: "content";
  readonly content:
    | {
        readonly form: "file";
        readonly value: Value;
        readonly mode?: number;
        readonly uid: number;
        readonly gid: number;
      }
    | { readonly form: "text"; readonly text: string }
    | {
        readonly form: "tree";
        readonly source: ReferenceValue;
        readonly path: string;
        readonly pathAt: Location;
      }
    | { readonly form: "link"; readonly target: string };
  readonly at: Location;
}

/** A place in a source's tree. */
export type TreeContent = Extract<ContentValue["content"], { form: "tree" }>;

/** The place in a tree that a value names: `source.x`, `component.x`, or one with a path. */
export function treeOf(value: Value): TreeContent | undefined {
  if (value.type === "content") return value.content.form === "tree" ? value.content : undefined;
  if (value.type !== "reference" || value.program !== undefined) return undefined;
  if (value.kind !== "source" && value.kind !== "component") return undefined;
  return { form: "tree", source: value, path: "", pathAt: value.at };
}

/** The type of a value as diagnostics call it. */
export function typeName(value: Value): string {
  switch (value.type) {
    case "str":
      return "Str";
    case "regex":
      return "Re";
    case "reference":
      if (value.program !== undefined) return "Artifact";
      return `Ref<${value.kind}>`;
    case "enum":
      return "the name";
    case "local":
    case "content":
      return "Content";
    case "module":
      return "Module";
    default:
      return value.type.charAt(0).toUpperCase() + value.type.slice(1);
  }
}

/** A value as diagnostics quote it: short, one line. */
export function show(value: Value): string {
  const text = showWhole(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function showWhole(value: Value): string {
  switch (value.type) {
    case "str":
      return JSON.stringify(value.text);
    case "version":
    case "enum":
    case "digest":
      return value.text;
    case "regex":
      return `re"${value.text}"`;
    case "glob":
      return `glob"${value.text}"`;
    case "bool":
    case "int":
      return String(value.value);
    case "mode":
      return `0o${value.value.toString(8)}`;
    case "size":
      return `${value.value}B`;
    case "duration":
      return `${value.value}ms`;
    case "instant":
      return new Date(value.value * 1000).toISOString().replace(".000Z", "Z");
    case "target":
      return value.name;
    case "reference":
      return referenceText(value);
    case "list":
      return `[${value.items.slice(0, 8).map(show).join(", ")}]`;
    case "map":
      return `{${[...value.entries.keys()].slice(0, 8).join(", ")}}`;
    case "module":
      return `module("${value.path}", ${value.version})`;
    case "local":
      return `local("${value.text}")`;
    case "content":
      return `${value.content.form}(…)`;
    case "denial":
      return `deny(${JSON.stringify(value.why)})`;
    case "readiness":
      return `${value.ready.type}(…)`;
    case "poison":
      return "(already reported)";
  }
}

/** A reference as the recipe writes it. */
export function referenceText(value: ReferenceValue): Address {
  const indices =
    value.indices === undefined
      ? ""
      : `[${value.indices.map((index) => axisText(index) ?? "?").join(",")}]`;
  const program = value.program === undefined ? "" : `.${value.program.text}`;
  return `${value.kind}.${value.name}${indices}${program}`;
}

/** The text of an axis value in an address; undefined for a value that cannot be one. */
export function axisText(value: Value): string | undefined {
  switch (value.type) {
    case "str":
    case "version":
    case "enum":
      return value.text;
    case "target":
      return value.name;
    case "int":
      return String(value.value);
    case "reference":
      return value.kind === "target" ? value.name : undefined;
    default:
      return undefined;
  }
}

/** The text of a value inside `"${…}"`; undefined for a type that text cannot hold. */
export function interpolated(value: Value): string | undefined {
  switch (value.type) {
    case "str":
    case "version":
    case "enum":
      return value.text;
    case "int":
      return String(value.value);
    case "target":
      return value.name;
    default:
      return undefined;
  }
}

/** Whether two values are equal; undefined when their types cannot be compared. */
export function equals(a: Value, b: Value): boolean | undefined {
  if (isName(a) && isName(b)) return axisText(a) === axisText(b);
  if (a.type !== b.type) return undefined;
  switch (a.type) {
    case "version":
      return compareVersions(a.text, (b as typeof a).text) === 0;
    case "str":
    case "digest":
    case "regex":
    case "glob":
      return a.text === (b as typeof a).text;
    case "bool":
    case "int":
    case "size":
    case "duration":
    case "mode":
    case "instant":
      return a.value === (b as typeof a).value;
    case "list": {
      const other = (b as typeof a).items;
      if (a.items.length !== other.length) return false;
      return a.items.every((item, index) => equals(item, other[index] as Value) === true);
    }
    case "reference":
      return referenceText(a) === referenceText(b as typeof a);
    default:
      return undefined;
  }
}

function isName(value: Value): boolean {
  return (
    value.type === "enum" ||
    value.type === "target" ||
    (value.type === "reference" && value.kind === "target")
  );
}

/** Negative, zero or positive by order; undefined when the values have none. */
export function compare(a: Value, b: Value): number | undefined {
  if (a.type === "version" && b.type === "version") return compareVersions(a.text, b.text);
  if (a.type !== b.type) return undefined;
  switch (a.type) {
    case "int":
    case "size":
    case "duration":
    case "instant":
      return a.value - (b as typeof a).value;
    default:
      return undefined;
  }
}
