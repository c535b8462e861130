/**
 * Why the parser stopped, in a sentence: from the rule, the token that was wanted and the tokens around.
 *
 * Decides wording and place only; `recover.ts` decides how to go on.
 */
import { type IToken, tokenLabel, tokenMatcher, type TokenType } from "chevrotain";
import { DECLARATION_KINDS } from "./ast.js";
import type { Diagnostic } from "./diagnostic.js";
import { quote, spanOf } from "./expressions.js";
import { newLine, unclosedBrace } from "./lines.js";
import { diagnose, type Extras } from "./messages.js";
import type { Stop } from "./parser.js";
import type { SourceFile } from "./source.js";
import { nearest } from "./suggest.js";
import * as t from "./tokens.js";

/** The tokens around a stop. */
export interface Context {
  readonly file: SourceFile;
  readonly tokens: readonly IToken[];
  /** The index of the token at which the parser stopped; `tokens.length` at the end. */
  readonly index: number;
  /** The first token of the innermost open statement. */
  readonly statement: IToken | undefined;
  /** The first token of the open declaration. */
  readonly declaration: IToken | undefined;
}

type Explain = (stop: Stop, context: Context) => Diagnostic | undefined;

/** The diagnostic of `stop`. */
export function explain(stop: Stop, context: Context): Diagnostic {
  const byRule: Explain | undefined = RULES[stop.rule];
  return (
    reservedName(stop, context) ??
    unfinished(stop, context) ??
    byRule?.(stop, context) ??
    generic(stop, context)
  );
}

const RULES: Readonly<Record<string, Explain>> = {
  recipe: outside,
  edition: (_stop, context) =>
    at(context, before(context), "KM0144", "The edition of the language is missing", {
      help: "write kmips 1",
    }),
  importLine: (stop, context) =>
    at(context, stop.token, "KM0145", `Found ${quote(stop.token)}, wanted the path of a recipe`, {
      help: 'write import "path.kmips"',
    }),
  declaration: header,
  projectDeclaration: header,
  templateDeclaration: (stop, context) =>
    stop.expected === t.RParen ? unclosed(stop, context) : header(stop, context),
  body: (stop, context) =>
    stop.expected === t.LBrace ? missingBody(stop, context) : inBraces(stop, context),
  statement: loneWord,
  row: badRow,
  map: (stop, context) =>
    stop.expected === t.Equals ? missingEquals(stop, context) : inBraces(stop, context),
  expression: missingValue,
  primary: (stop, context) =>
    stop.expected === t.RParen ? unclosed(stop, context) : missingValue(stop, context),
  list: unclosed,
  indices: unclosed,
  callArguments: unclosed,
  conditional: (stop, context) =>
    at(context, stop.token, "KM0142", `Found ${quote(stop.token)}, wanted ${wanted(stop)}`, {
      help: "write if condition then value else value",
    }),
};

function at(
  context: Context,
  token: IToken,
  code: string,
  message: string,
  extras: Extras = {},
): Diagnostic {
  const { file } = context;
  const end = file.text.trimEnd().length;
  const span = token.image === "" ? { start: end, end } : spanOf(token);
  return diagnose(file, code, span.start, span.end, message, extras);
}

/** The token before the stop, or the stop itself at the start of the file. */
function before({ tokens, index }: Context): IToken {
  return (tokens[index - 1] ?? tokens[index]) as IToken;
}

function wanted({ expected }: Stop): string {
  return expected === undefined ? "something else" : tokenLabel(expected);
}

function generic(stop: Stop, context: Context): Diagnostic {
  return at(context, stop.token, "KM0150", `Found ${quote(stop.token)}, wanted ${wanted(stop)}`);
}

function isReserved(token: IToken | undefined): boolean {
  return token !== undefined && t.RESERVED.includes(token.tokenType);
}

/** `in = 1`, `component for { … }`, `x.not`. */
function reservedName(stop: Stop, context: Context): Diagnostic | undefined {
  const { tokens, index } = context;
  const next = tokens[index + 1];
  let word: IToken | undefined;
  if (isReserved(stop.token)) {
    const named = stop.expected === t.Word;
    const assigned = stop.expected === t.RBrace && next !== undefined && t.isAssign(next.tokenType);
    if (named || assigned) word = stop.token;
  } else if (stop.token.image !== "" && t.isAssign(stop.token.tokenType)) {
    const last = tokens[index - 1];
    if (
      last !== undefined &&
      isReserved(last) &&
      last === context.statement &&
      last.tokenType !== t.Override
    )
      word = last;
  }
  if (word === undefined) return undefined;
  const help = "choose another name; the key of a map may stand in quotes";
  return at(context, word, "KM0138", `"${word.image}" is a reserved word`, { help });
}

/**
 * `x =` on one line and `name = …` or `name { … }` on the next: the parser took the name for the value
 * and stopped after it. The index of that name; undefined when the stop is of another kind.
 */
