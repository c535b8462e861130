/** Names of binary packages, and the file names under which apt keeps them: `NAME_VERSION_ARCH.deb`. */

/** What names one binary package: `libc6 2.36-9+deb12u14 mips64el`. */
export interface PackageId {
  readonly name: string;
  /** With its epoch, when it has one: `1:9.18.41-1`. */
  readonly version: string;
  /** Debian's word; `all` for packages that fit every architecture. */
  readonly architecture: string;
}

/** `NAME VERSION ARCH`: how kmips.lock names a package. */
export function packageLabel({ name, version, architecture }: PackageId): string {
  return `${name} ${version} ${architecture}`;
}

/** The file name of a package as apt writes it: the colon of an epoch is `%3a` (apt-pkg's `QuoteString`). */
export function debFileName({ name, version, architecture }: PackageId): string {
  return `${name}_${version.replaceAll(":", "%3a")}_${architecture}.deb`;
}

/** The package that a file name of `debFileName` stands for; undefined when it is none. */
export function parseDebFileName(fileName: string): PackageId | undefined {
  const [, name, version, architecture] = /^([^_/]+)_([^_/]+)_([^_/]+)\.deb$/.exec(fileName) ?? [];
  if (name === undefined || version === undefined || architecture === undefined) return undefined;
  return { name, version: version.replace(/%3a/gi, ":"), architecture };
}
