/** Paths that someone who named another one may have meant. */

/** Up to three of `paths` whose last component is that of `path`. */
export function similarPaths(paths: Iterable<string>, path: string): string[] {
  const name = path.replace(/\/+$/, "").split("/").at(-1)!;
  const found: string[] = [];
  for (const candidate of paths) {
    if (candidate === name || candidate.endsWith(`/${name}`)) found.push(candidate);
    if (found.length === 3) break;
  }
  return found;
}
