/**
 * How to go on after a fault: only a recipe that has one pays for this.
 *
 * The tokens are cut into chunks that begin at a declaration in the first column. Each chunk is parsed
 * by itself; at a fault the damaged statement is taken out and the chunk is parsed again. So a fault
 * costs its statement, never its neighbors, and is told once.
 */
import type { IToken } from "chevrotain";
import type { Declaration, Import } from "./ast.js";
import { checkDepth } from "./depth.js";
import type { Diagnostic } from "./diagnostic.js";
import { type Context, explain, swallowedName } from "./explain.js";
import { endOf } from "./expressions.js";
import type { Lexed } from "./lexer.js";
import { newLine, unclosedBrace } from "./lines.js";
import { LIMITS } from "./limits.js";
import { diagnose } from "./messages.js";
import type { Parsed, RecipeParser, Stop } from "./parser.js";
import type { SourceFile } from "./source.js";
import * as t from "./tokens.js";

/** What could be read of a recipe with faults. */
export interface Recovered {
  readonly edition: Parsed["edition"];
  readonly imports: Import[];
  readonly declarations: Declaration[];
  readonly diagnostics: Diagnostic[];
}

/** Tokens of one chunk that are parsed again at most: a huge damaged declaration is given up then. */
const MOST_WORK = 10 * LIMITS.tokens;

/** Reads what the faults of `file` leave intact. */
export function recover(parser: RecipeParser, file: SourceFile, lexed: Lexed): Recovered {
  const result: { edition: Parsed["edition"]; imports: Import[]; declarations: Declaration[] } = {
    edition: undefined,
    imports: [],
    declarations: [],
  };
  const diagnostics: Diagnostic[] = [];
  for (let chunk of chunks(lexed.tokens, file.text)) {
    // What stands behind a fault outside of all statements is parsed as a chunk of its own.
    while (chunk.length > 0 && diagnostics.length <= LIMITS.diagnostics) {
      const tooDeep = checkDepth(file, chunk);
      if (tooDeep !== undefined) {
        diagnostics.push(tooDeep);
        break;
      }
      const { parsed, found, rest } = parseChunk(parser, file, lexed, chunk);
      diagnostics.push(...found.slice(0, LIMITS.diagnostics));
      result.edition ??= parsed.edition;
      // Not push(...): a chunk may hold more declarations than a call takes arguments.
      for (const one of parsed.imports) result.imports.push(one);
      for (const one of parsed.declarations) result.declarations.push(one);
      chunk = rest;
    }
  }
  return { ...result, diagnostics };
}

interface ParsedChunk {
  readonly parsed: Parsed;
  readonly found: readonly Diagnostic[];
  /** What is left to parse. */
  readonly rest: IToken[];
}

function parseChunk(
  parser: RecipeParser,
  file: SourceFile,
  lexed: Lexed,
  chunk: IToken[],
): ParsedChunk {
  const found = new Map<number, Diagnostic>();
  let tokens = chunk;
  for (let round = 0; ; round += 1) {
    const parsed = parser.run(tokens, file.text, lexed.docs);
    for (const { code, span, message, help } of parsed.faults) {
      if (found.has(span.start)) continue;
      found.set(span.start, diagnose(file, code, span.start, span.end, message, { help }));
    }
    const { stop } = parsed;
    if (stop === undefined) return { parsed, found: [...found.values()], rest: [] };
    const index = stop.token.image === "" ? tokens.length : tokens.indexOf(stop.token);
    const statement = parsed.openStatements[parsed.openStatements.length - 1];
    const context = { file, tokens, index, statement, declaration: parsed.openDeclaration };
    const repair = repaired(stop, context);
    if (!followsLexicalFault(lexed, repair.from, repair.to)) {
      const diagnostic = explain(stop, context);
      found.set(diagnostic.at.span.start, diagnostic);
    }
    if (repair.tokens === undefined || round * chunk.length > MOST_WORK) {
      return { parsed, found: [...found.values()], rest: behind(context) };
    }
    tokens = repair.tokens;
  }
}

interface Repair {
  /** The tokens to parse next; undefined to give the rest of the chunk up. */
  readonly tokens: IToken[] | undefined;
  /** The offsets of the damaged text: a lexical fault inside it is the cause. */
  readonly from: number;
  readonly to: number;
}

