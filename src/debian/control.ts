/**
 * Debian's control format (deb822(5)): paragraphs of `Name: value` fields, as in Packages, Release,
 * dpkg's status and apt's `.sources` files.
 */

/** A paragraph's fields by their names in small letters; continuation lines keep their line breaks. */
export type Paragraph = ReadonlyMap<string, string>;

/** The paragraphs of `text` as they stand, without the empty lines between them. */
export function* splitParagraphs(text: string): Generator<string, void, undefined> {
  let start = 0;
  while (start < text.length) {
    const gap = text.indexOf("\n\n", start);
    const end = gap === -1 ? text.length : gap;
    const paragraph = text.slice(start, end).replace(/^\n+|\n+$/g, "");
    if (paragraph !== "") yield paragraph;
    start = end + 2;
  }
}

/** The fields of one paragraph. Comment lines (`#`) and lines that are no field are left out. */
export function parseParagraph(paragraph: string): Paragraph {
  const fields = new Map<string, string>();
  let last: string | undefined;
  for (const line of paragraph.split("\n")) {
    if (line.startsWith("#")) continue;
    if (/^[ \t]/.test(line)) {
      if (last !== undefined) fields.set(last, `${fields.get(last)!}\n${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    last = line.slice(0, colon).toLowerCase();
    fields.set(last, line.slice(colon + 1).trim());
  }
  return fields;
}

/** The words of a field that lists some; empty when the field is absent. */
export function wordsOf(paragraph: Paragraph, field: string): string[] {
  return (paragraph.get(field) ?? "").split(/\s+/).filter((word) => word !== "");
}
