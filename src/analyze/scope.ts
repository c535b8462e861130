/**
 * Every declaration of the project by kind and name.
 *
 * Names are global over all recipes and unique within a kind. What a broken chunk of a recipe would
 * have declared counts as declared, so that one syntax fault makes one message.
 */
import type { Declaration, DeclarationKind, Location } from "../../grammar/index.js";
import type { Findings } from "./findings.js";
import type { Loaded, Unit } from "./load.js";
import { didYouMean } from "./types.js";

export interface Declared {
  readonly kind: DeclarationKind;
  readonly name: string;
  readonly declaration: Declaration;
  readonly unit: Unit;
  /** The place of its name. */
  readonly at: Location;
}

/** Words that `target.` has for the current platform, which no declared target may take. */
export const TARGET_MEMBERS = [
  "arch",
  "os",
  "platform",
  "debian",
  "triplet",
  "qemu",
  "uname",
  "float",
] as const;

/** Names that are objects, not values. */
export const ROOTS: ReadonlySet<string> = new Set([
  "project",
  "option",
  "self",
  "target",
  "matrix",
  "source",
  "toolchain",
  "component",
  "base",
  "packages",
  "image",
  "index",
  "group",
]);

export class Scope {
  readonly #byKind = new Map<DeclarationKind, Map<string, Declared>>();
  readonly #broken = new Set<string>();
  readonly #faulty = new Set<Declaration>();
  readonly #incomplete: boolean;
  readonly projects: Declared[] = [];

  constructor(loaded: Loaded, findings: Findings) {
    this.#incomplete = loaded.incomplete;
    for (const unit of loaded.units) {
      for (const declaration of unit.recipe.declarations)
        this.#declare(declaration, unit, findings);
      if (unit.faults.length > 0) this.#noteBroken(unit);
    }
  }

  #declare(declaration: Declaration, unit: Unit, findings: Findings): void {
    const { kind } = declaration;
    if (kind === "project") {
      const at = {
        file: unit.file,
        span: { start: declaration.span.start, end: declaration.span.start + "project".length },
      };
      this.projects.push({ kind, name: "project", declaration, unit, at });
      return;
    }
    if (declaration.name === undefined) return;
    const { text: name, span } = declaration.name;
    const declared: Declared = { kind, name, declaration, unit, at: { file: unit.file, span } };
    let names = this.#byKind.get(kind);
    if (names === undefined) this.#byKind.set(kind, (names = new Map<string, Declared>()));
    const first = names.get(name);
    if (first === undefined) {
      names.set(name, declared);
      return;
    }
    findings.error("KM0301", declared.at, `Duplicate ${kind} "${name}"`, {
      notes: [{ message: "first declared here", at: first.at }],
      help: `rename one of them, or write "${kind} other extends ${kind}.${name}"`,
    });
  }

  /** Whether the parser found a fault in the declaration's text, so that parts of it may be missing. */
  isFaulty(declared: Declared): boolean {
    return this.#faulty.has(declared.declaration);
  }

  /** Declared names of chunks that the parser could not read, and declarations it read in part. */
  #noteBroken(unit: Unit): void {
    const { declarations } = unit.recipe;
    for (const [index, declaration] of declarations.entries()) {
      const end = declarations[index + 1]?.span.start ?? Number.POSITIVE_INFINITY;
      if (unit.faults.some((fault) => fault >= declaration.span.start && fault < end))
        this.#faulty.add(declaration);
    }
    const pattern =
      /^(target|source|toolchain|template|component|base|packages|image|index|group)[ \t]+([A-Za-z_][\w-]*)/gm;
    for (const match of unit.file.text.matchAll(pattern))
      this.#broken.add(`${match[1]}.${match[2]}`);
  }

  get(kind: DeclarationKind, name: string): Declared | undefined {
    return this.#byKind.get(kind)?.get(name);
  }

  /** Declarations of a kind in the order of reading. */
  all(kind: DeclarationKind): readonly Declared[] {
    return [...(this.#byKind.get(kind)?.values() ?? [])];
  }

  get size(): number {
    let size = 0;
    for (const names of this.#byKind.values()) size += names.size;
    return size;
  }

  /** Reports that nothing of this kind and name is declared, unless another fault explains it. */
  reportUnknown(
    kind: DeclarationKind,
    name: string,
    at: Location,
    findings: Findings,
    notes: readonly { message: string; at?: Location }[],
  ): void {
    if (this.#broken.has(`${kind}.${name}`)) return;
    const names = this.#byKind.get(kind) ?? new Map<string, Declared>();
    const near = didYouMean(name, names.keys());
    if (near.help === undefined && this.#incomplete) return;
    const code = kind === "template" ? "KM0240" : "KM0302";
    if (near.help !== undefined) {
      const first = [...names.values()].find((declared) =>
        near.help?.includes(`"${declared.name}"`),
      );
      const declaredAt =
        first === undefined ? [] : [{ message: `"${first.name}" is declared here`, at: first.at }];
      findings.error(code, at, `Unknown ${kind} "${name}"`, {
        ...near,
        notes: [...declaredAt, ...notes],
      });
      return;
    }
    const elsewhere = [...this.#byKind.entries()]
      .filter(([other, all]) => other !== kind && all.has(name))
      .map(([other]) => other);
    const help =
      elsewhere.length > 0
        ? `"${name}" is declared as ${elsewhere.join(" and ")}: write ${elsewhere[0]}.${name}`
        : `declare it with "${kind} ${name} { … }", or import the recipe that does`;
    findings.error(code, at, `Unknown ${kind} "${name}"`, { help, notes });
  }
}
