/**
 * What a go.mod says of where packages come from. Specification: "go.mod files" of the Go Modules
 * Reference, in the form that the go tool itself writes.
 */

export interface ModuleOrigins {
  /** Path of the main module; empty when the file names none. */
  readonly module: string;
  /** Module path → what stands for it: another module's path, or a directory. */
  readonly replaced: ReadonlyMap<string, string>;
}

/** Reads a go.mod; of `replace`, what the go tool wrote. Never throws. */
export function readGoMod(text: string): ModuleOrigins {
  const replaced = new Map<string, string>();
  for (const [, path = "", by = ""] of text.matchAll(
    /^(?:replace |\t)(\S+)(?: v\S+)? => (\S+)(?: v\S+)?$/gm,
  ))
    replaced.set(path, by);
  return { module: /^module[ \t]+"?([^\s"]+)/m.exec(text)?.[1] ?? "", replaced };
}
