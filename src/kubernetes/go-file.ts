/** The imports and declarations of one Go file, each as a range of its tokens. */
import {
  afterBracket,
  goTokens,
  insideBracket,
  isSymbol,
  splitAt,
  type GoRange,
  type GoToken,
} from "./go-tokens.js";

export interface GoDeclaration {
  readonly kind: "func" | "method" | "var" | "const" | "type";
  readonly name: string;
  /** The receiver's type of a method. */
  readonly receiver?: string;
  /** Everything behind the name: signature and body, type and value. */
  readonly range: GoRange;
}

export interface GoFile {
  /** Relative to the source. */
  readonly path: string;
  readonly tokens: readonly GoToken[];
  /** The name a file uses for a package → its import path. */
  readonly imports: ReadonlyMap<string, string>;
  readonly declarations: readonly GoDeclaration[];
}

/** Reads a file; text that is no Go gives fewer declarations and no fault. */
export function readGoFile(path: string, text: string): GoFile {
  const tokens = goTokens(text);
  const imports = new Map<string, string>();
  const declarations: GoDeclaration[] = [];
  for (const statement of splitAt(tokens, { start: 0, end: tokens.length }, ";")) {
    const keyword = tokens[statement.start];
    if (keyword?.kind !== "word") continue;
    switch (keyword.text) {
      case "import":
        for (const spec of specsOf(tokens, statement)) readImport(tokens, spec, imports);
        break;
      case "func": {
        const declaration = readFunction(tokens, statement);
        if (declaration !== undefined) declarations.push(declaration);
        break;
      }
      case "var":
      case "const":
      case "type":
        for (const spec of specsOf(tokens, statement))
          declarations.push(...readSpec(tokens, spec, keyword.text));
    }
  }
  return { path, tokens, imports, declarations };
}

/**
 * What each field of a struct type is made of: name, type and tag. Empty when the file declares no
 * struct of that name.
 */
export function structFields({ tokens, declarations }: GoFile, type: string): GoRange[] {
  const declared = declarations.find(({ kind, name }) => kind === "type" && name === type);
  if (declared === undefined) return [];
  const { start } = declared.range;
  if (tokens[start]?.text !== "struct" || !isSymbol(tokens[start + 1], "{")) return [];
  return splitAt(tokens, insideBracket(tokens, start + 1), ";");
}

/** The specifications of `import`, `const`, `var` and `type`, in parentheses or alone. */
function specsOf(tokens: readonly GoToken[], { start, end }: GoRange): GoRange[] {
  const open = start + 1;
  if (!isSymbol(tokens[open], "(")) return [{ start: open, end }];
  return splitAt(tokens, insideBracket(tokens, open), ";");
}

function readImport(
  tokens: readonly GoToken[],
  { start, end }: GoRange,
  imports: Map<string, string>,
): void {
  const path = tokens[end - 1];
  if (path?.kind !== "string") return;
  const alias = end - start > 1 ? tokens[start]?.text : undefined;
  imports.set(alias ?? packageName(path.text), path.text);
}

/** What a package is called by when an import names no other: by custom, the last part of its path. */
function packageName(path: string): string {
  const parts = path.split("/");
  const last = parts.at(-1) ?? "";
  return /^v\d+$/.test(last) ? (parts.at(-2) ?? last) : last;
}

function readFunction(
  tokens: readonly GoToken[],
  { start, end }: GoRange,
): GoDeclaration | undefined {
  let at = start + 1;
  let receiver: string | undefined;
  if (isSymbol(tokens[at], "(")) {
    const after = afterBracket(tokens, at);
    const words = tokens.slice(at, after).filter(({ kind }) => kind === "word");
    // `(name *Type)`, `(Type)`, `(name Type[T])`.
    receiver = (words[1] ?? words[0])?.text;
    at = after;
  }
  const name = tokens[at];
  if (name?.kind !== "word") return undefined;
  const range = { start: at + 1, end };
  return receiver === undefined
    ? { kind: "func", name: name.text, range }
    : { kind: "method", name: name.text, receiver, range };
}

function readSpec(
  tokens: readonly GoToken[],
  { start, end }: GoRange,
  kind: "var" | "const" | "type",
): GoDeclaration[] {
  const names: string[] = [];
  let at = start;
  for (; at < end; at++) {
    const name = tokens[at];
    if (name?.kind !== "word") break;
    names.push(name.text);
    if (!isSymbol(tokens[at + 1], ",")) {
      at++;
      break;
    }
    at++;
  }
  return names.map((name) => ({ kind, name, range: { start: at, end } }));
}
