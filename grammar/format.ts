/**
 * The one way to write a recipe: no options.
 *
 * Prints the layout tree. Whether a group stands on one line depends on its tokens, on where the source
 * broke lines and on the width, never on source columns: so formatting twice changes nothing.
 */
import type { Diagnostic } from "./diagnostic.js";
import { buildLayout, type Group, type Item, type OwnLine, type Piece } from "./layout.js";
import { parseForLayout } from "./parse.js";
import type { SourceFile } from "./source.js";
import type { HeredocValue } from "./strings.js";
import * as t from "./tokens.js";

const WIDTH = 100;
const STEP = 2;

/** The formatted text of `file`, or its diagnostics: a recipe with faults is left as it is. */
export function format(
  file: SourceFile,
): { readonly text: string } | { readonly diagnostics: Diagnostic[] } {
  const parsed = parseForLayout(file);
  if (parsed.diagnostics.length > 0) return { diagnostics: parsed.diagnostics };
  const { items, dangling } = buildLayout({ text: file.text, ...parsed });
  const lines = [
    ...printItems(items, 0, () => ""),
    ...printOwnLines(dangling, 0, items.length === 0),
  ];
  return { text: lines.map((line) => `${line}\n`).join("") };
}

/** What follows an item on its line. */
type Separator = (last: boolean) => string;

/** The lines of items that stand one below the other. */
function printItems(items: readonly Item[], indent: number, separator: Separator): string[] {
  const lines: string[] = [];
  let run: { line: number; name: number; operator: number }[] = [];
  for (const [index, item] of items.entries()) {
    const first = item.leading[0];
    const blank = first === undefined ? item.blankBefore : first.blankBefore;
    if (index > 0 && blank) lines.push("");
    append(lines, printOwnLines(item.leading, indent, true));
    if (first !== undefined && item.blankBefore) lines.push("");
    const own = printItem(item, indent, separator(index === items.length - 1));
    const assigned = indent > 0 && own.length === 1 ? assignment(item, indent) : undefined;
    if (assigned === undefined || blank || first !== undefined) {
      align(lines, run);
      run = [];
    }
    if (assigned !== undefined) run.push({ line: lines.length, ...assigned });
    append(lines, own);
  }
  align(lines, run);
  return lines;
}

/** As `push(...more)`, for any number of lines: arguments go on the stack. */
function append(lines: string[], more: readonly string[]): void {
  for (const line of more) lines.push(line);
}

function printOwnLines(comments: readonly OwnLine[], indent: number, atStart: boolean): string[] {
  return comments.flatMap(({ text, blankBefore }, index) => {
    const line = " ".repeat(indent) + text;
    return blankBefore && (index > 0 || !atStart) ? ["", line] : [line];
  });
}

/** The columns just after the name and after the operator of an assignment; undefined for others. */
function assignment(item: Item, indent: number): { name: number; operator: number } | undefined {
  let name = indent;
  for (const [index, piece] of item.pieces.entries()) {
    if (piece.kind !== "atom" || index > 2) return undefined;
    if (t.isAssign(piece.token.tokenType)) {
      return index === 0 ? undefined : { name, operator: name + 1 + piece.text.length };
    }
    name += piece.text.length + (index === 0 ? 0 : 1);
  }
  return undefined;
}

/** Brings the `=` of the lines of `run` into one column. */
function align(
  lines: string[],
  run: readonly { line: number; name: number; operator: number }[],
): void {
  const column = run.reduce((most, { operator }) => Math.max(most, operator), 0);
  for (const { line, name, operator } of run) {
    const text = lines[line] as string;
    lines[line] = text.slice(0, name) + " ".repeat(column - operator) + text.slice(name);
  }
}

function printItem(item: Item, indent: number, separator: string): string[] {
  const printer = new Printer(indent);
  printer.pieces(item.pieces, separator.length);
  printer.add(separator);
  for (const comment of item.trailing) printer.add(` ${comment}`);
  return printer.lines();
}

/** Writes one item, which may take several lines. */
class Printer {
  readonly #indent: number;
  readonly #lines: string[] = [];
  #line: string;
  /** Nothing may follow on this line: a heredoc or a comment ended it. */
  #full = false;

