/**
 * Which packages of a build lose something on another platform: for the packages that the build
 * takes, the files that are taken there, and the names that are then used but declared nowhere.
 */
import { headFits, nameFits, type GoPlatform } from "./constraint.js";
import { readGoFile, usesName, usesQualified, type GoFile } from "./source-file.js";

/** Where the packages of a build come from. */
export interface PackageSource {
  /** The files of a package by name, with their texts; undefined when no module has it. */
  files(importPath: string): ReadonlyMap<string, () => string> | undefined;
}

/** One package that will not compile on the new platform, as far as its text shows. */
export interface PortRisk {
  readonly importPath: string;
  readonly kind:
    /** Build constraints leave no file. */
    | "no-files"
    /** Names that are used, and declared for the old platform only. */
    | "undeclared"
    /** Functions whose bodies are assembly, which is there for the old platform only. */
    | "no-assembly";
  readonly names: readonly string[];
}

export interface PortRisks {
  /** How many packages beyond the standard library were looked at. */
  readonly packages: number;
  readonly risks: readonly PortRisk[];
  /** Packages that the new platform imports and none of the known modules has. */
  readonly unknown: readonly string[];
}

interface Package {
  readonly go: ReadonlyMap<string, GoFile>;
  readonly assembly: number;
}

/** Compares what the build of `roots` takes `from` one platform with what it takes on another. */
export function portRisks(
  roots: readonly string[],
  source: PackageSource,
  from: GoPlatform,
  to: GoPlatform,
): PortRisks {
  const parsed = new Map<string, GoFile>();
  const read = (path: string, name: string, text: string): GoFile => {
    const key = `${path}/${name}`;
    const known = parsed.get(key) ?? readGoFile(text);
    parsed.set(key, known);
    return known;
  };
  const before = reach(roots, source, from, read);
  const after = reach(roots, source, to, read);
  const users = new Map<string, { readonly file: GoFile; readonly alias: string }[]>();
  for (const { go } of after.packages.values()) {
    for (const file of go.values()) {
      for (const [path, alias] of file.imports) {
        const name = alias ?? nameOf(after.packages.get(path)) ?? path.split("/").at(-1) ?? path;
        const list = users.get(path) ?? [];
        list.push({ file, alias: name });
        users.set(path, list);
      }
    }
  }
  const risks: PortRisk[] = [];
  for (const [importPath, now] of after.packages) {
    const old = before.packages.get(importPath);
    if (now.go.size === 0) {
      if (old === undefined || old.go.size > 0)
        risks.push({ importPath, kind: "no-files", names: [] });
      continue;
    }
    if (old === undefined) continue;
    const declared = namesOf(now);
    const isUsed = (name: string, kind: "function" | "other"): boolean =>
      [...now.go.values()].some((file) => usesName(file, name, kind)) ||
      (/^[A-Z]\w*$/.test(name) &&
        (users.get(importPath) ?? []).some(({ file, alias }) =>
          // A dot makes the names those of the importing file.
          alias === "." ? usesName(file, name, kind) : usesQualified(file, alias, name),
        ));
    const used = [...namesOf(old)].flatMap(([name, kind]) =>
      !declared.has(name) && isUsed(name, kind) ? [name] : [],
    );
    if (used.length > 0) risks.push({ importPath, kind: "undeclared", names: used.sort() });
    const bodiless = [...now.go.values()].flatMap((file) => [...file.bodiless]);
    if (now.assembly === 0 && old.assembly > 0 && bodiless.length > 0)
      risks.push({ importPath, kind: "no-assembly", names: bodiless.sort() });
  }
  return { packages: after.packages.size, risks, unknown: after.unknown };
}

function nameOf(found: Package | undefined): string | undefined {
  return found === undefined ? undefined : [...found.go.values()][0]?.packageName;
}

function namesOf({ go }: Package): Map<string, "function" | "other"> {
  return new Map([...go.values()].flatMap((file) => [...file.declares]));
}

/** The packages that a build of `roots` takes on a platform, without the standard library. */
function reach(
  roots: readonly string[],
  source: PackageSource,
  platform: GoPlatform,
  read: (path: string, name: string, text: string) => GoFile,
): { readonly packages: ReadonlyMap<string, Package>; readonly unknown: readonly string[] } {
  const packages = new Map<string, Package>();
  const unknown = new Set<string>();
  const waiting = [...roots];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (packages.has(path) || unknown.has(path)) continue;
    const files = source.files(path);
    if (files === undefined) {
      if (isOutside(path)) unknown.add(path);
      continue;
    }
    const go = new Map<string, GoFile>();
    let assembly = 0;
    for (const [name, textOf] of files) {
      if (!/\.(?:go|s|S)$/.test(name) || !nameFits(name, platform)) continue;
      const text = textOf();
      if (!headFits(text, platform)) continue;
      if (!name.endsWith(".go")) {
        assembly++;
        continue;
      }
      const file = read(path, name, text);
      if (!file.imports.has("C")) go.set(name, file);
    }
    packages.set(path, { go, assembly });
    for (const file of go.values()) waiting.push(...file.imports.keys());
  }
  return { packages, unknown: [...unknown].sort() };
}

/** Whether a package is none of the standard library's: the first part of their paths has no dot. */
function isOutside(path: string): boolean {
  return path.split("/", 1)[0]?.includes(".") ?? false;
}
