/**
 * The `go` and `c` blocks of a component: tools, programs and flags, every one checked.
 */
import type { Location } from "../../grammar/index.js";
import { recordOf, type BodyReader } from "./body.js";
import type { Lowering } from "./lowering.js";
import { isModulePath, isTreePath } from "./paths.js";
import { resolveOne, samePlatform } from "./resolve.js";
import type { Cell, Session } from "./session.js";
import type { ReferenceValue, Value } from "./values.js";

/** A toolchain and the reference that names it. */
export interface Tools {
  readonly toolchain: Cell;
  readonly reference: ReferenceValue;
}

export interface GoBuild extends Tools {
  readonly language: "go";
  readonly packages: Readonly<Record<string, string>>;
  readonly tests?: Readonly<Record<string, string>>;
  readonly ldflags: readonly string[];
  readonly tags: readonly string[];
}

export interface CBuild extends Tools {
  readonly language: "c";
  readonly programs: Readonly<Record<string, readonly string[]>>;
  readonly flags: readonly string[];
}

/**
 * What a `go` block says; undefined after a reported fault. `ofToolchain`: the source is a Go
 * toolchain's own tree.
 */
export function lowerGo(
  fields: BodyReader,
  ofToolchain: boolean,
  lowering: Lowering,
): GoBuild | undefined {
  const tools = lowerTools(fields, "go", lowering);
  const packages = readPackages(fields, "packages", ofToolchain);
  const tests = readPackages(fields, "tests", ofToolchain);
  const ldflags = fields.texts("ldflags");
  const tags = fields.texts("tags");
  if (tools === undefined || packages === undefined || tests === undefined || fields.failed)
    return undefined;
  const names = [...Object.keys(packages), ...Object.keys(tests)];
  if (isEmpty(fields, "packages", names.length) || isTwice(names, fields)) return undefined;
  const hasTests = Object.keys(tests).length > 0;
  return { language: "go", ...tools, packages, ...(hasTests && { tests }), ldflags, tags };
}

/** What a `c` block says; undefined after a reported fault. */
export function lowerC(fields: BodyReader, lowering: Lowering): CBuild | undefined {
  const tools = lowerTools(fields, "cc", lowering);
  const programs = readPrograms(fields);
  const flags = fields.texts("flags");
  if (tools === undefined || programs === undefined || fields.failed) return undefined;
  return { language: "c", ...tools, programs, flags };
}

/** The toolchain that the attribute `name` of a body means, of the wanted type; undefined after a reported fault. */
export function lowerTools(
  fields: BodyReader,
  wanted: "go" | "cc",
  lowering: Lowering,
  name = "toolchain",
): Tools | undefined {
  const { session, sets } = lowering;
  const reference = fields.reference(name);
  const toolchain = reference && resolveOne(reference, fields.cell, sets, session);
  if (reference === undefined || toolchain === undefined) return undefined;
  if (!isToolchain(toolchain, wanted, reference, lowering)) return undefined;
  return samePlatform(reference, toolchain, fields.cell, session)
    ? { toolchain, reference }
    : undefined;
}

/** Program name → source files of a `c` block. */
function readPrograms(fields: BodyReader): Record<string, readonly string[]> | undefined {
  const { findings } = fields.session;
  const programs: [string, readonly string[]][] = [];
  let failed = false;
  for (const [name, value] of fields.map("programs")) {
    if (!isProgramName(name, value, fields)) failed = true;
    const files = value.type === "list" ? value.items : [];
    if (files.length === 0) {
      findings.error("KM0336", value.at, `Program "${name}" has no source files`, {
        help: `write ["${name}.c"]`,
      });
      failed = true;
    }
    for (const file of files) {
      if (
        file.type !== "str" ||
        (isTreePath(file.text) && file.text !== "" && !file.text.startsWith("-"))
      )
        continue;
      findings.error(
        "KM0331",
        file.at,
        `Source file "${file.text}" is not a path inside the source`,
        { help: "write it relative to the source, without .." },
      );
      failed = true;
    }
    programs.push([name, files.map((file) => (file.type === "str" ? file.text : ""))]);
  }
  if (fields.has("programs") && isEmpty(fields, "programs", programs.length)) failed = true;
  return failed || fields.failed || !fields.has("programs") ? undefined : recordOf(programs);
}

