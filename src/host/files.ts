/** The real file reader: recipe text and canonical paths. */
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import type { FileReader } from "../model/ports.js";

function unlessMissing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Reads files of this machine. */
export class DiskFileReader implements FileReader {
  readText(path: string): string | undefined {
    return unlessMissing(() => readFileSync(path, "utf8"));
  }
  realPath(path: string): string | undefined {
    return unlessMissing(() => realpathSync.native(path));
  }
  list(path: string): readonly string[] | undefined {
    return unlessMissing(() => readdirSync(path));
  }
}
