/** `kmips fmt` and `kmips check`: the recipes of a project as text. */
import { chmodSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { format, type Diagnostic } from "../../grammar/index.js";
import { readNamedFile } from "./named-files.js";

export interface FormatReport {
  /** Absolute paths whose text is not the canonical one. */
  readonly changed: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Formats files in place, or only reports with `check`. A file with errors is left as it is.
 * @throws UsageError for a file that cannot be read
 */
export function formatFiles(root: string, paths: readonly string[], check: boolean): FormatReport {
  const changed: string[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const path of paths) {
    const text = readNamedFile(path);
    const formatted = format({ name: relative(root, path), text });
    if ("diagnostics" in formatted) {
      diagnostics.push(...formatted.diagnostics);
      continue;
    }
    if (formatted.text === text) continue;
    changed.push(path);
    if (!check) replaceFile(path, formatted.text);
  }
  return { changed, diagnostics };
}

/** A reader of the file sees the old text or the new one, never a part. */
function replaceFile(path: string, text: string): void {
  // A link stays a link.
  const real = realpathSync(path);
  const temporary = `${real}.kmips-fmt`;
  writeFileSync(temporary, text);
  chmodSync(temporary, statSync(real).mode);
  renameSync(temporary, real);
}