function isTwice(names: readonly string[], fields: BodyReader): boolean {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return false;
  fields.session.findings.error(
    "KM0336",
    fields.at("tests"),
    `Program "${twice}" is in "packages" and in "tests"`,
    { help: "give one of them another name" },
  );
  return true;
}

function isEmpty(fields: BodyReader, name: string, size: number): boolean {
  if (size > 0 || fields.failed) return false;
  fields.session.findings.error("KM0227", fields.at(name), `"${name}" is empty`, {
    help: "name at least one program",
  });
  return true;
}

/** Whether the cell of a toolchain has the tools that are wanted; reports that it has not. */
export function isToolchain(
  cell: Cell,
  wanted: "go" | "cc",
  reference: ReferenceValue,
  { sets, session }: Lowering,
): boolean {
  const body = sets.get(`toolchain.${cell.declared.name}`)?.body;
  const other = wanted === "go" ? "cc" : "go";
  if (body === undefined || body.attributes.has(wanted) || !body.attributes.has(other)) return true;
  session.findings.error(
    "KM0210",
    reference.at,
    `${cell.address} is a ${other} toolchain, wanted a ${wanted} toolchain`,
    {
      notes: [{ message: "declared here", at: cell.declared.at }],
      help: `write a toolchain with "${wanted} ="`,
    },
  );
  return false;
}

function isProgramName(name: string, value: Value, { session }: BodyReader): boolean {
  if (/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(name)) return true;
  session.findings.error("KM0336", value.at, `"${name}" is not a program name`, {
    help: "use letters, digits, _ . + and -",
  });
  return false;
}

/**
 * Program name → package path, of the `packages` or the `tests` of a `go` block; a toolchain's own
 * are `cmd/NAME`.
 */
function readPackages(
  fields: BodyReader,
  name: "packages" | "tests",
  ofToolchain: boolean,
): Record<string, string> | undefined {
  const packages: [string, string][] = [];
  let failed = false;
  for (const [program, value] of fields.map(name)) {
    if (value.type !== "str") continue;
    if (!isProgramName(program, value, fields)) failed = true;
    const isOwn = ofToolchain && /^cmd\/[a-z0-9]+$/.test(value.text);
    if (!isOwn && !isPackage(value.text, value.at, fields.session)) failed = true;
    packages.push([program, value.text]);
  }
  return failed || fields.failed ? undefined : recordOf(packages);
}

/**
 * Whether `text` names one Go package: `.`, `./path`, or the import path of one in the module graph.
 * Reports why not.
 */
export function isPackage(text: string, at: Location, { findings }: Session): boolean {
  if (isPackagePath(text) || isImportPath(text)) return true;
  const bare = text.replace(/^(\.?\/)+/, "").replace(/\/+$/, "");
  const usable = bare !== "" && isPackagePath(`./${bare}`);
  findings.error("KM0336", at, `Package "${text}" is not a path inside the source`, {
    help: usable
      ? `write "./${bare}"`
      : 'write ".", "./path", or an import path such as "example.org/module/path"',
  });
  return false;
}

/** `.` or `./path`; patterns such as `./...` name no single program. */
function isPackagePath(text: string): boolean {
  if (text === ".") return true;
  return (
    /^\.\/[^\s]+$/.test(text) && isTreePath(text) && !text.endsWith("/") && !text.includes("...")
  );
}

/** As in an import of another module: its first element is a host name, with a dot that is no `.` or `..`. */
function isImportPath(text: string): boolean {
  return /^[a-z0-9-]+(\.[a-z0-9-]+)+\//i.test(text) && isModulePath(text);
}
