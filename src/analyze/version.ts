/**
 * The order of versions by Semantic Versioning 2.0.0, section 11.
 *
 * Missing parts count as zero (`v1.13` is `v1.13.0`); build metadata (`+incompatible`) has no rank.
 */

interface ParsedVersion {
  readonly core: readonly number[];
  readonly pre: readonly string[];
}

function parse(text: string): ParsedVersion {
  const bare = text.replace(/^v/, "").split("+", 1)[0] ?? "";
  const dash = bare.indexOf("-");
  const core = dash < 0 ? bare : bare.slice(0, dash);
  return {
    core: core.split(".").map((part) => Number.parseInt(part, 10) || 0),
    pre: dash < 0 ? [] : bare.slice(dash + 1).split("."),
  };
}

function comparePart(a: string, b: string): number {
  const aNumber = /^\d+$/.test(a);
  const bNumber = /^\d+$/.test(b);
  if (aNumber && bNumber) {
    // Time stamps of pseudo-versions exceed 2^53 nowhere, but digits are compared as text anyway.
    const left = a.replace(/^0+(?=\d)/, "");
    const right = b.replace(/^0+(?=\d)/, "");
    if (left.length !== right.length) return left.length - right.length;
    return left === right ? 0 : left < right ? -1 : 1;
  }
  if (aNumber !== bNumber) return aNumber ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}

/** The numbers of a version, `v1.16.2` as 1, 16, 2; missing ones are left out. */
export function versionNumbers(version: string): readonly number[] {
  return parse(version).core;
}

/** Negative, zero or positive as `a` comes before, with or after `b`. */
export function compareVersions(a: string, b: string): number {
  const left = parse(a);
  const right = parse(b);
  for (let index = 0; index < Math.max(left.core.length, right.core.length); index++) {
    const difference = (left.core[index] ?? 0) - (right.core[index] ?? 0);
    if (difference !== 0) return difference;
  }
  // A pre-release comes before its release.
  if (left.pre.length === 0 || right.pre.length === 0) return right.pre.length - left.pre.length;
  for (let index = 0; index < Math.max(left.pre.length, right.pre.length); index++) {
    const a = left.pre[index];
    const b = right.pre[index];
    if (a === undefined) return -1;
    if (b === undefined) return 1;
    const order = comparePart(a, b);
    if (order !== 0) return order;
  }
  return 0;
}
