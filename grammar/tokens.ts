/**
 * The tokens of the language, in the order in which the lexer tries them.
 *
 * Reserved words are tokens of their own. The words of declarations (`component`, `extends`, …) are
 * tokens too, but also a `Word`, so they stay usable as names of attributes, blocks and members.
 */
import { createToken, Lexer, type TokenType } from "chevrotain";
import { matchDigest, matchNumber, matchVersion } from "./literals.js";
import { session } from "./session.js";
import * as strings from "./strings.js";
import { lineEnd, match, type Match } from "./strings.js";

type Matcher = (text: string, offset: number) => Match | null;

function custom(
  name: string,
  starts: readonly (string | number)[],
  pattern: Matcher,
  group?: string,
) {
  return createToken({
    name,
    pattern: pattern as never,
    start_chars_hint: [...starts],
    line_breaks: true,
    ...(group === undefined ? {} : { group }),
  });
}

const DIGITS = [..."0123456789"];

/** Any word that may name something. */
export const Word = createToken({ name: "Word", pattern: Lexer.NA });
/** `=`, `+=` or `-=`. */
export const Assign = createToken({ name: "Assign", pattern: Lexer.NA });
/** Any operator with two operands. */
export const Operator = createToken({ name: "Operator", pattern: Lexer.NA });

function reserved(name: string, word: string, categories: TokenType[] = []): TokenType {
  return createToken({ name, pattern: new RegExp(`${word}\\b`), categories, label: `"${word}"` });
}

function contextual(name: string, pattern: RegExp, label: string): TokenType {
  return createToken({ name, pattern, categories: Word, label });
}

function mark(name: string, text: string, categories: TokenType[] = []): TokenType {
  return createToken({ name, pattern: text, categories, label: `"${text}"` });
}

