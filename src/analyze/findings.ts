/**
 * Collects the diagnostics of one analysis.
 *
 * Decides which are shown: one for a code and place however many cells or expansions meet it, and a
 * bounded number for a file. It knows nothing about what is wrong.
 */
import type { Diagnostic, Location, Severity, SourceFile } from "../../grammar/index.js";
import type { AnalysisCode } from "./codes.js";

/** Shown diagnostics of one file; a recipe with more faults is better read in parts. */
export const DIAGNOSTICS_PER_FILE = 50;

export interface Details {
  readonly help?: string | undefined;
  readonly notes?: Diagnostic["notes"];
}

export class Findings {
  readonly #byFile = new Map<SourceFile, Diagnostic[]>();
  readonly #seen = new Map<SourceFile, Set<string>>();

  /** Adds a fault of the recipe unless the same one was found at the same place. */
  error(code: AnalysisCode, at: Location, message: string, details: Details = {}): void {
    this.#found("error", code, at, message, details);
  }

  /** The same for what is a fault only to who builds that node. */
  warning(code: AnalysisCode, at: Location, message: string, details: Details = {}): void {
    this.#found("warning", code, at, message, details);
  }

  #found(
    severity: Severity,
    code: AnalysisCode,
    at: Location,
    message: string,
    details: Details,
  ): void {
    this.add({
      code,
      severity,
      message,
      at,
      ...(details.notes !== undefined && details.notes.length > 0 && { notes: details.notes }),
      ...(details.help !== undefined && { help: details.help }),
    });
  }

  add(diagnostic: Diagnostic): void {
    const { file, span } = diagnostic.at;
    let seen = this.#seen.get(file);
    if (seen === undefined) this.#seen.set(file, (seen = new Set()));
    const identity = `${diagnostic.code}:${span.start}:${span.end}`;
    if (seen.has(identity)) return;
    seen.add(identity);
    const list = this.#byFile.get(file);
    if (list === undefined) this.#byFile.set(file, [diagnostic]);
    else list.push(diagnostic);
  }

  get hasErrors(): boolean {
    for (const list of this.#byFile.values())
      if (list.some((diagnostic) => diagnostic.severity === "error")) return true;
    return false;
  }

  /** Everything found: by file in the given order, then by place. */
  list(files: readonly SourceFile[]): Diagnostic[] {
    const order = new Set([...files, ...this.#byFile.keys()]);
    const all: Diagnostic[] = [];
    for (const file of order) {
      const found = this.#byFile.get(file);
      if (found === undefined) continue;
      const sorted = [...found].sort(
        (a, b) => a.at.span.start - b.at.span.start || (a.code < b.code ? -1 : 1),
      );
      for (const diagnostic of sorted.slice(0, DIAGNOSTICS_PER_FILE)) all.push(diagnostic);
    }
    return all;
  }
}
