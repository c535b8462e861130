/**
 * Takes the shell text of a RUN apart into the commands of its top-level list, conservatively: what
 * is not certain to be a list of commands joined by `&&`, `;` or line ends is not split at all.
 * Grammar: POSIX.1-2017, XCU 2 "Shell Command Language".
 */
import type { Lookup } from "./expand.js";

export interface ShellWord {
  /** As the command sees it: quotes gone, variables replaced. */
  readonly text: string;
  /** Whether the shell would look for files: `*`, `?` or `[` without quotes. */
  readonly isPattern: boolean;
}

export interface ShellCommand {
  /** As written, without white space around it. */
  readonly text: string;
  /** Its words; undefined when they depend on more than the text: pipes, redirections, `$(…)`. */
  readonly words: readonly ShellWord[] | undefined;
  /** What joins it with the next; a line end is `;`. */
  readonly operator: "&&" | ";" | "";
}

/** Words that begin or end a compound command where a command may begin. */
const RESERVED: ReadonlySet<string> = new Set(
  "! case coproc do done elif else esac fi for function if in select then time until while [[ { }".split(
    " ",
  ),
);

/** Thrown inside this file only: the text is no plain list. */
class NotAList extends Error {}

/**
 * The commands of a script, or undefined when it is not a plain list of them. `lookup` gives the
 * variables that are set before the script; those that it changes itself count as unknown.
 */
export function splitShell(text: string, lookup: Lookup): readonly ShellCommand[] | undefined {
  try {
    return new Splitter(text, lookup).run();
  } catch (error) {
    if (error instanceof NotAList) return undefined;
    throw error;
  }
}

/** One shell text of commands in a row. */
export function joinCommands(commands: readonly ShellCommand[]): string {
  return commands
    .map(({ text, operator }, index) => {
      if (index === commands.length - 1) return text;
      return operator === "&&" ? `${text} && ` : `${text}; `;
    })
    .join("");
}

/** The variables that a command changes; `"all"` when that cannot be known. */
function changedBy({ text, words }: Omit<ShellCommand, "operator">): readonly string[] | "all" {
  if (words === undefined) {
    const names = [...text.matchAll(/(?:^|\s)([A-Za-z_]\w*)=/g)].map(([, name = ""]) => name);
    return /^(\.|source|eval|read|getopts)(\s|$)/.test(text) ? "all" : names;
  }
  const [first, ...others] = words.map((word) => word.text);
  if ([".", "source", "eval"].includes(first ?? "")) return "all";
  if (["export", "readonly", "unset", "read", "local", "getopts"].includes(first ?? ""))
    return others.map((word) => word.replace(/=.*$/s, ""));
  return words
    .map((word) => /^([A-Za-z_]\w*)=/.exec(word.text)?.[1])
    .filter((name) => name !== undefined);
}

class Splitter {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #commands: ShellCommand[] = [];
  readonly #changed = new Set<string>();
  #changedAll = false;
  #at = 0;
  #start = 0;
  /** Of the command being read; undefined once they cannot be known. */
  #words: ShellWord[] | undefined = [];
  #word: { text: string; isPattern: boolean; quoted: boolean } | undefined;
  /** Whether the next word begins a command. */
  #first = true;

  constructor(text: string, lookup: Lookup) {
    this.#text = text;
    this.#lookup = lookup;
  }

  run(): readonly ShellCommand[] {
    while (this.#at < this.#text.length) this.#step(this.#text[this.#at] as string);
    this.#endCommand("");
    return this.#commands;
  }

  #peek(ahead: number): string {
    return this.#text[this.#at + ahead] ?? "";
  }

