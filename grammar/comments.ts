/**
 * Documentation comments: lines of `##` directly above a declaration, an attribute or a block.
 */
import type { IToken } from "chevrotain";

/** Documentation text by the offset of the first character of the line that it belongs to. */
export function readDocs(text: string, comments: readonly IToken[]): ReadonlyMap<number, string> {
  const docs = new Map<number, string>();
  let lines: string[] = [];
  let next = -1;
  for (const comment of comments) {
    if (!comment.image.startsWith("##")) continue;
    if (comment.startOffset !== next) {
      if (!startsLine(text, comment.startOffset)) continue;
      lines = [];
    } else docs.delete(next);
    lines.push(comment.image.replace(/^##+ ?/, "").trimEnd());
    next = nextLineStart(text, comment.startOffset + comment.image.length);
    docs.set(next, lines.join("\n"));
  }
  return docs;
}

/** Whether only blanks stand before `offset` on its line. */
export function startsLine(text: string, offset: number): boolean {
  let at = offset - 1;
  while (at >= 0 && (text[at] === " " || text[at] === "\t")) at -= 1;
  return at < 0 || text[at] === "\n";
}

/** The first character on the line after `offset`; a comma that stands first there is passed over. */
function nextLineStart(text: string, offset: number): number {
  const at = skipLine(text, offset);
  return text[at] === "," ? skipLine(text, at + 1) : at;
}

function skipLine(text: string, offset: number): number {
  let at = offset;
  while (text[at] === " " || text[at] === "\t") at += 1;
  if (text[at] === "\r") at += 1;
  if (text[at] === "\n") at += 1;
  while (text[at] === " " || text[at] === "\t") at += 1;
  return at;
}
