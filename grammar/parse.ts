/**
 * The front door: text to AST and diagnostics. Decides the order of the checks; never throws.
 */
import type { IToken } from "chevrotain";
import type { Recipe } from "./ast.js";
import { checkDepth, checkSize } from "./depth.js";
import type { Diagnostic } from "./diagnostic.js";
import type { LayoutMarks } from "./expressions.js";
import { checkCharacters, type Lexed, tokenize } from "./lexer.js";
import { LIMITS } from "./limits.js";
import { diagnose } from "./messages.js";
import { RecipeParser } from "./parser.js";
import { recover } from "./recover.js";
import type { SourceFile } from "./source.js";

/** A recipe and everything that is wrong with it, in the order of the text. */
export interface ParseResult {
  /** With faults: the declarations that could be read, without the statements that could not. */
  readonly recipe: Recipe;
  readonly diagnostics: Diagnostic[];
}

/** The edition of the language that this parser reads. */
const EDITION = 1;

let shared: RecipeParser | undefined;

/**
 * Parses `file`. Never throws: every fault of the text is a diagnostic, at most one for a line and at
 * most `LIMITS.diagnostics` for the file.
 */
export function parse(file: SourceFile): ParseResult {
  const tooLarge = checkSize(file);
  return tooLarge === undefined ? parseTokens(file, tokenize(file)) : refused(file, tooLarge);
}

/** As `parse`, with the tokens and marks that the formatter needs; these are whole without diagnostics only. */
export function parseForLayout(file: SourceFile): ParseResult & {
  readonly tokens: readonly IToken[];
  readonly comments: readonly IToken[];
  readonly marks: LayoutMarks;
} {
  const marks: LayoutMarks = { items: new Set(), angles: new Set() };
  const tooLarge = checkSize(file);
  if (tooLarge !== undefined)
    return { ...refused(file, tooLarge), tokens: [], comments: [], marks };
  const lexed = tokenize(file);
  return {
    ...parseTokens(file, lexed, marks),
    tokens: lexed.tokens,
    comments: lexed.comments,
    marks,
  };
}

function parseTokens(file: SourceFile, lexed: Lexed, marks?: LayoutMarks): ParseResult {
  const tooMany = lexed.tokens[LIMITS.tokens];
  if (tooMany !== undefined) {
    const message = `The recipe has more than ${LIMITS.tokens} tokens`;
    const { startOffset: start } = tooMany;
    return refused(
      file,
      diagnose(file, "KM0102", start, start + 1, message, {
        help: "split it and import the parts",
      }),
    );
  }
  shared ??= new RecipeParser(false);
  const characters = checkCharacters(file);
  const faults = [...characters, ...lexed.faults];
  const deep = checkDepth(file, lexed.tokens) !== undefined;
  const parsed = deep ? undefined : shared.run(lexed.tokens, file.text, lexed.docs, marks);
  if (parsed?.stop === undefined && parsed?.faults.length === 0) {
    const { edition, imports, declarations } = parsed;
    faults.push(...checkEdition(file, edition));
    const recipe = { file, edition: edition?.value ?? EDITION, imports, declarations };
    return { recipe, diagnostics: finish(file, faults) };
  }
  const { edition, imports, declarations, diagnostics } = recover(shared, file, lexed);
  faults.push(...checkEdition(file, edition), ...diagnostics);
  const recipe = { file, edition: edition?.value ?? EDITION, imports, declarations };
  return { recipe, diagnostics: finish(file, faults) };
}

function refused(file: SourceFile, diagnostic: Diagnostic): ParseResult {
  return {
    recipe: { file, edition: EDITION, imports: [], declarations: [] },
    diagnostics: [diagnostic],
  };
}

function checkEdition(
  file: SourceFile,
  edition: { readonly value: number; readonly span: { start: number; end: number } } | undefined,
): Diagnostic[] {
  if (edition === undefined || edition.value === EDITION) return [];
  const { start, end } = edition.span;
  const message =
    "The recipe is written in an edition of the language that this kmips does not know";
  return [diagnose(file, "KM0144", start, end, message, { help: `write kmips ${EDITION}` })];
}

/** In the order of the text, the first of a line, up to the limit. */
function finish(file: SourceFile, faults: readonly Diagnostic[]): Diagnostic[] {
  const sorted = [...faults].sort((a, b) => a.at.span.start - b.at.span.start);
  const kept: Diagnostic[] = [];
  let lineEnd = -1;
  for (const fault of sorted) {
    if (fault.at.span.start <= lineEnd) continue;
    const { start } = fault.at.span;
    if (kept.length === LIMITS.diagnostics - 1) {
      kept.push(diagnose(file, "KM0108", start, start, "More faults follow; they are not shown"));
      break;
    }
    kept.push(fault);
    const newline = file.text.indexOf("\n", start);
    lineEnd = newline === -1 ? Infinity : newline;
  }
  return kept;
}
