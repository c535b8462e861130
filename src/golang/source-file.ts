/**
 * What a Go file imports, declares and uses, read from its text.
 *
 * No parser: it goes by the form that gofmt gives a file, which is that of nearly every published
 * module. What is written otherwise is not seen, so an answer made of this is a hint and no proof.
 */

export interface GoFile {
  /** Name of the package clause. */
  readonly packageName: string;
  /** Import path → name in this file; undefined where the package's own name counts. */
  readonly imports: ReadonlyMap<string, string | undefined>;
  /** Top-level names; methods as `Type.Name`. The value tells functions and methods from the rest. */
  readonly declares: ReadonlyMap<string, "function" | "other">;
  /** Functions without a body, which assembly has to bring. */
  readonly bodiless: ReadonlySet<string>;
  /** The text without comments and strings. */
  readonly code: string;
}

/** Reads a Go file. Never throws: what it cannot make out is missing from the answer. */
export function readGoFile(text: string): GoFile {
  const code = withoutComments(text);
  const bare = code.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/g, '""');
  return {
    packageName: /^package (\w+)/m.exec(bare)?.[1] ?? "",
    imports: importsOf(code),
    ...declarationsOf(bare),
    code: bare,
  };
}

/** Comments as spaces; strings stay, since they may hold what looks like a comment. */
function withoutComments(text: string): string {
  return text.replace(
    /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (token) => (token.startsWith("/") ? token.replace(/[^\n]/g, " ") : token),
  );
}

function importsOf(code: string): Map<string, string | undefined> {
  const imports = new Map<string, string | undefined>();
  const row = /^\s*([\w.]+ )?"([^"\n]+)"/gm;
  for (const [, group, single] of code.matchAll(/^import (?:\(([^)]*)\)|([^(\n]+))/gm))
    for (const [, name, path = ""] of (group ?? single ?? "").matchAll(row))
      imports.set(path, name?.trim());
  return imports;
}

function declarationsOf(code: string): Pick<GoFile, "declares" | "bodiless"> {
  const declares = new Map<string, "function" | "other">();
  const bodiless = new Set<string>();
  const add = (names: string): void => {
    for (const name of names.split(","))
      if (name.trim() !== "_") declares.set(name.trim(), "other");
  };
  for (const [line, receiver, name = ""] of code.matchAll(
    /^func (?:\((?:\w+ )?\*?(\w+)(?:\[[^\]]*\])?\) )?(\w+)[[(].*$/gm,
  )) {
    declares.set(receiver === undefined ? name : `${receiver}.${name}`, "function");
    if (receiver === undefined && /\)[^{}()]*$/.test(line)) bodiless.add(name);
  }
  for (const [, names = ""] of code.matchAll(/^(?:const|var|type) (\w+(?:, \w+)*)/gm)) add(names);
  for (const [, group = ""] of code.matchAll(/^(?:const|var|type) \(\n([\s\S]*?)^\)/gm))
    for (const [, names = ""] of group.matchAll(/^\t(\w+(?:, \w+)*)/gm)) add(names);
  return { declares, bodiless };
}

/** Whether a name that another package of `alias` declares is used: `alias.name`. */
export function usesQualified({ code }: GoFile, alias: string, name: string): boolean {
  return new RegExp(`(?<![\\w.])${alias}\\.${name}(?!\\w)`).test(code);
}

/**
 * Whether a name of the file's own package is used. Functions and methods count where they are called:
 * as a bare word their names are often those of variables.
 */
export function usesName({ code }: GoFile, name: string, kind: "function" | "other"): boolean {
  const [, method] = name.split(".");
  if (method !== undefined) return new RegExp(`\\.${method}\\(`).test(code);
  const end = kind === "function" ? "\\(" : "(?!\\w)";
  return new RegExp(`(?<![\\w.]|func )${name}${end}`).test(code);
}
