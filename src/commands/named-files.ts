/** Files that the user names on the command line. */
import { readFileSync } from "node:fs";
import { errnoOf } from "../../cache/index.js";
import { UsageError } from "./errors.js";

/** The text of a file. @throws UsageError when it cannot be read */
export function readNamedFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new UsageError(`Cannot read "${path}": ${errno}`, "name a file that is there");
  }
}
