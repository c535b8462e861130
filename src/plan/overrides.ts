/**
 * `--set NAME=VALUE` and `--target P[,P…]`, as the start-up program and the full one read them.
 * No dependencies: the start-up program must stay small.
 */
import type { Overrides } from "../model/overrides.js";

/** The overrides of repeated options, a later one winning; undefined when one has another form. */
export function readOverrides(
  sets: readonly string[],
  targets: readonly string[],
): Overrides | undefined {
  const options = new Map<string, string>();
  for (const text of sets) {
    const equals = text.indexOf("=");
    if (equals < 1) return undefined;
    options.set(text.slice(0, equals).trim(), text.slice(equals + 1).trim());
  }
  const names = targets.flatMap((text) => text.split(",")).map((name) => name.trim());
  if (names.includes("")) return undefined;
  return { options, targets: [...new Set(names)] };
}

/** The overrides as text in which equal ones are equal; empty when there are none. */
export function overridesText({ options, targets }: Overrides): string {
  if (options.size === 0 && targets.length === 0) return "";
  const sorted = [...options].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([sorted, [...targets].sort()]);
}
