/**
 * Makes the diagnostics of the grammar: place, wording, help.
 */
import type { Diagnostic } from "./diagnostic.js";
import type { SourceFile } from "./source.js";

/** What a diagnostic may carry beside its sentence. */
export interface Extras {
  readonly help?: string;
  readonly notes?: Diagnostic["notes"];
}

/** An error of `file` at the UTF-16 offsets `start` to `end`. */
export function diagnose(
  file: SourceFile,
  code: string,
  start: number,
  end: number,
  message: string,
  extras: Extras = {},
): Diagnostic {
  return { code, severity: "error", message, at: { file, span: { start, end } }, ...extras };
}