  constructor(indent: number) {
    this.#indent = indent;
    this.#line = " ".repeat(indent);
  }

  lines(): string[] {
    return [...this.#lines, this.#line];
  }

  /** Adds text that begins no new word; on a full line it begins the next one. */
  add(text: string): void {
    if (text === "") return;
    if (this.#full) this.#newLine(this.#indent);
    this.#line += text;
  }

  /** Writes the pieces of an item; `tail` is the width of what follows on its last line. */
  pieces(pieces: readonly Piece[], tail: number): void {
    const comprehension = isComprehension(pieces);
    for (const [index, piece] of pieces.entries()) {
      const before = pieces[index - 1];
      if (piece.kind === "comment") {
        if (this.#full) this.#newLine(this.#indent + STEP);
        else this.#line += " ";
        this.#line += piece.text;
        this.#full = true;
        continue;
      }
      const space = before !== undefined && isSpaced(before, piece, comprehension);
      const continued =
        before !== undefined && (this.#full || breaksBefore(pieces, index, comprehension));
      const dedented = this.#full && before?.kind === "atom" && piece.kind === "group" && !space;
      if (continued) this.#newLine(this.#indent + (dedented ? 0 : STEP));
      else if (space) this.#line += " ";
      if (piece.kind === "group")
        this.#group(piece, before, width(pieces.slice(index + 1), comprehension, tail));
      else if (piece.token.tokenType === t.Heredoc)
        this.#heredoc(piece.token.payload as HeredocValue);
      else this.#line += piece.text;
    }
  }

  #newLine(indent: number): void {
    this.#lines.push(this.#line);
    this.#line = " ".repeat(indent);
    this.#full = false;
  }

  #heredoc({ tag, text }: HeredocValue): void {
    this.#line += `<<${tag}`;
    for (const line of text.split("\n").slice(0, -1)) {
      this.#newLine(line === "" ? 0 : this.#indent + STEP);
      this.#line += line;
    }
    this.#newLine(this.#indent);
    this.#line += tag;
    this.#full = true;
  }

  #group(group: Group, before: Piece | undefined, rest: number): void {
    const { open, close } = marks(group);
    const flat = flatGroup(group);
    const spread = mustSpread(group);
    if (flat !== undefined && this.#line.length + flat.length + rest <= WIDTH) {
      this.#line += flat;
    } else if (flat === undefined && !spread) {
      this.#hug(group, rest);
    } else {
      const lone =
        isComprehension(group.items[0]?.pieces ?? []) || (open === "(" && !endsOperand(before));
      const bare = lone || endsInHeredoc(group);
      const comma: Separator = (last) => (open === "{" || (last && bare) ? "" : ",");
      this.#line += [open, ...group.opening].join(" ");
      // The items go one step deeper than the line on which the group opens.
      const inner = [
        ...printItems(group.items, this.#indent + STEP, comma),
        ...printOwnLines(group.dangling, this.#indent + STEP, group.items.length === 0),
      ];
      this.#lines.push(this.#line);
      append(this.#lines, inner);
      this.#line = " ".repeat(this.#indent) + close;
    }
  }

  /** Brackets whose items break lines inside themselves only, as in `f([` … `])`. */
  #hug(group: Group, rest: number): void {
    const { open, close } = marks(group);
    this.#line += open;
    for (const [index, item] of group.items.entries()) {
      if (index > 0) {
        this.add(",");
        this.#line += " ";
      }
      const last = index === group.items.length - 1;
      this.pieces(item.pieces, last ? rest + 1 : 1);
    }
    this.add(close);
  }
}

function marks(group: Group): { open: string; close: string } {
  const open = group.open.image;
  return { open, close: open === "{" ? "}" : open === "[" ? "]" : ")" };
}

/** Whether the items of a group must stand on lines of their own, however short. */
function mustSpread(group: Group): boolean {
  const commented =
    group.opening.length + group.dangling.length > 0 ||
    group.items.some((item) => item.leading.length + item.trailing.length > 0);
  if (group.items.length === 0) return commented;
  return commented || (group.open.tokenType === t.LBrace ? group.multiline : group.spread);
}

const flatGroups = new WeakMap<Group, { readonly text: string | undefined }>();

/** A group on one line; undefined when it cannot stand on one. */
function flatGroup(group: Group): string | undefined {
  const known = flatGroups.get(group);
  if (known !== undefined) return known.text;
  const text = mustSpread(group) ? undefined : joinFlat(group);
  flatGroups.set(group, { text });
  return text;
}

function joinFlat(group: Group): string | undefined {
  const { open, close } = marks(group);
  const items: string[] = [];
  for (const { pieces } of group.items) {
    const text = flatPieces(pieces);
    if (text === undefined) return undefined;
    items.push(text);
  }
  if (items.length === 0) return open + close;
  const inner = items.join(", ");
  return open === "{" ? `{ ${inner} }` : open + inner + close;
}

function flatPieces(pieces: readonly Piece[]): string | undefined {
  const comprehension = isComprehension(pieces);
  let text = "";
  for (const [index, piece] of pieces.entries()) {
    if (piece.kind === "comment" || breaksBefore(pieces, index, comprehension)) return undefined;
    if (piece.kind === "atom" && piece.token.tokenType === t.Heredoc) return undefined;
    const before = pieces[index - 1];
    if (before !== undefined && isSpaced(before, piece, comprehension)) text += " ";
    const own = piece.kind === "group" ? flatGroup(piece) : piece.text;
    if (own === undefined) return undefined;
    text += own;
  }
  return text;
}

/** The width of `pieces` up to where the line can be broken next. */
function width(pieces: readonly Piece[], comprehension: boolean, tail: number): number {
  let sum = 0;
  for (const [index, piece] of pieces.entries()) {
    if (piece.kind === "comment" || breaksBefore(pieces, index, comprehension)) return sum;
    // One for the space: whether there is one does not matter at the edge.
    if (piece.kind === "group") return sum + 2;
    if (piece.token.tokenType === t.Heredoc) return sum + piece.token.image.indexOf("\n") + 1;
    sum += piece.text.length + 1;
  }
  return sum + tail;
}

function isComprehension(pieces: readonly Piece[]): boolean {
  const first = pieces[0];
  return first?.kind === "atom" && first.token.tokenType === t.For;
}

/** Whether the source breaks the line at the operator or word at `index`; a break behind it moves before it. */
function breaksBefore(pieces: readonly Piece[], index: number, comprehension: boolean): boolean {
  const piece = pieces[index];
  if (index === 0 || piece === undefined || !isBreakable(piece, comprehension)) return false;
  if (pieces[index - 1]?.kind === "comment") return false;
  const next = pieces[index + 1];
  const behind = next !== undefined && next.kind !== "comment" && !isBreakable(next, comprehension);
  return piece.broken || (behind && next.broken);
}

function isBreakable(piece: Piece, comprehension: boolean): boolean {
  if (piece.kind !== "atom" || piece.angle) return false;
  const type = piece.token.tokenType;
  if (comprehension && (type === t.If || type === t.Colon)) return true;
  return type === t.Then || type === t.Else || t.isOperator(type);
}

function endsOperand(piece: Piece | undefined): boolean {
  if (piece === undefined || piece.kind === "comment") return false;
  return piece.kind === "group" || t.endsOperand(piece.token.tokenType);
}

function endsInHeredoc(group: Group): boolean {
  const piece = group.items[group.items.length - 1]?.pieces.slice(-1)[0];
  return piece?.kind === "atom" && piece.token.tokenType === t.Heredoc;
}

function isSpaced(before: Piece, piece: Piece, comprehension: boolean): boolean {
  if (piece.kind === "group" && piece.open.tokenType !== t.LBrace && endsOperand(before))
    return false;
  if (before.kind === "atom") {
    if (before.token.tokenType === t.Dot) return false;
    if (before.angle && before.text === "<") return false;
  }
  if (piece.kind !== "atom") return true;
  if (piece.angle || piece.token.tokenType === t.Dot) return false;
  return piece.token.tokenType !== t.Colon || comprehension;
}
