/**
 * The paragraphs of a Packages file: one binary package each, with where its `.deb` lies and the
 * digest of that.
 */
import { parseParagraph, splitParagraphs } from "./control.js";
import { packageLabel, type PackageId } from "./deb-file.js";

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