export function swallowedName(
  stop: Stop,
  { file, tokens, index, statement }: Context,
): number | undefined {
  const name = tokens[index - 1];
  const previous = tokens[index - 2];
  if (name === undefined || previous === undefined || name === statement) return undefined;
  if (!t.isWord(name.tokenType) || !newLine(file, previous, name)) return undefined;
  if (previous.tokenType === t.Comma || previous.tokenType === t.LBrace) return undefined;
  const begins = stop.token.tokenType === t.LBrace || t.isAssign(stop.token.tokenType);
  return begins ? index - 1 : undefined;
}

function unfinished(stop: Stop, context: Context): Diagnostic | undefined {
  const name = swallowedName(stop, context);
  if (name === undefined) return undefined;
  const last = context.tokens[name - 1] as IToken;
  if (last === context.statement) return loneName(last, context);
  return at(context, last, "KM0134", `The value after ${quote(last)} is missing`);
}

function outside(stop: Stop, context: Context): Diagnostic {
  const { token } = stop;
  const next = context.tokens[context.index + 1];
  const shown = quote(token);
  if (t.isCloser(token.tokenType)) {
    return at(context, token, "KM0137", `${shown} closes nothing`, { help: `remove ${shown}` });
  }
  if (token.tokenType === t.Edition) {
    const help = "move it to the first line, or remove it";
    return at(context, token, "KM0144", "The edition of the language is not the first line", {
      help,
    });
  }
  const kinds = [...DECLARATION_KINDS, "import"].join(", ");
  if (t.isWord(token.tokenType) && next !== undefined && t.isWord(next.tokenType)) {
    const near = nearest(token.image, [...DECLARATION_KINDS, "import"]);
    const help = near.length > 0 ? `did you mean ${near.join(" or ")}?` : `the kinds are ${kinds}`;
    return at(context, token, "KM0131", `${shown} is no kind of declaration`, { help });
  }
  return at(context, token, "KM0130", `Found ${shown} outside of a declaration`, {
    help: `a declaration begins with one of ${kinds}`,
  });
}

function header(stop: Stop, context: Context): Diagnostic {
  const { token } = stop;
  const kind = context.declaration?.image ?? "declaration";
  if (stop.expected === t.Word) {
    const quoted: unknown = token.tokenType === t.Text ? token.payload : undefined;
    return typeof quoted === "string"
      ? at(context, token, "KM0139", `The name of the ${kind} stands in quotes`, {
          help: `write ${kind} ${quoted.replace(/[^A-Za-z0-9_]/g, "_")}`,
        })
      : at(context, context.declaration ?? token, "KM0139", `The ${kind} has no name`, {
          help: `write ${kind} name { … }`,
        });
  }
  if (stop.expected === undefined) return missingBody(stop, context);
  return generic(stop, context);
}

function missingBody(stop: Stop, context: Context): Diagnostic {
  const { token } = stop;
  if (context.statement !== undefined) {
    const name = context.statement.image;
    const last = before(context);
    const label = last === context.statement ? "" : ` ${last.image}`;
    return at(context, last, "KM0133", `"=" or "{" is missing after ${quote(last)}`, {
      help:
        label === "" ? `write ${name} { … }` : `write ${name} =${label}, or ${name}${label} { … }`,
    });
  }
  if (context.declaration?.tokenType === t.ProjectWord && t.isWord(token.tokenType)) {
    return at(context, token, "KM0150", "The project has a name before its body", {
      help: `write project { name = "${token.image}" }`,
    });
  }
  const shown = token.image === "" ? "the end" : quote(token);
  return at(
    context,
    before(context),
    "KM0147",
    `Found ${shown} after ${quote(before(context))}, wanted "{"`,
    {
      help: "write { … } with the attributes of the declaration",
    },
  );
}

/** A statement that begins with a word and continues as none does. */
function loneWord(stop: Stop, context: Context): Diagnostic {
  const { token } = stop;
  const next = context.tokens[context.index + 1];
  const name = token.image;
  if (next?.tokenType === t.Colon) {
    return at(context, next, "KM0133", `":" stands after "${name}"`, { help: `write ${name} = …` });
  }
  if (next?.tokenType === t.TextHead) return interpolated(next, context, "label");
  const sameLine = next !== undefined && !newLine(context.file, token, next);
  if (sameLine && t.isOperandStart(next.tokenType)) {
    return at(context, token, "KM0133", `"=" is missing after "${name}"`, {
      help: `write ${name} = …`,
    });
  }
  return loneName(token, context);
}

function loneName(token: IToken, context: Context): Diagnostic {
  const name = token.image;
  return at(context, token, "KM0132", `"${name}" stands alone`, {
    help: `write ${name} = value, ${name} { … } or ${name} -> value`,
  });
}

