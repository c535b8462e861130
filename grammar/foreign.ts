/**
 * Reads what other languages write and this one does not, so that its fault is the only one.
 *
 * Comments and strings of other languages are taken whole; single characters are passed over.
 */
import { session } from "./session.js";
import { lineEnd, match, type Match } from "./strings.js";

/** `// …` or `/* …`, to the end of the line; null for a single slash. */
export function matchComment(text: string, offset: number): Match | null {
  if (text[offset + 1] !== "/" && text[offset + 1] !== "*") return null;
  const shown = text.slice(offset, offset + 2);
  session().fault("KM0121", offset, offset + 2, `"${shown}" starts no comment`, {
    help: "write # before a comment",
  });
  return match(text, offset, lineEnd(text, offset));
}

/** `'…'` on one line; payload: its text. */
export function matchSingleQuoted(text: string, offset: number): Match {
  const end = lineEnd(text, offset);
  const quote = text.indexOf("'", offset + 1);
  const stop = quote === -1 || quote >= end ? end : quote + 1;
  session().fault("KM0122", offset, stop, "A string stands in single quotes", {
    help: 'write it in double quotes: "…"',
  });
  return match(text, offset, stop, text.slice(offset + 1, stop - 1));
}

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

/** A character that no other token takes, or the rest of a name after "-"; the parser sees neither. */
export function matchUnknown(text: string, offset: number): Match {
  const char = String.fromCodePoint(text.codePointAt(offset) ?? 0);
  const end = offset + char.length;
  const inName = char === "-" ? restOfName(text, offset) : undefined;
  if (inName !== undefined) return inName;
  const printable = char > " " && char <= "~";
  const shown = printable ? `"${char}"` : `The character ${codePoint(char)}`;
  const help = INSTEAD.get(char);
  session().fault(
    "KM0110",
    offset,
    end,
    `${shown} has no meaning here`,
    help === undefined ? {} : { help },
  );
  return match(text, offset, end);
}

function restOfName(text: string, offset: number): Match | undefined {
  const rest = /-[A-Za-z0-9_][A-Za-z0-9_-]*/y;
  rest.lastIndex = offset;
  let start = offset;
  while (start > 0 && /[A-Za-z0-9_]/.test(text.charAt(start - 1))) start -= 1;
  if (start === offset || !rest.test(text)) return undefined;
  const written = text.slice(start, rest.lastIndex);
  session().fault("KM0123", start, rest.lastIndex, `"${written}" is no name: it holds "-"`, {
    help: `write ${written.replaceAll("-", "_")}`,
  });
  return match(text, offset, rest.lastIndex);
}

/** `U+00E9`. */
function codePoint(char: string): string {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}