const WhiteSpace = createToken({
  name: "WhiteSpace",
  pattern: /[ \t\r\n]+/,
  line_breaks: true,
  group: Lexer.SKIPPED,
});
/** Kept beside the token stream, for documentation and the formatter. */
export const Comment = createToken({ name: "Comment", pattern: /#[^\n]*/, group: "comments" });

export const Heredoc = custom("Heredoc", ["<"], strings.matchHeredoc);
export const Digest = custom("Digest", ["s"], matchDigest);
export const Version = custom("Version", ["v"], matchVersion);
export const Tagged = custom("Tagged", ["r", "g"], strings.matchTagged);
export const NumberLiteral = custom("Number", DIGITS, matchNumber);

export const If = reserved("If", "if");
export const Then = reserved("Then", "then");
export const Else = reserved("Else", "else");
export const For = reserved("For", "for");
export const In = reserved("In", "in", [Operator]);
export const And = reserved("And", "and", [Operator]);
export const Or = reserved("Or", "or", [Operator]);
export const Not = reserved("Not", "not");
export const True = reserved("True", "true");
export const False = reserved("False", "false");
export const Override = reserved("Override", "override");

export const Edition = contextual("Edition", /kmips\b/, '"kmips"');
export const ImportWord = contextual("Import", /import\b/, '"import"');
export const ProjectWord = contextual("Project", /project\b/, '"project"');
export const TemplateWord = contextual("Template", /template\b/, '"template"');
export const Kind = contextual(
  "Kind",
  /(?:target|source|toolchain|component|image|index|group)\b/,
  "a kind",
);
export const Extends = contextual("Extends", /extends\b/, '"extends"');
export const Identifier = createToken({
  name: "Identifier",
  pattern: /[A-Za-z_][A-Za-z0-9_]*/,
  categories: Word,
});

export const Text = custom("Text", ['"'], strings.matchText);
export const TextHead = custom("TextHead", ['"'], strings.matchTextHead);
export const TextMiddle = custom("TextMiddle", ["}"], strings.matchTextMiddle);
export const TextTail = custom("TextTail", ["}"], strings.matchTextTail);

export const LBrace = custom("LBrace", ["{"], strings.matchLeftBrace);
export const RBrace = custom("RBrace", ["}"], strings.matchRightBrace);
export const LBracket = mark("LBracket", "[");
export const RBracket = mark("RBracket", "]");
export const LParen = mark("LParen", "(");
export const RParen = mark("RParen", ")");
export const Comma = mark("Comma", ",");
export const Dot = mark("Dot", ".");
export const Colon = mark("Colon", ":");
export const Arrow = mark("Arrow", "->");
export const PlusEquals = mark("PlusEquals", "+=", [Assign]);
export const MinusEquals = mark("MinusEquals", "-=", [Assign]);
export const EqualsEquals = mark("EqualsEquals", "==", [Operator]);
export const NotEquals = mark("NotEquals", "!=", [Operator]);
export const LessEquals = mark("LessEquals", "<=", [Operator]);
export const GreaterEquals = mark("GreaterEquals", ">=", [Operator]);
export const Equals = mark("Equals", "=", [Assign]);
export const Less = mark("Less", "<", [Operator]);
export const Greater = mark("Greater", ">", [Operator]);
export const Plus = mark("Plus", "+", [Operator]);

/** A comment as other languages write it. */
const ForeignComment = custom(
  "ForeignComment",
  ["/"],
  (text, offset) => {
    if (text[offset + 1] !== "/" && text[offset + 1] !== "*") return null;
    const end = lineEnd(text, offset);
    session().fault(
      "KM0121",
      offset,
      offset + 2,
      `"${text.slice(offset, offset + 2)}" starts no comment`,
      {
        help: "write # before a comment",
      },
    );
    return match(text, offset, end);
  },
  Lexer.SKIPPED,
);
export const Slash = mark("Slash", "/", [Operator]);

/** A string in single quotes: a fault, but a string to the parser. */
const SingleQuoted: Matcher = (text, offset) => {
  const end = lineEnd(text, offset);
  const quote = text.indexOf("'", offset + 1);
  const stop = quote === -1 || quote >= end ? end : quote + 1;
  session().fault("KM0122", offset, stop, "A string stands in single quotes", {
    help: 'write it in double quotes: "…"',
  });
  return match(text, offset, stop, text.slice(offset + 1, stop - 1));
};
const QuotedText = createToken({
  name: "QuotedText",
  pattern: SingleQuoted as never,
  start_chars_hint: ["'"],
  line_breaks: true,
  categories: Text,
});

const INSTEAD: ReadonlyMap<string, string> = new Map([
  [";", "statements end at the next line; on one line, write a comma between them"],
  ["!", "write not, or !="],
  ["&", "write and"],
  ["|", "write or"],
  ["?", "write if … then … else …"],
  ["$", 'write ${…} inside a string: "${name}"'],
  ["`", "write a string in double quotes, or a heredoc: <<text"],
  ["-", "there is no subtraction and there are no negative numbers"],
]);

/** A run of characters that no other token takes; the parser never sees it. */
const matchUnknown: Matcher = (text, offset) => {
  const from = text.charAt(offset);
  if (from === "-" && /[A-Za-z0-9_]/.test(text.charAt(offset - 1))) {
    const rest = /-[A-Za-z0-9_-]*/y;
    rest.lastIndex = offset;
    rest.test(text);
    if (rest.lastIndex > offset + 1) {
      const before =
        /[A-Za-z0-9_]+$/.exec(text.slice(Math.max(0, offset - 256), offset))?.[0] ?? "";
      const written = before + text.slice(offset, rest.lastIndex);
      session().fault(
        "KM0123",
        offset - before.length,
        rest.lastIndex,
        `"${written}" is no name: it holds "-"`,
        {
          help: `write ${written.replaceAll("-", "_")}`,
        },
      );
      return match(text, offset, rest.lastIndex);
    }
  }
  const point = text.codePointAt(offset) ?? 0;
  const shown =
    point < 0x20 || (point >= 0x7f && point < 0xa0) || point > 0x7f ? hex(point) : `"${from}"`;
  const width = point > 0xffff ? 2 : 1;
  const help = INSTEAD.get(from);
  session().fault(
    "KM0110",
    offset,
    offset + width,
    `${shown} has no meaning here`,
    help === undefined ? {} : { help },
  );
  return match(text, offset, offset + width);
};

function hex(point: number): string {
  return `The character U+${point.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Every first character that no other token has: with it chevrotain can index all patterns. */
function unknownStarts(): number[] {
  const known = new Set([..." \t\r\n#<>\"'{}[](),.:+=/_"].map((char) => char.charCodeAt(0)));
  const starts: number[] = [];
  for (let code = 0; code < 256; code += 1) {
    const char = String.fromCharCode(code);
    if (!known.has(code) && !/[A-Za-z0-9]/.test(char)) starts.push(code);
  }
  // Above 255 chevrotain keeps one slot for each 255 characters.
  for (let code = 256; code < 65_536; code += 128) starts.push(code);
  return starts;
}
const Unknown = custom("Unknown", unknownStarts(), matchUnknown, Lexer.SKIPPED);

/** All tokens, in the lexer's order. */
export const TOKENS: TokenType[] = [
  WhiteSpace,
  Comment,
  Heredoc,
  Digest,
  Version,
  Tagged,
  NumberLiteral,
  If,
  Then,
  Else,
  For,
  In,
  And,
  Or,
  Not,
  True,
  False,
  Override,
  Edition,
  ImportWord,
  ProjectWord,
  TemplateWord,
  Kind,
  Extends,
  Identifier,
  Text,
  TextHead,
  QuotedText,
  TextMiddle,
  TextTail,
  LBrace,
  RBrace,
  LBracket,
  RBracket,
  LParen,
  RParen,
  Comma,
  Dot,
  Colon,
  Arrow,
  PlusEquals,
  MinusEquals,
  EqualsEquals,
  NotEquals,
  LessEquals,
  GreaterEquals,
  Equals,
  Less,
  Greater,
  Plus,
  ForeignComment,
  Slash,
  Unknown,
  Word,
  Assign,
  Operator,
];

/** The words that name nothing, wherever they stand. */
export const RESERVED: readonly TokenType[] = [
  If,
  Then,
  Else,
  For,
  In,
  And,
  Or,
  Not,
  True,
  False,
  Override,
];

const WORDS: ReadonlySet<TokenType> = new Set([
  Identifier,
  Edition,
  ImportWord,
  ProjectWord,
  TemplateWord,
  Kind,
  Extends,
]);
const LINKS: ReadonlySet<TokenType> = new Set([
  In,
  And,
  Or,
  Not,
  If,
  Else,
  Dot,
  EqualsEquals,
  NotEquals,
  LessEquals,
  GreaterEquals,
  Less,
  Greater,
  Plus,
  Slash,
]);
const ASSIGNS: ReadonlySet<TokenType> = new Set([Equals, PlusEquals, MinusEquals]);
const OPERATORS: ReadonlySet<TokenType> = new Set([
  In,
  And,
  Or,
  EqualsEquals,
  NotEquals,
  LessEquals,
  GreaterEquals,
  Less,
  Greater,
  Plus,
  Slash,
]);

/** Whether `type` may name something. */
export function isWord(type: TokenType): boolean {
  return WORDS.has(type);
}

/** Whether `type` makes the AST of an expression one level deeper. */
export function isLink(type: TokenType): boolean {
  return LINKS.has(type);
}

/** Whether `type` is `=`, `+=` or `-=`. */
export function isAssign(type: TokenType): boolean {
  return ASSIGNS.has(type);
}

/** Whether `type` stands between two operands. */
export function isOperator(type: TokenType): boolean {
  return OPERATORS.has(type);
}

const OPERAND_STARTS: ReadonlySet<TokenType> = new Set([
  ...WORDS,
  Text,
  TextHead,
  QuotedText,
  Tagged,
  Heredoc,
  NumberLiteral,
  Version,
  Digest,
  True,
  False,
  LBracket,
  LBrace,
  LParen,
  Not,
  If,
]);

/** Whether an expression may begin with `type`. */
export function isOperandStart(type: TokenType): boolean {
  return OPERAND_STARTS.has(type);
}
