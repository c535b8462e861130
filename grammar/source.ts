/**
 * The text of one recipe file and the mapping from offsets to places.
 *
 * Spans are offsets only; lines and columns are computed when a diagnostic is shown.
 */

/** A half-open range of UTF-16 offsets into the text of one recipe. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One recipe's text under the name that diagnostics show. */
export interface SourceFile {
  /** The path as the user knows it: relative to the project, or `kmips:…` for shipped recipes. */
  readonly name: string;
  readonly text: string;
}

/** A span in a named file: enough to print a place and a caret line. */
export interface Location {
  readonly file: SourceFile;
  readonly span: Span;
}

/** 1-based line and column (in UTF-16 units) of `offset` in `text`. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, Math.min(offset, text.length));
  const line = before.split("\n").length;
  return { line, column: before.length - before.lastIndexOf("\n") };
}
