/** The files of Debian's cross C compilers that decide what a compilation gives. */
import { readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";

/**
 * Absolute, resolved paths of the compiler driver, its passes, the assembler and linker and the
 * C library's start files for a GNU triplet, in code-unit order; those that are absent are left out.
 */
export function compilerPrograms(triplet: string): string[] {
  const gccRoot = `/usr/lib/gcc-cross/${triplet}`;
  const passes = versionsIn(gccRoot).flatMap((version) =>
    ["cc1", "collect2", "lto-wrapper", "libgcc.a", "libgcc_eh.a"].map((name) =>
      join(gccRoot, version, name),
    ),
  );
  const drivers = ["gcc", "as", "ld"].map((name) => `/usr/bin/${triplet}-${name}`);
  const library = ["libc.a", "crt1.o", "crti.o", "crtn.o"].map(
    (name) => `/usr/${triplet}/lib/${name}`,
  );
  const found = new Set([...drivers, ...passes, ...library].flatMap(resolved));
  return [...found].sort();
}

function versionsIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function resolved(path: string): string[] {
  try {
    return [realpathSync(path)];
  } catch {
    return [];
  }
}
