/**
 * The tokens of a sound recipe as a tree of groups, with every comment at the place it belongs to.
 *
 * The formatter prints from this tree and not from the AST: parentheses, spelling of literals and
 * comments are only here. The parser marks where statements and map entries begin.
 */
import type { IToken, TokenType } from "chevrotain";
import { endOf, type LayoutMarks } from "./expressions.js";
import * as t from "./tokens.js";

/** Text that is printed as it stands; a heredoc is told apart because it spans lines. */
export interface Atom {
  readonly kind: "atom";
  readonly token: IToken;
  /** The source text: of the token, or of a string with its interpolations. */
  readonly text: string;
  /** `<` or `>` of a type, no comparison. */
  readonly angle: boolean;
  /** A line break stands before it in the source. */
  readonly broken: boolean;
}

/** `{ … }`, `[ … ]` or `( … )`. */
export interface Group {
  readonly kind: "group";
  readonly open: IToken;
  readonly items: readonly Item[];
  /** Comments on the line of the opening bracket, before the first item. */
  readonly opening: readonly string[];
  /** Comments after the last item. */
  readonly dangling: readonly OwnLine[];
  /** The source breaks a line between the brackets and the items, or between items. */
  readonly spread: boolean;
  /** The brackets stand on different lines. */
  readonly multiline: boolean;
  readonly broken: boolean;
}

/** A comment between two pieces of one item: what follows begins a new line. */
export interface InnerComment {
  readonly kind: "comment";
  readonly text: string;
  readonly broken: boolean;
}

export type Piece = Atom | Group | InnerComment;

/** A comment on a line of its own. */
export interface OwnLine {
  readonly text: string;
  /** An empty line stands before it. */
  readonly blankBefore: boolean;
}

/** A statement, a map entry, a list item, an argument or a declaration. */
export interface Item {
  readonly leading: readonly OwnLine[];
  readonly blankBefore: boolean;
  readonly pieces: readonly Piece[];
  /** Comments behind it on its last line. */
  readonly trailing: readonly string[];
}

interface OpenItem {
  leading: OwnLine[];
  blankBefore: boolean;
  pieces: Piece[];
  trailing: string[];
}
type Element = { readonly token: IToken; readonly comment: boolean };

/** What `items` read between two brackets. */
interface Content {
  readonly items: readonly Item[];
  readonly dangling: readonly OwnLine[];
  readonly opening: readonly string[];
  readonly spread: boolean;
}

/** A recipe without faults, as its tokens, its comments and the marks of the parser. */
export interface LayoutSource {
  readonly text: string;
  readonly tokens: readonly IToken[];
  readonly comments: readonly IToken[];
  readonly marks: LayoutMarks;
}

/** The top-level items of a recipe without faults, and the comments at its end. */
export function buildLayout(source: LayoutSource): Pick<Content, "items" | "dangling"> {
  return new LayoutBuilder(source).file();
}

class LayoutBuilder {
  readonly #text: string;
  readonly #elements: readonly Element[];
  readonly #marks: LayoutMarks;
  #at = 0;
  /** The end of the last element that was taken. */
  #end = 0;
  /** The first token that is no comment at or behind the place of the last look ahead. */
  #nextToken = 0;

  constructor({ text, tokens, comments, marks }: LayoutSource) {
    this.#text = text;
    this.#elements = merge(tokens, comments);
    this.#marks = marks;
  }

  file(): Pick<Content, "items" | "dangling"> {
    return this.#content(undefined);
  }

