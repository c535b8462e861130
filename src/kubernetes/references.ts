/**
 * Which declarations of a tree of Go files name which others: enough of Go's name resolution to
 * follow a helper function to the image it uses.
 *
 * Without types, a method call may mean any method of that name in the package or in those it
 * imports, and who names a type may call, through an interface, what the type has of its methods. So
 * a reference may be found that is none.
 */
import { posix } from "node:path";
import type { GoDeclaration, GoFile } from "./go-file.js";
import { insideBracket, isSymbol, splitAt, type GoRange } from "./go-tokens.js";

/** `DIRECTORY#NAME`, for methods `DIRECTORY#TYPE.NAME`. */
export type GoSymbol = string;

export interface Declared {
  readonly file: GoFile;
  readonly declaration: GoDeclaration;
}

export class References {
  readonly #module: string;
  readonly #declared = new Map<GoSymbol, Declared[]>();
  /** Directory → method name → symbols. */
  readonly #methods = new Map<string, Map<string, GoSymbol[]>>();
  readonly #methodsOf = new Map<GoSymbol, GoSymbol[]>();

  /** `module` is the path that the files' imports of each other begin with. */
  constructor(files: readonly GoFile[], module: string) {
    this.#module = `${module}/`;
    const dynamic = new Set(files.flatMap(interfaceMethods));
    for (const file of files) {
      const directory = posix.dirname(file.path);
      for (const declaration of file.declarations)
        this.#add(directory, { file, declaration }, dynamic);
    }
  }

  #add(directory: string, declared: Declared, dynamic: ReadonlySet<string>): void {
    const { kind, name, receiver } = declared.declaration;
    if (name === "_") return;
    const owner = `${directory}#${receiver ?? ""}`;
    const symbol = kind === "method" ? `${owner}.${name}` : `${directory}#${name}`;
    append(this.#declared, symbol, declared);
    if (kind !== "method") return;
    let names = this.#methods.get(directory);
    if (names === undefined) this.#methods.set(directory, (names = new Map<string, GoSymbol[]>()));
    append(names, name, symbol);
    if (dynamic.has(name)) append(this.#methodsOf, owner, symbol);
  }

  get symbols(): ReadonlyMap<GoSymbol, readonly Declared[]> {
    return this.#declared;
  }

  /** What a range of a file names, types with the methods that interfaces have too. */
  of(file: GoFile, { start, end }: GoRange): Set<GoSymbol> {
    const { tokens, imports } = file;
    const directory = posix.dirname(file.path);
    const found = new Set<GoSymbol>();
    for (let at = start; at < end; at++) {
      const token = tokens[at];
      if (token?.kind !== "word") continue;
      if (tokens[at - 1]?.text !== ".") {
        this.#take(`${directory}#${token.text}`, found);
        continue;
      }
      const owner = tokens[at - 2];
      const imported = owner?.kind === "word" ? imports.get(owner.text) : undefined;
      if (imported !== undefined && tokens[at - 3]?.text !== ".") {
        const inside = this.#directoryOf(imported);
        if (inside !== undefined) this.#take(`${inside}#${token.text}`, found);
      } else this.#takeMethods(token.text, directory, imports, found);
    }
    return found;
  }

  #directoryOf(imported: string): string | undefined {
    return imported.startsWith(this.#module) ? imported.slice(this.#module.length) : undefined;
  }

  #take(symbol: GoSymbol, found: Set<GoSymbol>): void {
    if (!this.#declared.has(symbol)) return;
    found.add(symbol);
    for (const method of this.#methodsOf.get(symbol) ?? []) found.add(method);
  }

  #takeMethods(
    name: string,
    directory: string,
    imports: ReadonlyMap<string, string>,
    found: Set<GoSymbol>,
  ): void {
    const take = (inside: string | undefined): void => {
      for (const symbol of this.#methods.get(inside ?? "")?.get(name) ?? []) found.add(symbol);
    };
    take(directory);
    // Another package's methods are called by exported names only.
    if (/^\p{Lu}/u.test(name)) for (const path of imports.values()) take(this.#directoryOf(path));
  }
}

/** The names of the methods that a file's interfaces declare. */
function interfaceMethods({ tokens, declarations }: GoFile): string[] {
  return declarations.flatMap(({ kind, range }) => {
    const open = range.start + 1;
    if (kind !== "type" || tokens[range.start]?.text !== "interface") return [];
    return splitAt(tokens, insideBracket(tokens, open), ";").flatMap(({ start }) =>
      isSymbol(tokens[start + 1], "(") ? (tokens[start]?.text ?? []) : [],
    );
  });
}

/** Adds to the list under a key. */
export function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
