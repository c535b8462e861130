/**
 * Checks regular expressions of recipes before anything matches with them.
 *
 * JavaScript's engine backtracks: what can take exponential time (a repetition inside a repetition)
 * or depends on earlier text (a backreference) is refused.
 */

/** Why a pattern is refused; undefined when it is fine. */
export function patternFault(
  pattern: string,
): { readonly type: "invalid" | "exponential"; readonly message: string } | undefined {
  try {
    new RegExp(pattern, "m");
  } catch (error) {
    // The engine's text repeats the pattern: only what follows it is news.
    const message = (error as Error).message.split(": ").at(-1) ?? "syntax error";
    return { type: "invalid", message: message.charAt(0).toLowerCase() + message.slice(1) };
  }
  return nestedRepetition(pattern);
}

function nestedRepetition(
  pattern: string,
): { readonly type: "exponential"; readonly message: string } | undefined {
  // For every open group: whether something in it repeats without bound.
  const groups: boolean[] = [];
  let repeats = false;
  let closedRepeats = false;
  for (let index = 0; index < pattern.length; index++) {
    const char = pattern[index] as string;
    let justClosed = false;
    if (char === "\\") {
      const next = pattern[++index] ?? "";
      if (/[1-9k]/.test(next))
        return { type: "exponential", message: "it refers back to an earlier group" };
    } else if (char === "[") index = endOfClass(pattern, index);
    else if (char === "(") {
      groups.push(repeats);
      repeats = false;
      // Skip the mark of a special group, whose `?` is no quantifier.
      if (pattern[index + 1] === "?")
        index +=
          pattern[index + 2] === "<" && !/[=!]/.test(pattern[index + 3] ?? "")
            ? pattern.indexOf(">", index) - index
            : 2;
    } else if (char === ")") {
      closedRepeats = repeats;
      repeats = (groups.pop() ?? false) || repeats;
      justClosed = true;
    } else if (isUnbounded(pattern, index)) {
      repeats = true;
    }
    if (justClosed && closedRepeats && isUnbounded(pattern, index + 1)) {
      return { type: "exponential", message: "it repeats a group that repeats" };
    }
  }
  return undefined;
}

function endOfClass(pattern: string, start: number): number {
  for (let index = start + 1; index < pattern.length; index++) {
    if (pattern[index] === "\\") index++;
    else if (pattern[index] === "]") return index;
  }
  return pattern.length;
}

function isUnbounded(pattern: string, index: number): boolean {
  const char = pattern[index];
  if (char === "*" || char === "+") return true;
  return char === "{" && /^\{\d+,(\d{3,})?\}/.test(pattern.slice(index, index + 16));
}