  #step(char: string): void {
    switch (char) {
      case " ":
      case "\t":
        this.#endWord();
        this.#at++;
        return;
      case "\n":
      case ";":
        if (char === ";" && this.#peek(1) === ";") throw new NotAList();
        this.#separate(";", 1);
        return;
      case "&":
        if (this.#peek(1) !== "&") throw new NotAList();
        this.#separate("&&", 2);
        return;
      case "|":
        if (this.#peek(1) === "|" || this.#peek(1) === "&") throw new NotAList();
        this.#endWord();
        this.#words = undefined;
        this.#first = true;
        this.#at++;
        return;
      case "<":
      case ">":
        this.#redirect();
        return;
      case "(":
        if (!this.#first || this.#word !== undefined) throw new NotAList();
        this.#words = undefined;
        this.#skipParentheses();
        this.#first = false;
        return;
      case ")":
      case "\r":
        throw new NotAList();
      case "#":
        // A comment ends with its line, and a joined RUN has but one.
        if (this.#word === undefined) throw new NotAList();
        this.#append(char);
        this.#at++;
        return;
      case "'":
        this.#single();
        return;
      case '"':
        this.#double();
        return;
      case "\\":
        if (this.#peek(1) === "") throw new NotAList();
        if (this.#peek(1) !== "\n") this.#append(this.#peek(1), true);
        this.#at += 2;
        return;
      case "`":
        this.#skipBackticks();
        this.#words = undefined;
        return;
      case "$":
        this.#variable(false);
        return;
      case "*":
      case "?":
      case "[":
        this.#append(char);
        if (this.#word !== undefined) this.#word.isPattern = true;
        this.#at++;
        return;
      case "~":
        if (this.#word === undefined) this.#words = undefined;
        this.#append(char);
        this.#at++;
        return;
      default:
        this.#append(char);
        this.#at++;
    }
  }

  #append(text: string, quoted = false): void {
    this.#word ??= { text: "", isPattern: false, quoted: false };
    this.#word.text += text;
    if (quoted) this.#word.quoted = true;
  }

  #endWord(): void {
    const word = this.#word;
    this.#word = undefined;
    if (word === undefined) return;
    if (this.#first && !word.quoted && RESERVED.has(word.text)) throw new NotAList();
    // Braces make several words in bash and one in other shells.
    if (!word.quoted && /\{.*\}/.test(word.text)) this.#words = undefined;
    if (!(this.#first && /^[A-Za-z_]\w*=/.test(word.text))) this.#first = false;
    this.#words?.push({ text: word.text, isPattern: word.isPattern });
  }

  #separate(operator: "&&" | ";", length: number): void {
    const end = this.#at;
    this.#endWord();
    if (this.#text.slice(this.#start, end).trim() === "") {
      // Empty lines and an operator at the end of a line are fine; `a && ; b` is not.
      if (this.#text[this.#at] !== "\n") throw new NotAList();
      this.#at += length;
      this.#start = this.#at;
      return;
    }
    this.#endCommand(operator);
    this.#at += length;
    this.#start = this.#at;
  }

  #endCommand(operator: ShellCommand["operator"]): void {
    this.#endWord();
    const text = this.#text.slice(this.#start, this.#at).trim();
    if (text === "") {
      const last = this.#commands.at(-1);
      if (last?.operator === "&&") throw new NotAList();
      return;
    }
    const command = { text, words: this.#words };
    const changed = changedBy(command);
    if (changed === "all") this.#changedAll = true;
    else for (const name of changed) this.#changed.add(name);
    this.#commands.push({ ...command, operator });
    this.#words = [];
    this.#first = true;
  }

  /** `>`, `>>`, `2>&1`, `<`: the words are not all there is, and a heredoc is another grammar. */
  #redirect(): void {
    if (this.#text.startsWith("<<", this.#at) || this.#text.startsWith("<(", this.#at))
      throw new NotAList();
    this.#endWord();
    this.#words = undefined;
    this.#at++;
    while ([">", "&", "|"].includes(this.#peek(0))) this.#at++;
    if (this.#peek(0) === "(") throw new NotAList();
  }

  #single(): void {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end === -1) throw new NotAList();
    this.#append(this.#text.slice(this.#at + 1, end), true);
    this.#at = end + 1;
  }

  #double(): void {
    this.#append("", true);
    for (this.#at++; this.#at < this.#text.length;) {
      const char = this.#text[this.#at] as string;
      if (char === '"') {
        this.#at++;
        return;
      }
      if (char === "$") this.#variable(true);
      else if (char === "`") {
        this.#skipBackticks();
        this.#words = undefined;
      } else if (char === "\\") {
        const next = this.#peek(1);
        if (next !== "\n") this.#append('$`"\\'.includes(next) ? next : char + next, true);
        this.#at += 2;
      } else {
        this.#append(char, true);
        this.#at++;
      }
    }
    throw new NotAList();
  }

  #variable(quoted: boolean): void {
    const rest = this.#text.slice(this.#at);
    if (rest.startsWith("$(")) {
      this.#at++;
      this.#skipParentheses();
      this.#append("", true);
      this.#words = undefined;
      return;
    }
    const plain = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/.exec(rest);
    if (plain === null) {
      this.#words = undefined;
      if (rest.startsWith("${")) {
        // Only what has no quotes and no braces of its own ends for certain at the next brace.
        const simple = /^\$\{[^{}"'`\\$]*\}/.exec(rest);
        if (simple === null) throw new NotAList();
        this.#append(simple[0], true);
        this.#at += simple[0].length;
      } else {
        if (rest.startsWith("$'")) throw new NotAList();
        this.#append("$", true);
        this.#at++;
      }
      return;
    }
    const name = plain[1] ?? plain[2] ?? "";
    this.#at += plain[0].length;
    const value = this.#changedAll || this.#changed.has(name) ? undefined : this.#lookup(name);
    if (value === undefined) {
      this.#words = undefined;
      this.#append(plain[0], true);
    } else if (quoted) this.#append(value, true);
    else this.#appendFields(value);
  }

  /** The value of a variable without quotes is split at white space, and may be a pattern. */
  #appendFields(value: string): void {
    for (const [index, field] of value.split(/[ \t\n]+/).entries()) {
      if (index > 0) this.#endWord();
      if (field === "") continue;
      this.#append(field, true);
      if (this.#word !== undefined && /[*?[]/.test(field)) this.#word.isPattern = true;
    }
  }

  #skipBackticks(): void {
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      if (this.#peek(0) === "\\") this.#at++;
      else if (this.#peek(0) === "`") {
        this.#at++;
        this.#append("", true);
        return;
      }
    }
    throw new NotAList();
  }

  /** From `(` to behind its `)`; quotes inside are skipped as wholes. */
  #skipParentheses(): void {
    let depth = 0;
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#peek(0);
      if (char === "\\") this.#at++;
      // Where quotes, comments and `case` patterns nest, this is no place to guess.
      else if (char === "`" || char === "#" || this.#text.startsWith("<<", this.#at))
        throw new NotAList();
      else if (char === "'" || char === '"') this.#skipQuotes(char);
      else if (char === "(") depth++;
      else if (char === ")" && --depth === 0) {
        this.#at++;
        return;
      } else if (/^case\s/.test(this.#text.slice(this.#at, this.#at + 5))) throw new NotAList();
    }
    throw new NotAList();
  }

  #skipQuotes(quote: string): void {
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      if (quote === '"' && this.#peek(0) === "\\") this.#at++;
      else if (quote === '"' && (this.#peek(0) === "$" || this.#peek(0) === "`")) {
        if (this.#peek(0) === "`" || this.#peek(1) === "(") throw new NotAList();
      } else if (this.#peek(0) === quote) return;
    }
    throw new NotAList();
  }
}
