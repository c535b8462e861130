/**
 * The difference between two texts, line by line, for showing what changed in an input.
 */

/** `+text` for an added line, `-text` for a removed one, in the order of the texts. */
export function diffLines(before: readonly string[], after: readonly string[]): string[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let endBefore = before.length;
  let endAfter = after.length;
  while (endBefore > start && endAfter > start && before[endBefore - 1] === after[endAfter - 1]) {
    endBefore--;
    endAfter--;
  }
  return diffMiddle(before.slice(start, endBefore), after.slice(start, endAfter));
}

/** Beyond this many cells the table of common subsequences costs more than the reader gains. */
const TABLE_LIMIT = 4_000_000;

function diffMiddle(before: readonly string[], after: readonly string[]): string[] {
  const rows = before.length + 1;
  const columns = after.length + 1;
  if (rows * columns > TABLE_LIMIT)
    return [...before.map((l) => `-${l}`), ...after.map((l) => `+${l}`)];
  const common = new Uint32Array(rows * columns);
  const at = (row: number, column: number): number => common[row * columns + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--) {
      common[row * columns + column] =
        before[row] === after[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: string[] = [];
  let row = 0;
  let column = 0;
  while (row < before.length || column < after.length) {
    if (row < before.length && column < after.length && before[row] === after[column]) {
      row++;
      column++;
    } else if (
      column >= after.length ||
      (row < before.length && at(row + 1, column) >= at(row, column + 1))
    ) {
      lines.push(`-${before[row++] ?? ""}`);
    } else lines.push(`+${after[column++] ?? ""}`);
  }
  return lines;
}
