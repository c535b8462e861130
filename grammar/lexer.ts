/**
 * Text to tokens, with comments and lexical faults beside them.
 *
 * The lexer is made on first use: its analysis costs milliseconds that a cached build must not pay.
 */
import { type IToken, Lexer } from "chevrotain";
import { readDocs } from "./comments.js";
import type { Diagnostic } from "./diagnostic.js";
import { LIMITS } from "./limits.js";
import { diagnose } from "./messages.js";
import { withSession } from "./session.js";
import type { SourceFile } from "./source.js";
import { TOKENS } from "./tokens.js";

export interface Lexed {
  readonly tokens: IToken[];
  /** Every comment, in the order of the text. */
  readonly comments: readonly IToken[];
  /** Documentation by the offset of the token that it stands directly above. */
  readonly docs: ReadonlyMap<number, string>;
  /** In the order of the text, one for a line at most. */
  readonly faults: readonly Diagnostic[];
}

let lexer: Lexer | undefined;

/** A lexer for recipes. `validate` checks the token definitions too, which only tests need. */
export function makeLexer(validate: boolean): Lexer {
  return new Lexer(TOKENS, {
    positionTracking: "onlyOffset",
    ensureOptimizations: true,
    skipValidations: !validate,
  });
}

/** Reads the tokens of `file`; never throws, whatever the text. */
export function tokenize(file: SourceFile): Lexed {
  lexer ??= makeLexer(false);
  const shared = lexer;
  let tokens: IToken[] = [];
  let comments: IToken[] = [];
  const { faults } = withSession(file, () => {
    const result = shared.tokenize(file.text);
    tokens = result.tokens;
    comments = result.groups["comments"] ?? [];
  });
  checkNames(tokens, file, faults);
  return { tokens, comments, docs: readDocs(file.text, comments), faults };
}

function checkNames(tokens: readonly IToken[], file: SourceFile, faults: Diagnostic[]): void {
  for (const token of tokens) {
    if (token.image.length <= LIMITS.identifier || !/^[A-Za-z_]\w*$/.test(token.image)) continue;
    faults.push(
      diagnose(
        file,
        "KM0105",
        token.startOffset,
        token.startOffset + token.image.length,
        `The name has ${token.image.length} characters; ${LIMITS.identifier} are allowed`,
      ),
    );
    return;
  }
}

/**
 * Characters that must not stand anywhere in a recipe, not even in a string or comment: a byte order
 * mark, control characters, and the marks that make text read in another order than it is stored.
 */
export function checkCharacters(file: SourceFile): Diagnostic[] {
  const found: Diagnostic[] = [];
  const forbidden =
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\r(?!\n)/g;
  for (const match of file.text.matchAll(forbidden)) {
    if (found.length > LIMITS.diagnostics) break;
    const code = match[0].charCodeAt(0);
    const name = NAMES.get(code) ?? `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    const start = match.index;
    found.push(
      diagnose(
        file,
        "KM0107",
        start,
        start + 1,
        `The recipe holds a forbidden character: ${name}`,
        {
          help:
            code === 0xfeff
              ? "save the file as UTF-8 without a byte order mark"
              : "remove it, or write it as \\u{…} in a string",
        },
      ),
    );
  }
  return found;
}

const NAMES: ReadonlyMap<number, string> = new Map([
  [0, "NUL"],
  [0x0d, "a carriage return without a line feed"],
  [0x1b, "ESC"],
  [0xfeff, "a byte order mark"],
]);
