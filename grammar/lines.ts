/**
 * What the lines and their indentation say about broken text: where a brace was most likely forgotten.
 */
import type { IToken } from "chevrotain";
import { endOf } from "./expressions.js";
import type { SourceFile } from "./source.js";
import * as t from "./tokens.js";

/** A `{` that was left open, and the index before which its `}` is missing. */
export interface UnclosedBrace {
  readonly open: IToken;
  readonly index: number;
}

/**
 * The brace that was most likely left open: the first one whose `}` stands further left than its own
 * line, else the last one that has no `}`. Its own `}` is missing where the lines go back to its depth.
 */
export function unclosedBrace(tokens: readonly IToken[], text: string): UnclosedBrace | undefined {
  const opened: number[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.tokenType === t.LBrace) opened.push(index);
    if (token.tokenType !== t.RBrace) continue;
    const open = opened.pop();
    if (open === undefined) continue;
    if (indentOf(text, token) < indentOf(text, tokens[open] as IToken)) {
      return { open: tokens[open] as IToken, index: dedentIndex(tokens, text, open, index) };
    }
  }
  const open = opened[opened.length - 1];
  if (open === undefined) return undefined;
  return { open: tokens[open] as IToken, index: dedentIndex(tokens, text, open, tokens.length) };
}

/** The first token between `open` and `end` that begins a line no deeper than that of `open`; else `end`. */
function dedentIndex(tokens: readonly IToken[], text: string, open: number, end: number): number {
  const indent = indentOf(text, tokens[open] as IToken);
  let depth = 0;
  for (let at = open + 1; at < end; at += 1) {
    const token = tokens[at] as IToken;
    const begins = text.slice(endOf(tokens[at - 1] as IToken), token.startOffset).includes("\n");
    if (depth === 0 && begins && indentOf(text, token) <= indent) return at;
    if (t.closerOf(token.tokenType) !== undefined) depth += 1;
    else if (t.isCloser(token.tokenType)) depth -= 1;
  }
  return end;
}

function indentOf(text: string, token: IToken): number {
  const lineStart = text.lastIndexOf("\n", token.startOffset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(lineStart, token.startOffset))?.[0].length ?? 0;
}

/** Whether a line break stands between two tokens. */
export function newLine(file: SourceFile, first: IToken, second: IToken): boolean {
  return file.text.slice(endOf(first), second.startOffset).includes("\n");
}
