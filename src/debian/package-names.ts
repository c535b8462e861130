/**
 * The names of a Debian archive's packages, read from its Packages files.
 *
 * Knows what a name is and which ones exist; what installs is apt's decision.
 */
import { nearest } from "../../grammar/index.js";

/** The packages of an index, by name. */
export interface PackageNames {
  /** Whether a package of the name exists, or one provides it. */
  has(name: string): boolean;
  /** The versions that the index has of a package; empty for a name that is only provided. */
  versions(name: string): readonly string[];
  /** Names that someone who asked for `name` may have meant, best first. */
  near(name: string): readonly string[];
}

/** Debian policy 5.6.1: a package's name. */
export function isPackageName(text: string): boolean {
  return /^[a-z0-9][a-z0-9+.-]+$/.test(text);
}

/** Most names that `near` gives. */
const CANDIDATES = 5;
/** Of them, how many may be alike in spelling only. */
const CLOSE = 2;

/** `NAME VERSION…` of every package, then `NAME` of every provided one, a line each. */
export class PackageNameList implements PackageNames {
  readonly #versions: ReadonlyMap<string, readonly string[]>;

  constructor(versions: ReadonlyMap<string, readonly string[]>) {
    this.#versions = versions;
  }

  has(name: string): boolean {
    return this.#versions.has(name);
  }

  versions(name: string): readonly string[] {
    return this.#versions.get(name) ?? [];
  }

  near(name: string): readonly string[] {
    const names = [...this.#versions.keys()];
    const close = nearest(name, names).slice(0, CLOSE);
    // `bind-tools` is `bind9-dnsutils`, `curl-dev` is `libcurl4-openssl-dev`: the stem tells more
    // than the spelling of the whole.
    const related = names
      .map((candidate) => ({ candidate, score: likeness(name, candidate) }))
      .filter(({ candidate, score }) => score > 0 && !close.includes(candidate))
      .sort(
        (a, b) =>
          b.score - a.score ||
          a.candidate.length - b.candidate.length ||
          (a.candidate < b.candidate ? -1 : 1),
      )
      .map(({ candidate }) => candidate);
    return [...close, ...related].slice(0, CANDIDATES);
  }

  /** The form that `parseNameList` reads. */
  format(): string {
    const lines: string[] = [];
    for (const [name, versions] of this.#versions) lines.push([name, ...versions].join(" "));
    return `${lines.join("\n")}\n`;
  }
}

/** How many words of `wanted` stand in `candidate`, the first one counting most; 0 for none. */
function likeness(wanted: string, candidate: string): number {
  const words = wanted.split(/[-+._]|\d+/).filter((word) => word.length > 2);
  const [first] = words;
  if (first === undefined) return 0;
  let score = 0;
  for (const [index, word] of words.entries()) {
    if (!candidate.includes(word)) continue;
    const atWord = new RegExp(`(^|[^a-z])(lib)?${word}`).test(candidate);
    score += (index === 0 ? 4 : 1) + (candidate.startsWith(word) ? 2 : atWord ? 1 : 0);
  }
  return candidate.includes(first) || words.length > 1 ? score : 0;
}

/** The list that `PackageNameList.format` wrote. */
export function parseNameList(text: string): PackageNameList {
  const versions = new Map<string, readonly string[]>();
  for (const line of text.split("\n")) {
    const [name, ...rest] = line.split(" ");
    if (name !== undefined && name !== "") versions.set(name, rest);
  }
  return new PackageNameList(versions);
}

/**
 * The names in the texts of Packages files, which are tens of megabytes: only the lines that count
 * are looked at.
 */
export function readPackageNames(texts: Iterable<string>): PackageNameList {
  const versions = new Map<string, string[]>();
  const line = /^(Package|Version|Provides): (.*)$/gm;
  for (const text of texts) {
    let name = "";
    line.lastIndex = 0;
    for (let match = line.exec(text); match !== null; match = line.exec(text)) {
      const value = match[2] as string;
      if (match[1] === "Package") {
        name = value;
        if (!versions.has(name)) versions.set(name, []);
      } else if (match[1] === "Version") {
        const known = versions.get(name);
        if (known !== undefined && !known.includes(value)) known.push(value);
      } else {
        for (const provided of value.split(",")) {
          const virtual = provided.trim().split(/[ :(]/, 1)[0] as string;
          if (virtual !== "" && !versions.has(virtual)) versions.set(virtual, []);
        }
      }
    }
  }
  return new PackageNameList(versions);
}
