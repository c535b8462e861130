/**
 * The tokens of the language, in the order in which the lexer tries them.
 *
 * Reserved words are tokens of their own. The words of declarations (`component`, `extends`, …) are
 * tokens too, but also a `Word`, so they stay usable as names of attributes, blocks and members.
 */
import { createToken, type ITokenConfig, Lexer, type TokenType } from "chevrotain";
import * as foreign from "./foreign.js";
import { matchDigest, matchNumber, matchVersion } from "./literals.js";
import * as strings from "./strings.js";
import type { Match } from "./strings.js";

type Matcher = (text: string, offset: number) => Match | null;

/** A token that `pattern` reads where a character of `starts` stands, and only there. */
function custom(
  name: string,
  starts: readonly (string | number)[],
  pattern: Matcher,
  label: string,
  more: Pick<ITokenConfig, "group" | "categories"> = {},
) {
  const codes = new Set(
    starts.map((start) => (typeof start === "string" ? start.charCodeAt(0) : start)),
  );
  return createToken({
    name,
    pattern: (text: string, offset: number) => {
      const code = text.charCodeAt(offset);
      // Beyond ASCII a hint stands for its neighbors too.
      return code > 255 || codes.has(code) ? pattern(text, offset) : null;
    },
    start_chars_hint: [...starts],
    line_breaks: true,
    label,
    ...more,
  });
}

const DIGITS = [..."0123456789"];

/** Any word that may name something. */
export const Word = createToken({ name: "Word", pattern: Lexer.NA, label: "a name" });
/** `=`, `+=` or `-=`. */
export const Assign = createToken({ name: "Assign", pattern: Lexer.NA, label: '"="' });
/** Any operator with two operands. */
export const Operator = createToken({ name: "Operator", pattern: Lexer.NA, label: "an operator" });

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

export const Heredoc = custom("Heredoc", ["<"], strings.matchHeredoc, "a heredoc");
export const Digest = custom("Digest", ["s"], matchDigest, "a digest");
export const Version = custom("Version", ["v"], matchVersion, "a version");
export const Tagged = custom("Tagged", ["r", "g"], strings.matchTagged, "a tagged string");
export const NumberLiteral = custom("Number", DIGITS, matchNumber, "a number");

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
  /(?:target|source|toolchain|component|base|packages|image|index|group)\b/,
  "a kind",
);
export const Extends = contextual("Extends", /extends\b/, '"extends"');
export const Identifier = createToken({
  name: "Identifier",
  pattern: /[A-Za-z_][A-Za-z0-9_]*/,
  categories: Word,
});

export const Text = custom("Text", ['"'], strings.matchText, "a string");
export const TextHead = custom("TextHead", ['"'], strings.matchTextHead, "a string");
export const TextMiddle = custom("TextMiddle", ["}"], strings.matchTextMiddle, '"}"');
export const TextTail = custom("TextTail", ["}"], strings.matchTextTail, '"}"');

export const LBrace = custom("LBrace", ["{"], strings.matchLeftBrace, '"{"');
export const RBrace = custom("RBrace", ["}"], strings.matchRightBrace, '"}"');
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

const ForeignComment = custom("ForeignComment", ["/"], foreign.matchComment, "a comment", {
  group: Lexer.SKIPPED,
});
export const Slash = mark("Slash", "/", [Operator]);

/** A fault of the lexer, but a string to the parser. */
const QuotedText = custom("QuotedText", ["'"], foreign.matchSingleQuoted, "a string", {
  categories: Text,
});

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
const Unknown = custom("Unknown", unknownStarts(), foreign.matchUnknown, "nothing", {
  group: Lexer.SKIPPED,
});

/** All tokens, in the lexer's order. */
// prettier-ignore
export const TOKENS: TokenType[] = [
  WhiteSpace, Comment, Heredoc, Digest, Version, Tagged, NumberLiteral, If, Then, Else, For, In,
  And, Or, Not, True, False, Override, Edition, ImportWord, ProjectWord, TemplateWord, Kind,
  Extends, Identifier, Text, TextHead, QuotedText, TextMiddle, TextTail, LBrace, RBrace,
  LBracket, RBracket, LParen, RParen, Comma, Dot, Colon, Arrow, PlusEquals, MinusEquals,
  EqualsEquals, NotEquals, LessEquals, GreaterEquals, Equals, Less, Greater, Plus,
  ForeignComment, Slash, Unknown, Word, Assign, Operator,
];

/** The words that name nothing, wherever they stand. */
// prettier-ignore
export const RESERVED: readonly TokenType[] = [
  If, Then, Else, For, In, And, Or, Not, True, False, Override,
];

// prettier-ignore
// prettier-ignore
// prettier-ignore
const WORDS: ReadonlySet<TokenType> = new Set([
  Identifier, Edition, ImportWord, ProjectWord, TemplateWord, Kind, Extends,
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

// prettier-ignore
const OPERAND_STARTS: ReadonlySet<TokenType> = new Set([
  ...WORDS, Text, TextHead, QuotedText, Tagged, Heredoc, NumberLiteral, Version, Digest, True,
  False, LBracket, LBrace, LParen, Not, If,
]);

/** Whether an expression may begin with `type`. */
export function isOperandStart(type: TokenType): boolean {
  return OPERAND_STARTS.has(type);
}

const CLOSERS: ReadonlyMap<TokenType, TokenType> = new Map([
  [LBrace, RBrace],
  [LBracket, RBracket],
  [LParen, RParen],
]);

/** The bracket that closes `type`; undefined when it opens none. */
export function closerOf(type: TokenType): TokenType | undefined {
  return CLOSERS.get(type);
}

// prettier-ignore
const OPERAND_ENDS: ReadonlySet<TokenType> = new Set([
  ...WORDS, Text, TextHead, QuotedText, Tagged, Heredoc, NumberLiteral, Version, Digest, True,
  False,
]);

/** Whether `type` is a whole operand, so that a bracket behind it is a call or an index. */
export function endsOperand(type: TokenType): boolean {
  return OPERAND_ENDS.has(type);
}

/** Whether `type` closes a bracket. */
export function isCloser(type: TokenType): boolean {
  return type === RBrace || type === RBracket || type === RParen;
}
