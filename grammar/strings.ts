/**
 * Reads strings, tagged strings and heredocs: the tokens whose text a regular expression cannot bound.
 *
 * A string that holds `${` is checked to its closing quote before its first piece becomes a token,
 * so an interpolation that is left open costs the rest of its line and never the rest of the file.
 */
import { LIMITS } from "./limits.js";
import { session } from "./session.js";

/** A match in the form that chevrotain takes from custom patterns. */
export type Match = [string] & { payload?: unknown };

/** The value of a heredoc token. */
export interface HeredocValue {
  readonly tag: string;
  readonly text: string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DOLLAR = 0x24;
const LEFT_BRACE = 0x7b;
const RIGHT_BRACE = 0x7d;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** A token of `text` from `start` to `end` that carries `payload`. */
export function match(text: string, start: number, end: number, payload?: unknown): Match {
  const result = [text.slice(start, end)] as Match;
  if (payload !== undefined) result.payload = payload;
  return result;
}

/** A whole string without interpolation; payload: its value. */
export function matchText(text: string, offset: number): Match | null {
  const piece = readPiece(text, offset + 1);
  if (piece.stop === "quote") {
    checkLength(offset, piece.end + 1);
    return match(text, offset, piece.end + 1, piece.value);
  }
  if (piece.stop === "interpolation" && session().interpolations.length > 0) return null;
  if (piece.stop === "interpolation") {
    const whole = closingQuote(text, offset, 0);
    if (whole.closed) {
      checkLength(offset, whole.end);
      return null;
    }
  }
  const end = lineEnd(text, offset);
  session().fault("KM0111", offset, end, "The string is not closed on its line", {
    help: piece.stop === "interpolation" ? 'close it with } and "' : 'close it with "',
  });
  return match(text, offset, end, "");
}

/** The opening piece `"…${` of a string; payload: its text. */
export function matchTextHead(text: string, offset: number): Match | null {
  const piece = readPiece(text, offset + 1);
  session().interpolations.push(0);
  return match(text, offset, piece.end + 2, piece.value);
}

/** The piece `}…${` between two interpolations; payload: its text. */
export function matchTextMiddle(text: string, offset: number): Match | null {
  const { interpolations } = session();
  if (interpolations[interpolations.length - 1] !== 0) return null;
  const piece = readPiece(text, offset + 1);
  if (piece.stop !== "interpolation") return null;
  return match(text, offset, piece.end + 2, piece.value);
}

/** The closing piece `}…"` of a string; payload: its text. */
export function matchTextTail(text: string, offset: number): Match | null {
  const { interpolations } = session();
  if (interpolations[interpolations.length - 1] !== 0) return null;
  const piece = readPiece(text, offset + 1);
  if (piece.stop !== "quote") return null;
  interpolations.pop();
  return match(text, offset, piece.end + 1, piece.value);
}

/** `{`, counted inside interpolations so that their own `}` is known. */
export function matchLeftBrace(text: string, offset: number): Match {
  const { interpolations } = session();
  const last = interpolations.length - 1;
  if (last >= 0) interpolations[last] = (interpolations[last] ?? 0) + 1;
  return match(text, offset, offset + 1);
}

/** `}` of a block or map. */
export function matchRightBrace(text: string, offset: number): Match {
  const { interpolations } = session();
  const last = interpolations.length - 1;
  if (last >= 0) interpolations[last] = (interpolations[last] ?? 0) - 1;
  return match(text, offset, offset + 1);
}

/** `re"…"` or `glob"…"`: raw but for `\"`; payload: its text. */
export function matchTagged(text: string, offset: number): Match | null {
  const open = text.startsWith('re"', offset)
    ? offset + 2
    : text.startsWith('glob"', offset)
      ? offset + 4
      : -1;
  if (open === -1) return null;
  const end = rawEnd(text, open);
  if (end === undefined) {
    const stop = lineEnd(text, offset);
    session().fault("KM0111", offset, stop, "The string is not closed on its line", {
      help: 'close it with "',
    });
    return match(text, offset, stop, "");
  }
  checkLength(offset, end);
  return match(text, offset, end, text.slice(open + 1, end - 1).replaceAll('\\"', '"'));
}

/** `<<tag` to the line that holds only `tag`; payload: a `HeredocValue`. */
export function matchHeredoc(text: string, offset: number): Match | null {
  if (text.charCodeAt(offset + 1) !== 0x3c) return null;
  const opening = /<<([A-Za-z_][A-Za-z0-9_]*)?[ \t]*/y;
  opening.lastIndex = offset;
  const [opened = "<<", tag] = opening.exec(text) ?? [];
  const end = lineEnd(text, offset);
  if (tag === undefined || offset + opened.length !== end) {
    session().fault("KM0113", offset, end, "The first line of a heredoc is not << and a word", {
      help: "write <<text, its lines, then a line with only text",
    });
    if (tag === undefined) return match(text, offset, end, { tag: "", text: "" });
  }
  const closing = session().loneWordAfter(tag, end + 1);
  if (closing === undefined) {
    session().fault(
      "KM0112",
      offset,
      offset + 2 + tag.length,
      `The heredoc "${tag}" is not closed`,
      {
        help: `write ${tag} alone on the line after its text`,
      },
    );
    return match(text, offset, nextAnchor(text, end), { tag, text: "" });
  }
  const stop = text.indexOf(tag, closing) + tag.length;
  checkLength(offset, stop);
  const lines = text.slice(text.indexOf("\n", offset) + 1, closing);
  return match(text, offset, stop, { tag, text: dedent(lines) } satisfies HeredocValue);
}

/**
 * The lines of a heredoc without their common indentation, each with `\n`.
 * Lines of only white space become empty and do not count for the indentation.
 */
export function dedent(raw: string): string {
  if (raw === "") return "";
  const lines = raw.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  // The text ends with the newline before the closing tag.
  lines.pop();
  let common: string | undefined;
  for (const line of lines) {
    const indent = /^[ \t]*/.exec(line)?.[0] ?? "";
    if (indent.length === line.length) continue;
    if (common === undefined) common = indent;
    let length = 0;
    while (length < common.length && common[length] === indent[length]) length += 1;
    common = common.slice(0, length);
  }
  const cut = common?.length ?? 0;
  return lines.map((line) => (/^[ \t]*$/.test(line) ? "\n" : `${line.slice(cut)}\n`)).join("");
}

interface Piece {
  readonly value: string;
  /** Where the piece stops: the quote, the `$` of `${`, or the end of the line. */
  readonly end: number;
  readonly stop: "quote" | "interpolation" | "line";
}

/** Reads the literal text from `start`, just after a quote or brace, with its escapes decoded. */
function readPiece(text: string, start: number): Piece {
  let value = "";
  let from = start;
  let at = start;
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return { value: value + text.slice(from, at), end: at, stop: "quote" };
    if (code === NEWLINE) break;
    if (code === DOLLAR && text.charCodeAt(at + 1) === LEFT_BRACE) {
      return { value: value + text.slice(from, at), end: at, stop: "interpolation" };
    }
    if (code === BACKSLASH) {
      const escape = readEscape(text, at);
      value += text.slice(from, at) + escape.value;
      from = escape.end;
      at = escape.end - 1;
    }
  }
  return { value, end: at, stop: "line" };
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["t", "\t"],
  ["r", "\r"],
  ["\\", "\\"],
  ['"', '"'],
  ["$", "$"],
]);

