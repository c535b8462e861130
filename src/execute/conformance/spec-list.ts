/** The file that says which specs to run: one exact name a line, `#` starts a comment line. */

/** A spec that changes what others see; it runs with nothing beside it. Upstream's own mark. */
const ALONE = /\[(?:Serial|Disruptive)\]/;

export interface SpecList {
  /** In the order of the file. */
  readonly names: readonly string[];
  /** Names that stand there more than once. */
  readonly repeated: readonly string[];
}

/** Reads a list; spaces inside and at the end of a name are part of it. */
export function parseSpecList(text: string): SpecList {
  const names = new Set<string>();
  const repeated = new Set<string>();
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    if (names.has(line)) repeated.add(line);
    names.add(line);
  }
  return { names: [...names], repeated: [...repeated] };
}

/** Whether the spec may not run beside others. */
export function runsAlone(name: string): boolean {
  return ALONE.test(name);
}

/**
 * The regular expression, as Go reads them, that ginkgo finds in this one spec: it looks at the
 * suite's name, its own name for the root of all containers, and the spec's.
 */
export function focusOf(suite: string, name: string): string {
  return `^${escaped(suite)} (?:${escaped("[Top Level]")} )?${escaped(name)}$`;
}

function escaped(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}
