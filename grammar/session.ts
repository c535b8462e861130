/**
 * What the custom token matchers share while one file is lexed.
 *
 * Chevrotain calls matchers as plain functions, so the state of the running `tokenize` call is kept
 * here. Lexing is synchronous and never re-entered.
 */
import type { Diagnostic } from "./diagnostic.js";
import { LIMITS } from "./limits.js";
import { diagnose, type Extras } from "./messages.js";
import type { SourceFile } from "./source.js";

export class LexSession {
  readonly file: SourceFile;
  readonly faults: Diagnostic[] = [];
  /** Open interpolations, innermost last: each entry counts the braces open inside it. */
  readonly interpolations: number[] = [];
  /** The end of the line of the last fault. */
  #quietUntil = 0;
  /** Where lines stand that hold nothing but a word, by word: the possible ends of heredocs. */
  #loneWords: Map<string, number[]> | undefined;

  constructor(file: SourceFile) {
    this.file = file;
  }

  /** Notes a fault. Later faults of the same line, and those beyond the limit, say nothing new. */
  fault(code: string, start: number, end: number, message: string, extras?: Extras): void {
    if (this.faults.length > LIMITS.diagnostics) return;
    if (start < this.#quietUntil) return;
    const newline = this.file.text.indexOf("\n", start);
    this.#quietUntil = newline === -1 ? Infinity : newline;
    this.faults.push(diagnose(this.file, code, start, end, message, extras));
  }

  /** The first line after `from` that holds only `word`: its offset, or undefined. */
  loneWordAfter(word: string, from: number): number | undefined {
    if (this.#loneWords === undefined) {
      this.#loneWords = new Map();
      for (const match of this.file.text.matchAll(/^[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*\r?$/gm)) {
        const offsets = this.#loneWords.get(match[1] as string) ?? [];
        offsets.push(match.index);
        this.#loneWords.set(match[1] as string, offsets);
      }
    }
    const offsets = this.#loneWords.get(word) ?? [];
    let low = 0;
    let high = offsets.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((offsets[middle] as number) < from) low = middle + 1;
      else high = middle;
    }
    return offsets[low];
  }
}

let current: LexSession | undefined;

/** The session of the running `tokenize` call. */
export function session(): LexSession {
  if (current === undefined) throw new Error("No file is being lexed");
  return current;
}

/** Runs `work` with a fresh session for `file` and returns the session. */
export function withSession(file: SourceFile, work: () => void): LexSession {
  const own = new LexSession(file);
  current = own;
  try {
    work();
  } finally {
    current = undefined;
  }
  return own;
}