function repaired(stop: Stop, context: Context): Repair {
  const { file, tokens, index, statement, declaration } = context;
  const last = tokens[tokens.length - 1] as IToken;
  const to = stop.token.image === "" ? endOf(last) : endOf(stop.token);
  // Everything that was read fits: only a closing brace is missing.
  if (index === tokens.length && stop.expected === t.RBrace) {
    const brace = unclosedBrace(tokens, file.text);
    const from = declaration?.startOffset ?? last.startOffset;
    if (brace === undefined) return { tokens: undefined, from, to };
    const before = tokens[brace.index - 1] as IToken;
    const rest = [...tokens.slice(0, brace.index), closing(before), ...tokens.slice(brace.index)];
    return { tokens: rest, from, to };
  }
  if (statement !== undefined) {
    const swallowed = swallowedName(stop, context);
    const behindIt =
      swallowed === undefined &&
      stop.expected === t.RBrace &&
      newLine(file, tokens[index - 1] as IToken, stop.token);
    // What stands on a line of its own after a whole statement is no part of it.
    const start = behindIt ? index : tokens.indexOf(statement);
    const end = statementEnd({ ...context, index: swallowed ?? index }, start);
    const rest = [...tokens.slice(0, start), ...tokens.slice(Math.max(end, start + 1))];
    return { tokens: rest, from: (tokens[start] as IToken).startOffset, to };
  }
  // Outside of all statements the rest of the chunk has no known structure.
  return { tokens: undefined, from: declaration?.startOffset ?? stop.token.startOffset, to };
}

/** A `}` in the place of a missing one, after `before`. */
function closing(before: IToken): IToken {
  return {
    image: "}",
    startOffset: endOf(before) - 1,
    tokenType: t.RBrace,
    tokenTypeIdx: t.RBrace.tokenTypeIdx as number,
  };
}

/** The tokens from the next declaration behind the stop. */
function behind({ file, tokens, index, declaration }: Context): IToken[] {
  let depth = 0;
  const from = declaration === undefined ? index : tokens.indexOf(declaration);
  for (let at = from; at < tokens.length; at += 1) {
    if (at > index && startsChunk(tokens, at, file.text, depth)) return tokens.slice(at);
    depth = depthAfter(depth, tokens[at] as IToken);
  }
  return [];
}

function depthAfter(depth: number, { tokenType }: IToken): number {
  if (tokenType === t.LBrace) return depth + 1;
  return tokenType === t.RBrace ? Math.max(0, depth - 1) : depth;
}

/** The index after the damaged statement that begins at `start`: at the next statement or closing brace. */
function statementEnd({ tokens, index, file }: Context, start: number): number {
  let depth = 0;
  let brackets = 0;
  for (let at = start; at < tokens.length; at += 1) {
    const token = tokens[at] as IToken;
    const reached = at >= index && at > start;
    switch (token.tokenType) {
      case t.LBrace:
        depth += 1;
        break;
      case t.RBrace:
        if (depth === 0) return at;
        depth -= 1;
        // The body of a damaged block ends the statement.
        if (depth === 0 && at >= index && brackets <= 0) return at + 1;
        break;
      case t.LBracket:
      case t.LParen:
        brackets += 1;
        break;
      case t.RBracket:
      case t.RParen:
        brackets -= 1;
        break;
      case t.Comma:
        if (reached && depth === 0 && brackets <= 0) return at + 1;
        break;
      default:
        if (!reached || depth > 0 || !looksLikeStatement(tokens, at)) break;
        if (newLine(file, tokens[at - 1] as IToken, token)) return at;
    }
  }
  return tokens.length;
}

function looksLikeStatement(tokens: readonly IToken[], at: number): boolean {
  const type = tokens[at]?.tokenType;
  const second = tokens[at + 1]?.tokenType;
  const third = tokens[at + 2]?.tokenType;
  if (type === undefined || second === undefined) return false;
  if (type === t.Override) return true;
  if (type === t.Text) return second === t.Arrow;
  return (
    t.isWord(type) &&
    (t.isAssign(second) ||
      second === t.LBrace ||
      ((t.isWord(second) || second === t.Text) && third === t.LBrace))
  );
}

function followsLexicalFault({ faults }: Lexed, from: number, to: number): boolean {
  return faults.some(({ at }) => at.span.start >= from && at.span.start < to);
}

/** The parts of `tokens` that begin at a declaration in the first column. */
function* chunks(tokens: readonly IToken[], text: string): Generator<IToken[]> {
  let start = 0;
  let depth = 0;
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at] as IToken;
    if (at > start && startsChunk(tokens, at, text, depth)) {
      yield tokens.slice(start, at);
      start = at;
      depth = 0;
    }
    depth = depthAfter(depth, token);
  }
  if (start < tokens.length) yield tokens.slice(start);
}

function startsChunk(tokens: readonly IToken[], at: number, text: string, depth: number): boolean {
  const { tokenType, startOffset } = tokens[at] as IToken;
  if (startOffset > 0 && text[startOffset - 1] !== "\n") return false;
  const next = tokens[at + 1]?.tokenType;
  if (next === undefined) return depth === 0;
  if (tokenType === t.Kind || tokenType === t.TemplateWord) return t.isWord(next) || depth === 0;
  if (tokenType === t.ProjectWord) return next === t.LBrace || depth === 0;
  if (tokenType === t.ImportWord) return next === t.Text || depth === 0;
  // A word that is no kind begins a chunk only where no block is open: a misspelled kind.
  return depth === 0 && t.isWord(tokenType) && t.isWord(next);
}
