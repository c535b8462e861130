/**
 * Patterns of paths as Docker takes them: Go's `path.Match`, and `**` for any number of
 * directories. Reference: Dockerfile reference, "COPY" and ".dockerignore file".
 */

/** Whether a source of COPY is a pattern. */
export function isPathPattern(text: string): boolean {
  return /[*?[\\]/.test(text);
}

/** The regular expression of a pattern over whole relative paths. */
export function pathPattern(pattern: string): RegExp {
  let source = "";
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string;
    if (pattern.startsWith("**", at)) {
      at++;
      while (pattern[at + 1] === "*") at++;
      if (pattern[at + 1] === "/") {
        at++;
        source += "(?:.*/)?";
      } else source += ".*";
    } else if (char === "*") source += "[^/]*";
    else if (char === "?") source += "[^/]";
    else if (char === "[") {
      const end = pattern.indexOf("]", at + 2);
      const inside = end === -1 ? "" : pattern.slice(at + 1, end);
      if (end === -1 || !/^\^?(?:[^\\\]^-](?:-[^\\\]^-])?)+$/.test(inside)) source += "\\[";
      else {
        source += `[${inside}]`;
        at = end;
      }
    } else if (char === "\\" && at + 1 < pattern.length) source += quoted(pattern[++at] as string);
    else source += quoted(char);
  }
  try {
    return new RegExp(`^${source}$`, "su");
  } catch {
    // A range such as [z-a] matches nothing.
    return /^(?!)/;
  }
}

function quoted(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
}

/** Whether a relative path is left out of a build context, by the text of its .dockerignore. */
export function ignoreRules(text: string): (path: string) => boolean {
  const rules = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const isException = line.startsWith("!");
      const pattern = (isException ? line.slice(1).trim() : line).replace(/^\.?\/+|\/+$/g, "");
      return { isException, pattern: pathPattern(pattern) };
    });
  if (rules.length === 0) return () => false;
  return (path) => {
    const parts = path.split("/");
    const upward = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
    let isIgnored = false;
    for (const { isException, pattern } of rules)
      if (upward.some((part) => pattern.test(part))) isIgnored = !isException;
    return isIgnored;
  };
}
