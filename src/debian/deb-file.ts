/** The file names under which apt keeps packages: `NAME_VERSION_ARCH.deb`. */

/** What a package file's name says. */
export interface DebFile {
  readonly name: string;
  /** With its epoch: `1:9.18.41-1`. */
  readonly version: string;
  readonly architecture: string;
}

/**
 * Reads a file name as apt writes it, where `%3a` stands for a colon (apt-pkg's `QuoteString`);
 * undefined when it is none.
 */
export function parseDebFileName(fileName: string): DebFile | undefined {
  const [, name, version, architecture] = /^([^_/]+)_([^_/]+)_([^_/]+)\.deb$/.exec(fileName) ?? [];
  if (name === undefined || version === undefined || architecture === undefined) return undefined;
  return { name, version: version.replace(/%3a/gi, ":"), architecture };
}
