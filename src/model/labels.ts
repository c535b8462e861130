/** Labels that recipes give images about how these relate to the ones they stand for. */

/** The version that the original port had, where it is another one. */
export const WANTED_LABEL = "io.kmips.wanted";
/** Which of several recipes of one image it is: `near` or `upstream`. */
export const VARIANT_LABEL = "io.kmips.variant";

/** The labels of a base that hold of what stands on it too. */
export function inheritedLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  const own = [WANTED_LABEL, VARIANT_LABEL];
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !own.includes(name)));
}
