/**
 * The tokens of Go text, with the semicolons that Go puts at line ends (Go specification, "Lexical
 * elements"). Enough to read declarations; it reports no faults of the text.
 */

export interface GoToken {
  readonly kind: "word" | "string" | "number" | "symbol";
  /** For a string, what it stands for; a rune is a `number`. */
  readonly text: string;
  readonly line: number;
}

const TOKEN =
  /([ \t\r]+)|(\n)|(\/\/[^\n]*)|(\/\*[^]*?(?:\*\/|$))|([\p{L}_][\p{L}\p{Nd}_]*)|("(?:[^"\\\n]|\\.)*"?)|(`[^`]*`?)|('(?:[^'\\\n]|\\.)*'?)|(\.?[0-9](?:[eEpP][+-]|[\w.])*)|(\.\.\.|<-|:=|\+\+|--|&&|\|\||[^])/uy;

/** Words after which a line end closes a statement although they are no names. */
const CLOSING_WORDS = new Set(["break", "continue", "fallthrough", "return"]);
const KEYWORDS = new Set(
  "case chan const default defer else for func go goto if import interface map package range select struct switch type var".split(
    " ",
  ),
);
const CLOSING_SYMBOLS = new Set([")", "]", "}", "++", "--"]);

/** All tokens of a text; comments are left out. */
export function goTokens(text: string): GoToken[] {
  const tokens: GoToken[] = [];
  let line = 1;
  const endLine = (): void => {
    const last = tokens.at(-1);
    if (last !== undefined && endsStatement(last)) tokens.push({ kind: "symbol", text: ";", line });
  };
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const [all, , lineEnd, , comment, word, quoted, raw, rune, number, symbol] = match;
    if (word !== undefined) tokens.push({ kind: "word", text: word, line });
    else if (symbol !== undefined) tokens.push({ kind: "symbol", text: symbol, line });
    else if (quoted !== undefined)
      tokens.push({ kind: "string", text: unquote(quoted.slice(1, -1)), line });
    else if (raw !== undefined)
      tokens.push({ kind: "string", text: raw.slice(1, -1).replaceAll("\r", ""), line });
    else if (rune !== undefined || number !== undefined)
      tokens.push({ kind: "number", text: all, line });
    // A comment of several lines counts as a line end.
    else if (lineEnd !== undefined || comment?.includes("\n") === true) endLine();
    if (lineEnd !== undefined) line++;
    else if (comment !== undefined || raw !== undefined) line += all.split("\n").length - 1;
  }
  endLine();
  return tokens;
}

function endsStatement({ kind, text }: GoToken): boolean {
  if (kind === "symbol") return CLOSING_SYMBOLS.has(text);
  return kind !== "word" || CLOSING_WORDS.has(text) || !KEYWORDS.has(text);
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
};

function unquote(body: string): string {
  return body.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/g,
    (_, hex?: string, short?: string, long?: string, octal?: string, other?: string) => {
      if (other !== undefined) return ESCAPES[other] ?? other;
      const code =
        octal === undefined ? parseInt(hex ?? short ?? long ?? "0", 16) : parseInt(octal, 8);
      return code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
    },
  );
}

const OPENING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const CLOSING = new Set(Object.values(OPENING));

/** The index behind the bracket that closes the one at `open`; the end of the text when none does. */
export function afterBracket(tokens: readonly GoToken[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    const { kind, text } = tokens[at] as GoToken;
    if (kind !== "symbol") continue;
    if (text in OPENING) depth++;
    else if (CLOSING.has(text) && --depth === 0) return at + 1;
  }
  return tokens.length;
}

/** What stands inside the bracket at `open`, without the brackets. */
export function insideBracket(tokens: readonly GoToken[], open: number): GoRange {
  return { start: open + 1, end: afterBracket(tokens, open) - 1 };
}

/** Whether a token is this symbol. */
export function isSymbol(token: GoToken | undefined, text: string): boolean {
  return token?.kind === "symbol" && token.text === text;
}

/** A part of a list of tokens: from `start`, before `end`. */
export interface GoRange {
  readonly start: number;
  readonly end: number;
}

/** The parts of a range between separators that stand in no bracket of their own; empty ones go. */
export function splitAt(
  tokens: readonly GoToken[],
  { start, end }: GoRange,
  separator: string,
): GoRange[] {
  const parts: GoRange[] = [];
  let from = start;
  for (let at = start; at < end;) {
    const token = tokens[at] as GoToken;
    if (token.kind === "symbol" && token.text in OPENING) {
      at = Math.min(afterBracket(tokens, at), end);
      continue;
    }
    if (isSymbol(token, separator)) {
      if (at > from) parts.push({ start: from, end: at });
      from = at + 1;
    }
    at++;
  }
  if (end > from) parts.push({ start: from, end });
  return parts;
}
