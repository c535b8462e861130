/** The difference between two sets of Debian packages, in the words of a person who updates them. */
import { parseDebFileName } from "../debian/deb-file.js";

/** What a line starts with that is no package, but a name that was asked for. */
const ASKED = "asked ";

/** The line of a name that was asked for, in a list of packages. */
export function askedLine(name: string): string {
  return `${ASKED}${name}`;
}

/**
 * Compares lists of `NAME_VERSION_ARCH.deb DIGEST`. Changed packages come first
 * (`curl 7.88.1-10 -> 7.88.1-11`), then added (`+curl 7.88.1-10`), then removed ones (`-curl …`).
 * With none of these, the names that were asked for: `+asked curl`, `-asked curl`.
 */
export function packageChanges(before: readonly string[], after: readonly string[]): string[] {
  const [debsBefore, askedBefore] = partition(before);
  const [debs, asked] = partition(after);
  const changes = debChanges(debsBefore, debs);
  if (changes.length > 0) return changes;
  return [
    ...asked.filter((line) => !askedBefore.includes(line)).map((line) => `+${line}`),
    ...askedBefore.filter((line) => !asked.includes(line)).map((line) => `-${line}`),
  ];
}

/** How many packages a list has. */
export function countPackages(lines: readonly string[]): number {
  return partition(lines)[0].length;
}

function partition(lines: readonly string[]): [debs: string[], asked: string[]] {
  const isAsked = (line: string): boolean => line.startsWith(ASKED);
  return [lines.filter((line) => !isAsked(line)), lines.filter(isAsked)];
}

function debChanges(before: readonly string[], after: readonly string[]): string[] {
  const old = byName(before);
  const fresh = byName(after);
  const changed: string[] = [];
  const added: string[] = [];
  for (const [name, { version, digest }] of fresh) {
    const earlier = old.get(name);
    if (earlier === undefined) added.push(`+${name} ${version}`);
    else if (earlier.version !== version) changed.push(`${name} ${earlier.version} -> ${version}`);
    else if (earlier.digest !== digest) changed.push(`${name} ${version} with other bytes`);
  }
  const removed = [...old]
    .filter(([name]) => !fresh.has(name))
    .map(([name, { version }]) => `-${name} ${version}`);
  return [...changed, ...added, ...removed];
}

/** Package → version and digest, sorted by name. */
function byName(lines: readonly string[]): Map<string, { version: string; digest: string }> {
  const rows = lines.map((line): [string, { version: string; digest: string }] => {
    const [file = "", digest = ""] = line.split(" ");
    const deb = parseDebFileName(file);
    return [deb?.name ?? file, { version: deb?.version ?? "", digest }];
  });
  return new Map(rows.sort(([a], [b]) => (a < b ? -1 : 1)));
}
