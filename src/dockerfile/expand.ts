/**
 * Variables and quotes in the arguments of instructions, by the rules of BuildKit's shell lexer:
 * `$NAME`, `${NAME}`, and `${NAME…}` with `:-` `-` `:+` `+` `:?` `?`. Its modifiers that cut and
 * replace by patterns are refused.
 */

/** The value of a variable; undefined when it has none. */
export type Lookup = (name: string) => string | undefined;

/** Why a word cannot be expanded. */
export class ExpansionError extends Error {
  override readonly name = "ExpansionError";
}

/** Nested `${A:-${B:-…}}`; deeper is nobody's Dockerfile. */
const DEPTH = 32;

/**
 * The word with its variables replaced and its quotes gone; an unset variable is nothing.
 *
 * @throws ExpansionError for `${` without an end, an unknown modifier, or a failed `:?`.
 */
export function expandWord(word: string, lookup: Lookup, escape: string): string {
  return new Expander(word, lookup, escape).run();
}

/** As `expandWord`, for the text of heredocs, in which quotes stand for themselves. */
export function expandText(text: string, lookup: Lookup, escape: string): string {
  return new Expander(text, lookup, escape, { quotes: false }).run();
}

class Expander {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #escape: string;
  readonly #quotes: boolean;
  readonly #depth: number;
  #at = 0;

  constructor(
    text: string,
    lookup: Lookup,
    escape: string,
    { quotes = true, depth = 0 }: { quotes?: boolean; depth?: number } = {},
  ) {
    this.#text = text;
    this.#lookup = lookup;
    this.#escape = escape;
    this.#quotes = quotes;
    this.#depth = depth;
    if (depth > DEPTH) throw new ExpansionError(`variables nest deeper than ${DEPTH}`);
  }

  run(): string {
    let result = "";
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] as string;
      if (char === "'" && this.#quotes) result += this.#single();
      else if (char === '"' && this.#quotes) result += this.#double();
      else if (char === "$") result += this.#variable();
      else if (char === this.#escape) {
        // An escape at the very end stands for nothing.
        const next = this.#text[this.#at + 1];
        if (!this.#quotes && next !== "$" && next !== this.#escape) result += char;
        result += next ?? "";
        this.#at += 2;
      } else {
        result += char;
        this.#at++;
      }
    }
    return result;
  }

  #single(): string {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end === -1) throw new ExpansionError("a ' has no end");
    const inside = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return inside;
  }

  #double(): string {
    let result = "";
    for (this.#at++; this.#at < this.#text.length;) {
      const char = this.#text[this.#at] as string;
      if (char === '"') {
        this.#at++;
        return result;
      }
      if (char === "$") result += this.#variable();
      else if (char === this.#escape) {
        const next = this.#text[this.#at + 1] ?? "";
        result += next === '"' || next === "$" || next === this.#escape ? next : char + next;
        this.#at += 2;
      } else {
        result += char;
        this.#at++;
      }
    }
    throw new ExpansionError('a " has no end');
  }

  #variable(): string {
    const rest = this.#text.slice(this.#at);
    const plain = /^\$([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])/.exec(rest);
    if (plain !== null) {
      this.#at += plain[0].length;
      return this.#lookup(plain[1] as string) ?? "";
    }
    if (!rest.startsWith("${")) {
      this.#at++;
      return "$";
    }
    const end = this.#closing();
    const inside = this.#text.slice(this.#at + 2, end);
    this.#at = end + 1;
    return this.#modified(inside);
  }

  /** The offset of the `}` of the `${` at the current place. */
  #closing(): number {
    let depth = 0;
    for (let index = this.#at; index < this.#text.length; index++) {
      const char = this.#text[index];
      if (char === this.#escape) index++;
      else if (char === "$" && this.#text[index + 1] === "{") {
        depth++;
        index++;
      } else if (char === "}" && --depth === 0) return index;
    }
    throw new ExpansionError('a "${" has no "}"');
  }

  #modified(inside: string): string {
    const found = /^([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])(.*)$/s.exec(inside);
    if (found === null) throw new ExpansionError(`"\${${inside}}" names no variable`);
    const [, name = "", operation = ""] = found;
    const value = this.#lookup(name);
    if (operation === "") return value ?? "";
    const [modifier = ""] = /^:?[-+?]/.exec(operation) ?? [];
    const word = (text: string): string =>
      new Expander(text, this.#lookup, this.#escape, { depth: this.#depth + 1 }).run();
    const operand = operation.slice(modifier.length);
    const isSet = modifier.startsWith(":")
      ? value !== undefined && value !== ""
      : value !== undefined;
    switch (modifier) {
      case ":-":
      case "-":
        return isSet ? (value as string) : word(operand);
      case ":+":
      case "+":
        return isSet ? word(operand) : "";
      case ":?":
      case "?": {
        if (isSet) return value as string;
        const why = word(operand);
        throw new ExpansionError(`${name}: ${why === "" ? "is not set" : why}`);
      }
      default:
        throw new ExpansionError(`"\${${inside}}" has a modifier that kmips does not expand`);
    }
  }
}

/** The words of a text between white space, quotes holding words together; they keep their quotes. */
export function quotedWords(text: string, escape: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let index = 0; index < text.length; index++) {
    const char = text[index] as string;
    if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word ??= "";
    if (char === escape && quote !== "'" && index + 1 < text.length) {
      word += char + (text[++index] as string);
      continue;
    }
    if (quote === char) quote = undefined;
    else if (quote === undefined && (char === '"' || char === "'")) quote = char;
    word += char;
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** The words of a text between white space. */
export function plainWords(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
