/**
 * "Did you mean": the names nearest to a name that does not exist.
 */

const MOST = 3;

/**
 * At most three of `candidates`, the nearest first, equal distances in code-unit order. A candidate
 * counts when it is at most a third of the longer name away (one edit for short names).
 */
export function nearest(name: string, candidates: Iterable<string>): string[] {
  const found: { readonly candidate: string; readonly distance: number }[] = [];
  for (const candidate of new Set(candidates)) {
    const limit = Math.max(1, Math.floor(Math.max(name.length, candidate.length) / 3));
    if (Math.abs(name.length - candidate.length) > limit) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && candidate !== name) found.push({ candidate, distance });
  }
  found.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1));
  return found.slice(0, MOST).map(({ candidate }) => candidate);
}

/** Damerau-Levenshtein distance: insertions, deletions, replacements, swaps of neighbors. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let row = 1; row <= a.length; row += 1) {
    const own = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let best = Math.min(
        (last[column] as number) + 1,
        (own[column - 1] as number) + 1,
        (last[column - 1] as number) + (same ? 0 : 1),
      );
      const swapped =
        row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) best = Math.min(best, (beforeLast[column - 2] as number) + 1);
      own.push(best);
    }
    beforeLast = last;
    last = own;
  }
  return last[b.length] as number;
}
