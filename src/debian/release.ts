/** An archive's InRelease file: what a suite holds, signed in the clear (OpenPGP, RFC 9580 section 7). */
import { parseParagraph, splitParagraphs, wordsOf } from "./control.js";

export interface Release {
  readonly architectures: readonly string[];
  /** Without the directory that security archives put before them: `main`, not `updates/main`. */
  readonly components: readonly string[];
  /** SHA-256 (64 hex digits) of the suite's files, by path: `main/binary-mips64el/Packages.xz`. */
  readonly files: ReadonlyMap<string, string>;
}

/** Reads InRelease or Release. The signature is the affair of apt and gpgv. */
export function parseRelease(text: string): Release {
  const fields = parseParagraph([...splitParagraphs(signedText(text))][0] ?? "");
  const files = new Map<string, string>();
  for (const line of (fields.get("sha256") ?? "").split("\n")) {
    const [sha256, , path] = line.trim().split(/\s+/);
    if (sha256 !== undefined && path !== undefined) files.set(path, sha256);
  }
  return {
    architectures: wordsOf(fields, "architectures"),
    components: wordsOf(fields, "components").map((name) => name.slice(name.indexOf("/") + 1)),
    files,
  };
}

/** What a clear-signed text says; other text is returned as it is. */
function signedText(text: string): string {
  if (!text.startsWith("-----BEGIN PGP SIGNED MESSAGE-----")) return text;
  const start = text.indexOf("\n\n") + 2;
  const end = text.indexOf("\n-----BEGIN PGP SIGNATURE-----", start);
  return text.slice(start, end === -1 ? undefined : end + 1).replace(/^- /gm, "");
}
