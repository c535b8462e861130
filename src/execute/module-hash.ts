/**
 * The `h1:` hashes of Go modules, computed from a directory, a zip or a go.mod, and the spelling
 * of module paths in the download cache.
 *
 * Specification: "Module cache" and "go.sum files" of the Go Modules Reference. A hash is over
 * `sha256-hex  name\n` lines sorted by name, where names begin with `path@version/`.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compareUtf8 } from "../../cache/index.js";
import { entryBytes, ModuleZipError, zipEntries } from "./module-zip.js";

/** Zips of the largest known modules are a tenth of this; the format's own limit is the same. */
const MAX_MODULE_BYTES = 500 * 1024 * 1024;

/** A module path or version as the download cache spells it: `!` and a small letter for a capital. */
export function escapeModule(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}

/** Hash over named contents; `names` need not be sorted. */
function hash1(files: Iterable<readonly [name: string, sha256Hex: string]>): string {
  const lines = [...files].sort(([a], [b]) => compareUtf8(a, b));
  const all = createHash("sha256");
  for (const [name, hex] of lines) all.update(`${hex}  ${name}\n`);
  return `h1:${all.digest("base64")}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The hash that go.sum keeps for `path version/go.mod`. */
export function hashGoMod(text: Uint8Array): string {
  return hash1([["go.mod", sha256(text)]]);
}

/** The hash that go.sum keeps for an extracted module. Special files are not part of it. */
export function hashModuleDirectory(directory: string, path: string, version: string): string {
  const files: [string, string][] = [];
  const walk = (relative: string): void => {
    for (const entry of readdirSync(join(directory, relative), { withFileTypes: true })) {
      const name = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) walk(name);
      else if (entry.isFile()) {
        files.push([`${path}@${version}/${name}`, sha256(readFileSync(join(directory, name)))]);
      }
    }
  };
  walk("");
  return hash1(files);
}

/**
 * The hash that go.sum keeps for a module zip.
 * @throws ModuleZipError when it is not a plain zip (PKWARE APPNOTE 4.3, no zip64, no encryption)
 */
export function hashModuleZip(zip: Buffer): string {
  const files: [string, string][] = [];
  let total = 0;
  try {
    for (const entry of zipEntries(zip)) {
      total += entry.size;
      if (total > MAX_MODULE_BYTES) throw new ModuleZipError("The module is larger than 500 MiB");
      if (entry.name.endsWith("/")) continue;
      files.push([entry.name, sha256(entryBytes(zip, entry))]);
    }
  } catch (error) {
    if (error instanceof ModuleZipError) throw error;
    throw new ModuleZipError("The module's zip is damaged", { cause: error });
  }
  return hash1(files);
}
