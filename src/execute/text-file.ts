/** Small texts that kmips keeps beside what it runs: read when they are there, replaced as a whole. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { errnoOf } from "../../cache/index.js";

/** The text of a file; undefined when there is no file. */
export function readTextIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Replaces a file in one step: readers see the old text or the new one. */
export function replaceText(path: string, text: string, mode = 0o644): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, path);
}
