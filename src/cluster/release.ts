/** Releases of Kubernetes, and which of several tags is nearest to what one wants. */

/** A version of Kubernetes, as far as exports look at it. */
export interface Release {
  /** `v1.16.2`. */
  readonly version: string;
  readonly minor: number;
}

/**
 * The release of a version such as `v1.16.2` or `v1.17.0-rc.1`; undefined for what is not one of
 * Kubernetes 1. Texts for tools hold it unquoted, so nothing else may stand in it.
 */
export function releaseOf(version: string): Release | undefined {
  const minor = /^v1\.([0-9]+)\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?$/.exec(version)?.[1];
  return minor === undefined ? undefined : { version, minor: Number(minor) };
}

/**
 * The tag nearest to the wanted one: itself, the same version in another revision (`3.3.15` for
 * `3.3.15-0`), the newest of the same minor version, the newest of all.
 */
export function nearestTag(
  tags: readonly string[],
  wanted: string | undefined,
): string | undefined {
  const newest = (list: readonly string[]): string | undefined => [...list].sort(compare).at(-1);
  if (wanted === undefined) return newest(tags);
  if (tags.includes(wanted)) return wanted;
  const same = (parts: number): string | undefined =>
    newest(
      tags.filter(
        (tag) => numbers(tag).slice(0, parts).join() === numbers(wanted).slice(0, parts).join(),
      ),
    );
  return same(3) ?? same(2) ?? newest(tags);
}

/** `v3.3.15-0` → 3, 3, 15. What is no number, as in `latest`, is older than any. */
function numbers(tag: string): number[] {
  const [version = ""] = tag.replace(/^v/, "").split("-");
  return version.split(".").map((part) => (/^[0-9]+$/.test(part) ? Number(part) : -1));
}

function compare(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}
