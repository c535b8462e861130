/**
 * Where recipes decide something by the platform: the places to look at when a new one comes.
 *
 * Goes by the text alone: nothing is evaluated, so a place in a template is found once, whoever uses it.
 */
import type { Expr, Location, Recipe, Statement } from "../../grammar/index.js";
import { ARCHES, platformOf, platformSpellings } from "../model/platform.js";

export interface PlatformMention {
  readonly kind:
    /** An expression that reads `target`. */
    | "condition"
    /** A patch whose file name or reason names an architecture. */
    | "patch";
  /** Declaration, blocks and attribute: `component.etcd gomod patches "0002-x.patch" when`. */
  readonly what: string;
  /** The expression, or the patch's reason, as written. */
  readonly text: string;
  /** The architectures that it names, in Go's spelling; a name such as `mips64x` stands for none. */
  readonly arches: readonly string[];
  readonly at: Location;
}

/** Every place of a recipe that depends on the platform, in the order of the text. */
export function platformMentions({ file, declarations }: Recipe): PlatformMention[] {
  const mentions: PlatformMention[] = [];
  const expression = (what: string, whole: Expr): void => {
    if (!readsTarget(whole)) return;
    const expr = narrowed(whole);
    const text = file.text.slice(expr.span.start, expr.span.end).replace(/\s+/g, " ");
    mentions.push({
      kind: "condition",
      what,
      text,
      arches: archesIn(text),
      at: { file, span: expr.span },
    });
  };
  const statements = (what: string, body: readonly Statement[]): void => {
    for (const statement of body) {
      if (statement.type === "assignment")
        expression(`${what} ${statement.name.text}`, statement.value);
      else if (statement.type === "row") {
        expression(what, statement.key);
        expression(what, statement.value);
      } else {
        const { keyword, label, body } = statement;
        const inner = `${what} ${keyword.text}${label === undefined ? "" : ` "${label.text}"`}`;
        if (keyword.text === "patch" && label !== undefined) {
          const reason = reasonOf(body);
          const arches = archesIn(`${label.text} ${reason}`);
          if (arches.length > 0)
            mentions.push({
              kind: "patch",
              what: inner,
              text: reason,
              arches,
              at: { file, span: label.span },
            });
        }
        statements(inner, body);
      }
    }
  };
  for (const { kind, name, body, instance } of declarations) {
    const what = name === undefined ? kind : `${kind}.${name.text}`;
    if (instance !== undefined) expression(what, instance);
    statements(what, body);
  }
  return mentions;
}

function reasonOf(body: readonly Statement[]): string {
  for (const statement of body) {
    if (statement.type !== "assignment" || statement.name.text !== "reason") continue;
    if (statement.value.type === "string")
      return statement.value.parts.filter((part) => typeof part === "string").join("");
  }
  return "";
}

/** The part of an expression that decides: its `if`, comparison or text, without what surrounds it. */
function narrowed(expr: Expr): Expr {
  const parts = partsOf(expr).filter(readsTarget);
  const [only] = parts;
  const decides = expr.type === "if" && readsTarget(expr.condition);
  if (decides || only === undefined || parts.length > 1 || only.type === "member") return expr;
  return narrowed(only);
}

/** The expressions directly inside one. */
function partsOf(value: unknown): Expr[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((part: unknown) =>
    (Array.isArray(part) ? part : [part]).flatMap((item: unknown): Expr[] => {
      if (typeof item !== "object" || item === null) return [];
      return "type" in item ? [item as Expr] : partsOf(item);
    }),
  );
}

/** Whether an expression reads a member of `target`, or the axis of platforms. */
function readsTarget(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(readsTarget);
  if (typeof value !== "object" || value === null) return false;
  const expr = value as Partial<Expr>;
  if (expr.type === "member") {
    const { object, name } = expr as Extract<Expr, { type: "member" }>;
    if (object.type === "name" && object.name === "target") return true;
    if (object.type === "name" && object.name === "matrix" && name.text === "target") return true;
  }
  return Object.values(value).some(readsTarget);
}

/** The spellings of an architecture in running text, the longest first; `mips64x` means both. */
const SPELLINGS: readonly (readonly [word: string, arch: string])[] = [
  ...ARCHES.flatMap((arch) => {
    const { debian, gnu, uname } = platformSpellings(platformOf(arch));
    return [arch, debian, gnu, uname].map((word) => [word, arch] as const);
  }),
  ["mips64x", "mips64le"] as const,
].sort(([a], [b]) => b.length - a.length);

function archesIn(text: string): string[] {
  const found = new Set<string>();
  for (const word of text.toLowerCase().match(/[a-z0-9]+(?:[-_][a-z0-9]+)*/g) ?? [])
    for (const part of [word, ...word.split(/[-_]/)]) {
      const spelling = SPELLINGS.find(([candidate]) => candidate === part);
      if (spelling !== undefined) found.add(spelling[1]);
    }
  return [...found].sort();
}
