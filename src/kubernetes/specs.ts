/**
 * The specs of Ginkgo test files: `It` and its like with the texts of the containers around them, and
 * what each of them names.
 */
import type { GoFile } from "./go-file.js";
import { afterBracket, insideBracket, isSymbol, splitAt, type GoRange } from "./go-tokens.js";
import type { References, GoSymbol } from "./references.js";

export interface Spec {
  readonly file: string;
  readonly line: number;
  /** The texts of the containers and its own, outermost first; what is computed at run time is `…`. */
  readonly texts: readonly string[];
  readonly conformance: boolean;
  readonly references: ReadonlySet<GoSymbol>;
}

const SPEC = /^[FPX]?(It|Specify|Entry)$|ConformanceIt$/;
const CONTAINER = /Describe(Table)?$|^[FPX]?(Context|When)$/;

interface Call {
  readonly isSpec: boolean;
  readonly isConformance: boolean;
  readonly text: string;
  readonly line: number;
  /** All of the call. */
  readonly range: GoRange;
  /** The last argument, which is the function that Ginkgo calls. */
  readonly body: GoRange;
}

/** What the code around a spec gives it. */
interface Surroundings {
  readonly texts: readonly string[];
  /** Named by statements that run for every spec inside. */
  readonly setup: ReadonlySet<GoSymbol>;
  /** Local variable → what its value names. */
  readonly locals: ReadonlyMap<string, ReadonlySet<GoSymbol>>;
}

/** All specs of a file. A container whose specs a helper makes counts as one spec. */
export function specsOf(file: GoFile, references: References): Spec[] {
  const specs: Spec[] = [];
  const top: Surroundings = { texts: [], setup: new Set(), locals: new Map() };
  for (const { kind, range } of file.declarations)
    if (kind !== "type" && kind !== "const")
      for (const call of callsIn(file, range)) readCall(file, call, top, references, specs);
  return specs;
}

function readCall(
  file: GoFile,
  call: Call,
  around: Surroundings,
  references: References,
  specs: Spec[],
): void {
  const texts = [...around.texts, call.text];
  const spec = (inside: ReadonlySet<GoSymbol>): Spec => ({
    file: file.path,
    line: call.line,
    texts,
    conformance: call.isConformance || texts.some((text) => text.includes("[Conformance]")),
    references: inside,
  });
  if (call.isSpec) {
    specs.push(spec(union(around.setup, named(file, call.range, around.locals, references))));
    return;
  }
  const setup = new Set(around.setup);
  const locals = new Map(around.locals);
  const children: Call[] = [];
  for (const statement of statementsOf(file, call.body)) {
    const calls = callsIn(file, statement);
    const rest = without(statement, calls);
    const found = rest.map((part) => named(file, part, locals, references));
    const local = localName(file, statement);
    for (const names of found) {
      if (local === undefined) for (const symbol of names) setup.add(symbol);
      else locals.set(local, union(locals.get(local) ?? new Set(), names));
    }
    children.push(...calls);
  }
  const before = specs.length;
  for (const child of children) readCall(file, child, { texts, setup, locals }, references, specs);
  if (specs.length > before) return;
  specs.push(spec([...locals.values()].reduce(union, setup)));
}

function union<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): Set<T> {
  return new Set([...a, ...b]);
}

/** What a range names, also by way of local variables. */
function named(
  file: GoFile,
  range: GoRange,
  locals: Surroundings["locals"],
  references: References,
): Set<GoSymbol> {
  const found = references.of(file, range);
  if (locals.size === 0) return found;
  for (let at = range.start; at < range.end; at++) {
    const token = file.tokens[at];
    if (token?.kind !== "word" || isSymbol(file.tokens[at - 1], ".")) continue;
    for (const symbol of locals.get(token.text) ?? []) found.add(symbol);
  }
  return found;
}

/** The name that a statement declares: `x := …`, `var x = …`. */
function localName({ tokens }: GoFile, { start }: GoRange): string | undefined {
  const at = tokens[start]?.text === "var" || tokens[start]?.text === "const" ? start + 1 : start;
  const name = tokens[at];
  const isDeclared = at > start || isSymbol(tokens[at + 1], ":=") || isSymbol(tokens[at + 1], ",");
  return name?.kind === "word" && isDeclared ? name.text : undefined;
}

/** The statements of the function literal that a range ends with; else the range itself. */
function statementsOf({ tokens }: GoFile, range: GoRange): GoRange[] {
  if (tokens[range.start]?.text !== "func") return [range];
  for (let at = range.start; at < range.end; at++)
    if (isSymbol(tokens[at], "{")) return splitAt(tokens, insideBracket(tokens, at), ";");
  return [range];
}

/** The outermost calls of specs and containers in a range. */
function callsIn({ tokens }: GoFile, { start, end }: GoRange): Call[] {
  const calls: Call[] = [];
  for (let at = start; at < end; at++) {
    const name = tokens[at];
    if (name?.kind !== "word" || !isSymbol(tokens[at + 1], "(")) continue;
    const isSpec = SPEC.test(name.text);
    if (!isSpec && !CONTAINER.test(name.text)) continue;
    const after = Math.min(afterBracket(tokens, at + 1), end);
    const inside = splitAt(tokens, { start: at + 2, end: after - 1 }, ",");
    const [first] = inside;
    const body = inside.findLast((part) => tokens[part.start]?.text === "func") ?? inside.at(-1);
    const text = first && textOf(tokens.slice(first.start, first.end));
    // Functions of these names that are no Ginkgo calls begin with something else than a text.
    if (first === undefined || body === undefined || text === undefined) continue;
    const isConformance = /ConformanceIt$/.test(name.text);
    calls.push({
      isSpec,
      isConformance,
      text,
      line: name.line,
      range: { start: at, end: after },
      body,
    });
    at = after - 1;
  }
  return calls;
}

/** A text as far as literals say it; undefined for a value that can be no text. */
function textOf(tokens: GoFile["tokens"]): string | undefined {
  const texts = tokens.filter(({ kind }) => kind === "string").map(({ text }) => text);
  const computed = tokens.some(({ kind }) => kind === "word");
  if (texts.length === 0 && (!computed || tokens[0]?.text === "func")) return undefined;
  const joined = texts
    .join("")
    .replaceAll(/%[-+#0-9.]*[a-zA-Z]/g, "…")
    .replaceAll(/\s+/g, " ")
    .trim();
  return texts.length === 0 ? "…" : joined;
}

/** What is left of a range without the calls in it. */
function without({ start, end }: GoRange, calls: readonly Call[]): GoRange[] {
  const parts: GoRange[] = [];
  let from = start;
  for (const { range } of calls) {
    if (range.start > from) parts.push({ start: from, end: range.start });
    from = range.end;
  }
  if (end > from) parts.push({ start: from, end });
  return parts;
}
