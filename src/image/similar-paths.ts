/** Paths that someone who named another one may have meant. */
import { nearest } from "../../grammar/index.js";

/** Up to three of `paths` whose last component is that of `path`, or like it. */
export function similarPaths(paths: Iterable<string>, path: string): string[] {
  const name = path.replace(/\/+$/, "").split("/").at(-1)!;
  const byName = new Map<string, string[]>();
  for (const candidate of paths) {
    const last = candidate.slice(candidate.lastIndexOf("/") + 1);
    const known = byName.get(last);
    if (known === undefined) byName.set(last, [candidate]);
    else if (known.length < 3) known.push(candidate);
  }
  const same = byName.get(name);
  if (same !== undefined) return same;
  return nearest(name, [...byName.keys()]).flatMap((last) => byName.get(last)?.[0] ?? []);
}
