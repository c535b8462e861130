/** The difference between two sets of Debian packages, in the words of a person who updates them. */
import { parseDebFileName } from "../debian/deb-file.js";

/**
 * Compares lists of `NAME_VERSION_ARCH.deb DIGEST`. Changed packages come first
 * (`curl 7.88.1-10 -> 7.88.1-11`), then added (`+curl 7.88.1-10`), then removed ones (`-curl …`).
 */
export function packageChanges(before: readonly string[], after: readonly string[]): string[] {
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
