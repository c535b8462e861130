/**
 * Which of Debian's releases an architecture is part of.
 *
 * From the release notes: an architecture joins with one release and may leave after another.
 */
import { platformSpellings, type Arch, type Platform } from "../model/platform.js";

/** Releases by codename, oldest first; `sid` is no release but always the newest state. */
const RELEASES = [
  "jessie",
  "stretch",
  "buster",
  "bullseye",
  "bookworm",
  "trixie",
  "forky",
] as const;
const UNRELEASED = "sid";

type Release = (typeof RELEASES)[number];

/** First and last release of an architecture; without a last one it goes on. */
const SPANS: Readonly<
  Record<Arch, { readonly first: Release; readonly last?: Release } | undefined>
> = {
  // Little-endian 64-bit MIPS left with trixie; big-endian 64-bit MIPS was never released.
  mips64le: { first: "stretch", last: "bookworm" },
  mips64: undefined,
  riscv64: { first: "trixie" },
  loong64: { first: "forky" },
  arm64: { first: "jessie" },
  ppc64le: { first: "jessie" },
  s390x: { first: "jessie" },
  amd64: { first: "jessie" },
};

/** The pockets of a release that are suites of their own. */
const POCKET = /-(updates|security|backports|backports-sloppy|proposed-updates)$/;

/** The releases that have packages for a platform, oldest first; empty when Debian has none. */
export function suitesOf({ arch }: Platform): readonly string[] {
  const span = SPANS[arch];
  if (span === undefined) return [];
  const end = span.last === undefined ? undefined : RELEASES.indexOf(span.last) + 1;
  const released = RELEASES.slice(RELEASES.indexOf(span.first), end);
  return span.last === undefined ? [...released, UNRELEASED] : released;
}

/** Why a platform has no packages in a suite, and what to do; undefined when it may have some. */
export function suiteFault(
  suite: string,
  platform: Platform,
): { readonly message: string; readonly help: string } | undefined {
  const release = suite.replace(POCKET, "");
  const { debian } = platformSpellings(platform);
  const span = SPANS[platform.arch];
  const known: readonly string[] = RELEASES;
  const choice = suitesOf(platform);
  if (span === undefined)
    return {
      message: `Debian has no release for ${debian}`,
      help: "choose another target",
    };
  if (choice.includes(release)) return undefined;
  if (release !== UNRELEASED && !known.includes(release))
    return {
      message: `"${suite}" is not the codename of a Debian release`,
      help: `write one of ${choice.join(", ")}; for another archive name its keyring`,
    };
  const isEarlier = release !== UNRELEASED && known.indexOf(release) < known.indexOf(span.first);
  return {
    message: `Debian's "${suite}" has no packages for ${debian}`,
    help: isEarlier
      ? `the first suite with ${debian} is ${span.first}`
      : `the last suite with ${debian} is ${span.last ?? UNRELEASED}`,
  };
}

/** The suites that a base of a release draws from when it names none. */
export function defaultSuites(suite: string): readonly string[] {
  return suite === UNRELEASED || POCKET.test(suite) ? [suite] : [suite, `${suite}-updates`];
}