function badRow(stop: Stop, context: Context): Diagnostic {
  const { token } = stop;
  const next = context.tokens[context.index + 1];
  const last = before(context);
  if (token.tokenType === t.Equals && next?.tokenType === t.Greater)
    return fatArrow(token, context);
  if (token.image !== "" && t.isAssign(token.tokenType)) {
    return at(
      context,
      token,
      "KM0146",
      `Found "${token.image}" after ${quote(last)}, which is no plain name`,
      {
        help: "write name = value for an attribute, key -> value for a row",
      },
    );
  }
  return at(context, last, "KM0146", `"->" is missing after ${quote(last)}`, {
    help: "a row is key -> value",
  });
}

function fatArrow(token: IToken, context: Context): Diagnostic {
  return at(context, token, "KM0146", '"=>" is no arrow', { help: "write ->" });
}

function missingEquals(stop: Stop, context: Context): Diagnostic {
  const key = before(context);
  if (stop.token.tokenType === t.Colon) {
    return at(context, stop.token, "KM0133", `":" stands after ${quote(key)}`, {
      help: `write ${key.image} = …`,
    });
  }
  return at(context, key, "KM0133", `"=" is missing after ${quote(key)}`, {
    help: `write ${key.image} = …`,
  });
}

function missingValue(stop: Stop, context: Context): Diagnostic {
  const { token } = stop;
  const last = before(context);
  if (last.tokenType === t.Equals && token.tokenType === t.Greater) return fatArrow(last, context);
  const gone =
    token.image === "" || newLine(context.file, last, token) || !tokenMatcher(token, t.Operator);
  return gone && last !== token
    ? at(context, last, "KM0134", `The value after ${quote(last)} is missing`)
    : at(context, token, "KM0134", `Found ${quote(token)}, wanted a value`);
}

/** A `]` or `)` was wanted. */
function unclosed(stop: Stop, context: Context): Diagnostic {
  const { token } = stop;
  if (stop.expected === undefined || (stop.expected !== t.RBracket && stop.expected !== t.RParen)) {
    return generic(stop, context);
  }
  const open = openerOf(context, stop.expected === t.RBracket ? t.LBracket : t.LParen);
  const closing = tokenMatcher(token, t.RBracket) || tokenMatcher(token, t.RParen);
  if (closing && open !== undefined) {
    return at(context, token, "KM0136", `"${open.image}" is closed by "${token.image}"`, {
      help: `write ${wanted(stop)}`,
      notes: [{ message: "opened here", at: { file: context.file, span: spanOf(open) } }],
    });
  }
  if (token.tokenType === t.Equals && open?.image === "[") {
    return at(context, token, "KM0150", 'Found "=" in a list', {
      help: "named values stand in braces: { name = value }",
    });
  }
  const ends =
    token.image === "" ||
    token.tokenType === t.RBrace ||
    newLine(context.file, before(context), token);
  if (ends && open !== undefined) return notClosed(open, context.file, wanted(stop));
  return at(context, token, "KM0150", `Found ${quote(token)}, wanted "," or ${wanted(stop)}`);
}

/** A statement, an entry of a map or the `}` was wanted. */
function inBraces(stop: Stop, context: Context): Diagnostic {
  const { token, rule } = stop;
  if (token.image === "") {
    const brace = unclosedBrace(context.tokens, context.file.text);
    if (brace !== undefined) return notClosed(brace.open, context.file, '"}"');
  }
  if (tokenMatcher(token, t.RBracket) || tokenMatcher(token, t.RParen)) {
    return at(context, token, "KM0137", `"${token.image}" closes nothing`, {
      help: `remove "${token.image}"`,
    });
  }
  if (token.tokenType === t.TextHead) return interpolated(token, context, "key");
  const item = rule === "map" ? "a key" : "a statement";
  const help = token.tokenType === t.Comma ? { help: 'remove ","' } : {};
  return at(context, token, "KM0132", `Found ${quote(token)}, wanted ${item} or "}"`, help);
}

function interpolated(token: IToken, context: Context, what: string): Diagnostic {
  return at(context, token, "KM0145", `A ${what} holds an interpolation`, {
    help: `write the ${what} as a plain string`,
  });
}

function notClosed(open: IToken, file: SourceFile, closer: string): Diagnostic {
  const { start, end } = spanOf(open);
  return diagnose(file, "KM0136", start, end, `"${open.image}" is not closed`, {
    help: `write ${closer}`,
  });
}

/** The innermost bracket of type `opener` that is open before the stop. */
function openerOf({ tokens, index }: Context, opener: TokenType): IToken | undefined {
  const closer = opener === t.LBracket ? t.RBracket : t.RParen;
  let depth = 0;
  for (let i = index - 1; i >= 0; i -= 1) {
    const token = tokens[i] as IToken;
    if (token.tokenType === closer) depth += 1;
    else if (token.tokenType === opener && depth-- === 0) return token;
  }
  return undefined;
}