  /** Reads items up to the bracket `closer`, which is left; undefined for the end of the file. */
  #content(closer: TokenType | undefined): Content {
    const items: OpenItem[] = [];
    const opening: string[] = [];
    const marked = closer === undefined || closer === t.RBrace;
    let leading: OwnLine[] = [];
    let current: OpenItem | undefined;
    let spread = false;
    let separated = true;
    // The comma may be dropped: an empty line before it then stands before what follows.
    let blankBeforeComma = false;
    for (;;) {
      const element = this.#elements[this.#at];
      if (element === undefined) break;
      const { token, comment } = element;
      const gap = this.#gap(token);
      const blankBefore = gap > 1 || blankBeforeComma;
      if (!comment && token.tokenType === closer) {
        spread ||= gap > 0 && !this.#afterHeredoc(current);
        break;
      }
      if (!comment && token.tokenType === t.Comma) {
        this.#take(token);
        blankBeforeComma = gap > 1;
        separated = true;
        current = undefined;
        continue;
      }
      blankBeforeComma = false;
      if (comment) {
        this.#take(token);
        const text = token.image.trimEnd();
        const last = items[items.length - 1];
        if (gap === 0 && last === undefined && closer !== undefined) opening.push(text);
        else if (current !== undefined && this.#continues(closer, marked)) {
          current.pieces.push({ kind: "comment", text, broken: gap > 0 });
        } else if (
          gap === 0 &&
          leading.length === 0 &&
          last !== undefined &&
          this.#takesTrailing(last)
        ) {
          last.trailing.push(text);
          current = undefined;
        } else {
          leading.push({ text, blankBefore });
          current = undefined;
        }
        spread = true;
        continue;
      }
      const begins = marked ? this.#marks.items.has(token.startOffset) : separated;
      if (begins) {
        spread ||= gap > 0;
        current = { leading, blankBefore, pieces: [], trailing: [] };
        items.push(current);
        leading = [];
        separated = false;
      }
      current ??= items[items.length - 1] as OpenItem;
      current.pieces.push(this.#piece(token, gap > 0));
    }
    return { items, dangling: leading, opening, spread };
  }

  /** Whether the item goes on behind the comments at the current place. */
  #continues(closer: TokenType | undefined, marked: boolean): boolean {
    this.#nextToken = Math.max(this.#nextToken, this.#at);
    while (this.#elements[this.#nextToken]?.comment === true) this.#nextToken += 1;
    const next = this.#elements[this.#nextToken]?.token;
    if (next === undefined || next.tokenType === closer || next.tokenType === t.Comma) return false;
    return !marked || !this.#marks.items.has(next.startOffset);
  }

  /** A line takes one comment, and the last line of a heredoc none. */
  #takesTrailing(item: OpenItem): boolean {
    return item.trailing.length === 0 && !this.#afterHeredoc(item);
  }

  #afterHeredoc(item: OpenItem | undefined): boolean {
    const last = item?.pieces[item.pieces.length - 1];
    return last?.kind === "atom" && last.token.tokenType === t.Heredoc;
  }

  #piece(token: IToken, broken: boolean): Piece {
    const closer = t.closerOf(token.tokenType);
    this.#take(token);
    if (closer !== undefined) {
      const { items, dangling, opening, spread } = this.#content(closer);
      const close = this.#elements[this.#at]?.token as IToken;
      this.#take(close);
      const multiline = this.#text.slice(token.startOffset, close.startOffset).includes("\n");
      return { kind: "group", open: token, items, opening, dangling, spread, multiline, broken };
    }
    if (token.tokenType === t.TextHead) this.#skipInterpolation();
    const text = this.#text.slice(token.startOffset, this.#end);
    const angle = this.#marks.angles.has(token.startOffset);
    return { kind: "atom", token, text, angle, broken };
  }

  /** Takes the tokens of a string up to its closing piece: it is printed as it stands. */
  #skipInterpolation(): void {
    for (let depth = 1; depth > 0;) {
      const { token } = this.#elements[this.#at] as Element;
      if (token.tokenType === t.TextHead) depth += 1;
      if (token.tokenType === t.TextTail) depth -= 1;
      this.#take(token);
    }
  }

  #take(token: IToken): void {
    this.#at += 1;
    this.#end = endOf(token);
  }

  /** The line breaks between the last element and `token`. */
  #gap(token: IToken): number {
    let lines = 0;
    for (let at = this.#end; at < token.startOffset; at += 1) {
      if (this.#text.charCodeAt(at) === 0x0a) lines += 1;
    }
    return lines;
  }
}

function merge(tokens: readonly IToken[], comments: readonly IToken[]): Element[] {
  const merged: Element[] = [];
  let at = 0;
  for (const comment of comments) {
    for (
      ;
      at < tokens.length && (tokens[at] as IToken).startOffset < comment.startOffset;
      at += 1
    ) {
      merged.push({ token: tokens[at] as IToken, comment: false });
    }
    merged.push({ token: comment, comment: true });
  }
  for (; at < tokens.length; at += 1) merged.push({ token: tokens[at] as IToken, comment: false });
  return merged;
}
