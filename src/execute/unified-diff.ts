/**
 * Reads unified diffs as far as needed to check them and to explain why one does not apply. Pure;
 * applying is GNU patch's work.
 */

export interface FileDiff {
  /** Paths without the leading component (`a/`, `b/`); undefined for /dev/null. */
  readonly oldPath: string | undefined;
  readonly newPath: string | undefined;
  readonly hunks: readonly Hunk[];
}

export interface Hunk {
  /** 1-based line in the old file. */
  readonly oldStart: number;
  /** The `@@` line and all that follows it. */
  readonly text: string;
  /** The lines the old file must have: context and removed ones. */
  readonly oldLines: readonly string[];
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/** The files of a diff, in order. Text around them (mail headers, `index` lines) is skipped. */
export function parseUnifiedDiff(text: string): FileDiff[] {
  const lines = text.split("\n");
  const files: { oldPath: string | undefined; newPath: string | undefined; hunks: Hunk[] }[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const next = lines[at + 1] ?? "";
    if (line.startsWith("--- ") && next.startsWith("+++ ")) {
      files.push({ oldPath: strip(line), newPath: strip(next), hunks: [] });
      at++;
      continue;
    }
    const header = HUNK.exec(line);
    const file = files.at(-1);
    if (header === null || file === undefined) continue;
    let oldLeft = Number(header[2] ?? 1);
    let newLeft = Number(header[4] ?? 1);
    const body = [line];
    const oldLines: string[] = [];
    while ((oldLeft > 0 || newLeft > 0) && at + 1 < lines.length) {
      const part = lines[++at] ?? "";
      body.push(part);
      if (part.startsWith("+")) newLeft--;
      else if (part.startsWith("\\")) continue;
      else {
        oldLines.push(part.slice(1));
        oldLeft--;
        if (!part.startsWith("-")) newLeft--;
      }
    }
    file.hunks.push({ oldStart: Number(header[1]), text: body.join("\n"), oldLines });
  }
  return files;
}

/**
 * Names in a diff that lead out of the tree: absolute, or with `..`, after the first component is
 * gone. Renames and the `diff --git` line count too: GNU patch follows them.
 */
export function escapingPaths(text: string): string[] {
  const names: string[] = [];
  for (const line of text.split("\n")) {
    const name = /^(?:--- |\+\+\+ )([^\t]*)/.exec(line)?.[1];
    if (name !== undefined) names.push(name);
    const moved = /^(?:rename|copy) (?:from|to) (.*)/.exec(line)?.[1];
    if (moved !== undefined) names.push(`./${moved}`);
  }
  return names
    .map((name) => name.trim())
    .filter(
      (name) =>
        name !== "/dev/null" &&
        (name.startsWith("/") || /^\.\/\//.test(name) || name.split("/").includes("..")),
    );
}

/** The path of a `---` or `+++` line without its first component. */
function strip(line: string): string | undefined {
  const name = (line.slice(4).split("\t")[0] ?? "").trim();
  if (name === "/dev/null") return undefined;
  return name.replace(/^[^/]*\/+/, "");
}