function readEscape(text: string, at: number): { value: string; end: number } {
  const letter = text.charAt(at + 1);
  const simple = ESCAPES.get(letter);
  if (simple !== undefined) return { value: simple, end: at + 2 };
  if (letter === "u") {
    const form = /\\u\{([0-9A-Fa-f]{1,6})\}/y;
    form.lastIndex = at;
    const digits = form.exec(text)?.[1];
    const scalar = digits === undefined ? -1 : Number.parseInt(digits, 16);
    if (digits !== undefined && scalar <= 0x10ffff && (scalar < 0xd800 || scalar > 0xdfff)) {
      return { value: String.fromCodePoint(scalar), end: form.lastIndex };
    }
    session().fault("KM0115", at, at + 2, "\\u names no character", {
      help: "write \\u{1F600}: one to six hex digits of a Unicode character",
    });
    return { value: "", end: at + 2 };
  }
  if (letter === "" || letter === "\n" || letter === "\r") return { value: "", end: at + 1 };
  session().fault("KM0114", at, at + 2, `"\\${letter}" is no escape`, {
    help: 'the escapes are \\n \\t \\r \\\\ \\" \\$ \\u{…}',
  });
  return { value: letter, end: at + 2 };
}

/** Finds the quote that closes the string at `offset`, through its interpolations, on one line. */
function closingQuote(
  text: string,
  offset: number,
  depth: number,
): { readonly end: number; readonly closed: boolean } {
  const open = { end: offset, closed: false };
  let braces = -1;
  for (let at = offset + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === NEWLINE) return open;
    if (braces === -1) {
      if (code === BACKSLASH) at += 1;
      else if (code === QUOTE) return { end: at + 1, closed: true };
      else if (code === DOLLAR && text.charCodeAt(at + 1) === LEFT_BRACE) {
        braces = 0;
        at += 1;
      }
    } else if (code === LEFT_BRACE) braces += 1;
    else if (code === RIGHT_BRACE) braces -= 1;
    else if (code === 0x23 || (code === 0x3c && text.charCodeAt(at + 1) === 0x3c)) return open;
    else if (code === QUOTE) {
      const end = /(?:re|glob)$/.test(text.slice(Math.max(0, at - 4), at))
        ? rawEnd(text, at)
        : nestedEnd(text, at, depth);
      if (end === undefined) return open;
      at = end - 1;
    }
  }
  return open;
}

function nestedEnd(text: string, at: number, depth: number): number | undefined {
  // The depth check of the token stream says this better; here it only bounds the recursion.
  if (depth > 2 * LIMITS.nesting) return undefined;
  const nested = closingQuote(text, at, depth + 1);
  return nested.closed ? nested.end : undefined;
}

/** The offset after the quote that closes the raw string whose opening quote is at `open`. */
function rawEnd(text: string, open: number): number | undefined {
  for (let at = open + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === NEWLINE) return undefined;
    if (code === BACKSLASH && text.charCodeAt(at + 1) !== NEWLINE) at += 1;
  }
  return undefined;
}

/** The end of the line of `offset`, before its line break. */
export function lineEnd(text: string, offset: number): number {
  const newline = text.indexOf("\n", offset);
  if (newline === -1) return text.length;
  return text.charCodeAt(newline - 1) === RETURN && newline > offset ? newline - 1 : newline;
}

/** The next line that begins like a declaration, so that an open heredoc does not hide the rest of the file. */
function nextAnchor(text: string, from: number): number {
  const anchor =
    /^(?:project[ \t]*\{|import[ \t]+"|(?:target|source|toolchain|template|component|base|packages|image|index|group)[ \t]+[A-Za-z_])/gm;
  anchor.lastIndex = from;
  return anchor.exec(text)?.index ?? text.length;
}

function checkLength(start: number, end: number): void {
  if (end - start <= LIMITS.string) return;
  session().fault("KM0106", start, start + 1, "The string is longer than 64 KiB", {
    help: "keep it in a file beside the recipe and use local(…)",
  });
}
