/** Diagnostics as text: code, message, place, the line with a caret, notes, the next step. */
import { lineAndColumn, type Diagnostic, type Location } from "../../grammar/index.js";
import { printable, type Paint } from "./paint.js";

/** Every diagnostic in order of file and place, and a closing line that counts them. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], paint: Paint): string {
  const errors = diagnostics.filter((d) => d.severity === "error").length;
  const warnings = diagnostics.length - errors;
  const counts = [count(errors, "error"), count(warnings, "warning")].filter((text) => text !== "");
  return `${diagnostics.map((d) => renderDiagnostic(d, paint)).join("\n")}\n${counts.join(", ")}\n`;
}

/** One diagnostic, ending in a newline. */
export function renderDiagnostic(diagnostic: Diagnostic, paint: Paint): string {
  const mark = diagnostic.severity === "error" ? paint.red.bold : paint.yellow.bold;
  const lines = [
    `${mark(`${diagnostic.severity} ${diagnostic.code}:`)} ${paint.bold(printable(diagnostic.message))}`,
    `  ${paint.cyan(placeOf(diagnostic.at))}`,
    ...excerpt(diagnostic.at, mark),
  ];
  for (const note of diagnostic.notes ?? []) {
    const place = note.at === undefined ? "" : ` (${placeOf(note.at)})`;
    lines.push(`  ${paint.dim("note:")} ${printable(note.message)}${place}`);
  }
  if (diagnostic.help !== undefined)
    lines.push(`  ${paint.green("help:")} ${printable(diagnostic.help)}`);
  return `${lines.join("\n")}\n`;
}

/** `file:line:column`. */
export function placeOf(at: Location): string {
  const { line, column } = lineAndColumn(at.file.text, at.span.start);
  return `${printable(at.file.name)}:${line}:${column}`;
}

/** Long lines are cut around the caret. */
const LINE_WIDTH = 100;

function excerpt(at: Location, mark: (text: string) => string): string[] {
  const { text } = at.file;
  const { line, column } = lineAndColumn(text, at.span.start);
  const start = at.span.start - (column - 1);
  const end = text.indexOf("\n", start);
  const whole = printable(
    text
      .slice(start, end < 0 ? undefined : end)
      .replace(/\t/g, " ")
      .replace(/\r$/, ""),
  );
  const cut = column > LINE_WIDTH ? column - LINE_WIDTH / 2 : 0;
  const shown = whole.slice(cut, cut + LINE_WIDTH + 20);
  const width = Math.max(1, Math.min(at.span.end, end < 0 ? text.length : end) - at.span.start);
  const gutter = String(line);
  const caret =
    " ".repeat(column - 1 - cut) +
    "^".repeat(Math.min(width, shown.length - (column - 1 - cut) || 1));
  return [`  ${gutter} | ${shown}`, `  ${" ".repeat(gutter.length)} | ${mark(caret)}`];
}

function count(number: number, noun: string): string {
  return number === 0 ? "" : `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Diagnostics for `--json`: plain data with lines and columns. */
export function diagnosticsAsData(diagnostics: readonly Diagnostic[]): unknown[] {
  return diagnostics.map((d) => ({
    code: d.code,
    severity: d.severity,
    message: d.message,
    file: d.at.file.name,
    ...lineAndColumn(d.at.file.text, d.at.span.start),
    help: d.help,
    notes: d.notes?.map((note) => ({
      message: note.message,
      at: note.at === undefined ? undefined : placeOf(note.at),
    })),
  }));
}
