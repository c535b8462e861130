/** Labels of images about what is in them, and how they relate to those they stand for. */

/** The version that the original port had, where it is another one. */
export const WANTED_LABEL = "io.kmips.wanted";
/** Which of several recipes of one image it is: `near` or `upstream`. */
export const VARIANT_LABEL = "io.kmips.variant";

/** The labels of a base that hold of what stands on it too. */
export function inheritedLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  const own = [WANTED_LABEL, VARIANT_LABEL];
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !own.includes(name)));
}
/** What was asked for of a distribution, in an image and those below, as dpkg names it: `NAME=VERSION …`. */
export const PACKAGES_LABEL = "io.kmips.packages";
