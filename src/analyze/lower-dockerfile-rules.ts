/**
 * The rules of a `rewrite` block in one cell: what stands for what a Dockerfile asks for, and which
 * of them ever held.
 */
import type { Location } from "../../grammar/index.js";
import { PACKAGE_MANAGERS, type PackageManager } from "../dockerfile/index.js";
import type { BodyReader } from "./body.js";
import { tableOf } from "./lower-packages.js";
import type { Lowering, PackageTable, RewriteRule } from "./lowering.js";
import type { ReferenceValue, Value } from "./values.js";

/** A rule of a map: a pattern, and what stands for what it matches. */
interface PatternRule<V extends Value> {
  readonly pattern: string;
  readonly value: V;
  readonly rule: RewriteRule;
}

type FromValue = ReferenceValue | Extract<Value, { type: "enum" }>;

export class RewriteRules {
  readonly #from: PatternRule<FromValue>[] = [];
  readonly #fetch: PatternRule<Value>[] = [];
  readonly #build: PatternRule<ReferenceValue>[] = [];
  readonly #drop: { readonly matches: RegExp; readonly rule: RewriteRule }[] = [];
  readonly #tables = new Map<PackageManager, { reference: ReferenceValue; rule: RewriteRule }>();
  readonly #all: RewriteRule[] = [];
  readonly network: boolean;
  /** Where the block stands; where it is missing, the attribute `dockerfile`. */
  readonly at: Location;
  readonly failed: boolean;

  constructor(reader: BodyReader) {
    const block = reader.block("rewrite");
    this.at = block?.at ?? reader.at("dockerfile");
    const inside = block && reader.inside(block);
    for (const [pattern, value] of inside?.map("from") ?? [])
      if (value.type === "reference" || value.type === "enum")
        this.#from.push({ pattern, value, rule: this.#rule(`from "${pattern}"`, value.at) });
    for (const [pattern, value] of inside?.map("fetch") ?? [])
      this.#fetch.push({ pattern, value, rule: this.#rule(`fetch "${pattern}"`, value.at) });
    for (const [pattern, value] of inside?.map("build") ?? [])
      if (value.type === "reference")
        this.#build.push({ pattern, value, rule: this.#rule(`build "${pattern}"`, value.at) });
    for (const item of inside?.items("drop") ?? [])
      if (item.type === "regex")
        this.#drop.push({
          matches: new RegExp(item.text, "m"),
          rule: this.#rule(`drop re"${item.text}"`, item.at),
        });
    for (const manager of PACKAGE_MANAGERS) {
      const reference = inside?.reference(manager);
      if (reference !== undefined)
        this.#tables.set(manager, { reference, rule: this.#rule(manager, reference.at) });
    }
    this.network = inside?.text("network") === "on";
    this.failed = reader.failed || inside?.failed === true;
  }

  #rule(name: string, at: Location): RewriteRule {
    const rule: RewriteRule = { name, at, help: undefined, fired: false };
    this.#all.push(rule);
    return rule;
  }

  /** What stands for an image; an exact name goes before a pattern. */
  from(image: string): FromValue | undefined {
    return first(this.#from, image)?.value;
  }

  get images(): readonly string[] {
    return this.#from.map(({ pattern }) => pattern);
  }

  fetch(url: string): Value | undefined {
    return first(this.#fetch, url)?.value;
  }

  get urls(): readonly string[] {
    return this.#fetch.map(({ pattern }) => pattern);
  }

  /** The component that stands for a stage, by its name or number. */
  build(stage: { readonly index: number; readonly name?: string }): ReferenceValue | undefined {
    const found = this.#build.find(
      ({ pattern }) => pattern.toLowerCase() === stage.name || pattern === String(stage.index),
    );
    return found?.value;
  }

  /** Notes that programs were taken in place of a stage. */
  built(reference: ReferenceValue): void {
    for (const { value, rule } of this.#build) if (value === reference) rule.fired = true;
  }

  /** Whether an instruction, or a command of a RUN, is left out. */
  isDropped(text: string): boolean {
    let dropped = false;
    for (const { matches, rule } of this.#drop) {
      if (!matches.test(text)) continue;
      rule.fired = true;
      dropped = true;
    }
    return dropped;
  }

  /** Notes that a package manager was met that a rule is for. */
  met(manager: PackageManager): void {
    const found = this.#tables.get(manager);
    if (found !== undefined) found.rule.fired = true;
  }

  hasTable(manager: PackageManager): boolean {
    return this.#tables.has(manager);
  }

  /** The table of a package manager's names; undefined when it has faults of its own. */
  table(manager: PackageManager, lowering: Lowering): PackageTable | undefined {
    const found = this.#tables.get(manager);
    return found && tableOf(found.reference, lowering);
  }

  /**
   * Hands the rules to the check of all cells. Rules of a cell with faults count as held: what
   * stands behind the fault was not looked at.
   */
  register(lowering: Lowering, options: { readonly failed: boolean }): void {
    for (const rule of this.#all) registerRule(rule, options.failed, lowering);
  }
}

/** Notes a rule, which is a fault in the end unless some cell says that it fired. */
export function registerRule(rule: RewriteRule, failed: boolean, { rules }: Lowering): void {
  const { file, span } = rule.at;
  const key = `${file.name}:${span.start}`;
  const fired = rule.fired || failed || rules.get(key)?.fired === true;
  rules.set(key, { ...rule, fired });
}

/** Reports the rules that never held. */
export function checkRules({ rules, session }: Lowering): void {
  for (const { name, at, help, fired } of rules.values()) {
    if (fired) continue;
    session.findings.error("KM0360", at, `The rule ${name} never holds`, {
      help: help ?? "remove it, or compare it with the Dockerfile",
    });
  }
}

function first<V extends Value>(
  rules: readonly PatternRule<V>[],
  text: string,
): PatternRule<V> | undefined {
  const found =
    rules.find(({ pattern }) => pattern === text) ??
    rules.find(({ pattern }) => wildcard(pattern).test(text));
  if (found !== undefined) found.rule.fired = true;
  return found;
}

/** A pattern in which `*` stands for any text. */
function wildcard(pattern: string): RegExp {
  const parts = pattern.split(/\*+/).map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}
