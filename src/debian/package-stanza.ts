/**
 * The paragraphs of a Packages file: one binary package each, with where its `.deb` lies and the
 * digest of that.
 */
import { parseParagraph, splitParagraphs } from "./control.js";

/** What names one binary package: `libc6 2.36-9+deb12u14 mips64el`. */
export interface PackageId {
  readonly name: string;
  /** With its epoch, when it has one: `1:2.0-3`. */
  readonly version: string;
  /** Debian's word; `all` for packages that fit every architecture. */
  readonly architecture: string;
}

export interface PackageStanza extends PackageId {
  /** Relative to the archive's root: `pool/main/g/glibc/libc6_2.36-9+deb12u14_mips64el.deb`. */
  readonly path: string;
  /** 64 hex digits, of the `.deb`. */
  readonly sha256: string;
  /** Bytes of the `.deb`. */
  readonly size: number;
  /** The paragraph as it stands in Packages, without a line break at its end. */
  readonly text: string;
}

/** `NAME VERSION ARCH`: how kmips.lock names a package. */
export function packageLabel({ name, version, architecture }: PackageId): string {
  return `${name} ${version} ${architecture}`;
}

/** `NAME_VERSION_ARCH.deb` as apt names a fetched file: the colon of an epoch is `%3a`. */
export function debFileName({ name, version, architecture }: PackageId): string {
  return `${name}_${version.replaceAll(":", "%3a")}_${architecture}.deb`;
}

/** The package that a name of `debFileName` stands for; undefined for other names. */
export function parseDebFileName(file: string): PackageId | undefined {
  const match = /^([^_/]+)_([^_/]+)_([^_/]+)\.deb$/.exec(file);
  if (match === null) return undefined;
  const [, name = "", version = "", architecture = ""] = match;
  return { name, version: version.replaceAll("%3a", ":"), architecture };
}

/** One paragraph of Packages; undefined when it lacks what a package must say. */
export function parseStanza(text: string): PackageStanza | undefined {
  const fields = parseParagraph(text);
  const name = fields.get("package");
  const version = fields.get("version");
  const architecture = fields.get("architecture");
  const path = fields.get("filename");
  const sha256 = fields.get("sha256");
  const size = Number(fields.get("size"));
  if (name === undefined || version === undefined || architecture === undefined) return undefined;
  if (path === undefined || sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256))
    return undefined;
  if (!Number.isSafeInteger(size)) return undefined;
  return { name, version, architecture, path, sha256, size, text };
}

/** Every package of a Packages file or of a `stanzas` output, in its order. */
export function parseStanzas(text: string): PackageStanza[] {
  return [...splitParagraphs(text)].flatMap((paragraph) => parseStanza(paragraph) ?? []);
}

/**
 * The paragraphs of `wanted` packages in a Packages file, by their labels; of several paragraphs
 * for one package the first counts, as for apt.
 */
export function findStanzas(
  packages: string,
  wanted: readonly PackageId[],
): Map<string, PackageStanza> {
  const names = new Set(wanted.map(({ name }) => name));
  const labels = new Set(wanted.map(packageLabel));
  const found = new Map<string, PackageStanza>();
  for (const paragraph of splitParagraphs(packages)) {
    // Parsing all of some 60 000 paragraphs takes seconds; their first line is the name.
    const line = /^Package: (\S+)/.exec(paragraph)?.[1];
    if (line !== undefined && !names.has(line)) continue;
    const stanza = parseStanza(paragraph);
    if (stanza === undefined) continue;
    const label = packageLabel(stanza);
    if (labels.has(label) && !found.has(label)) found.set(label, stanza);
  }
  return found;
}
