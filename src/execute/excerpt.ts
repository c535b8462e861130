/**
 * The telling lines of a tool's output, for people.
 *
 * Knows how compilers, linkers, the go tool and crashing programs write what went wrong; when
 * nothing is recognized, the end of the output stands for it.
 */

const MAX_LINES = 20;
const MAX_LINE_LENGTH = 400;

/** Lines that name a place in a source and a fault: Go, gcc, linkers, the go tool. */
const FAULT_LINES: readonly RegExp[] = [
  /^[^\s:][^:\n]{0,300}:\d+:(?:\d+:)? (?!(?:warning|note)\b)/,
  /\b(?:fatal )?error: /,
  /^(?:go|go build|go list|bwrap|patch|tar|git|fatal|error|xz): (?!(?:downloading|finding|extracting) )/,
  /\bundefined reference to\b/,
  /^(?:link|ld): /,
  /: (?:cannot find|no such file|not found|permission denied)/i,
  /^qemu: uncaught target signal /,
  /build constraints exclude all Go files/,
];

/** Where a crash begins: what follows it explains it. */
const CRASH_LINE = /^(?:panic: |fatal error: |SIG[A-Z]+: |unexpected fault address|runtime: )/;

/**
 * At most 20 lines of `log` that explain a failure: from the first line of a crash on, else the
 * lines that name faults, else the last lines. Control characters are shown as `\xNN`.
 */
export function excerpt(log: string): string {
  const lines = cleanLines(log);
  const crash = lines.findIndex((line) => CRASH_LINE.test(line));
  if (crash !== -1) return lines.slice(crash, crash + MAX_LINES).join("\n");
  const faults: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (!FAULT_LINES.some((pattern) => pattern.test(line))) continue;
    const before = lines[index - 1];
    // The go tool names the package above its faults.
    if (before?.startsWith("# ") === true) faults.push(before);
    faults.push(line);
  }
  if (faults.length > 0) return limited(faults).join("\n");
  return lines.slice(-MAX_LINES).join("\n");
}

/** The last `count` lines of `log`, cleaned of control characters. */
export function lastLines(log: string, count: number): string {
  return cleanLines(log).slice(-count).join("\n");
}

function limited(lines: readonly string[]): readonly string[] {
  if (lines.length <= MAX_LINES) return lines;
  const rest = lines.length - (MAX_LINES - 1);
  return [...lines.slice(0, MAX_LINES - 1), `… and ${String(rest)} more`];
}

function cleanLines(log: string): string[] {
  const lines = log.split(/\r?\n/).map((line) =>
    line
      // Colors of the tools.
      .replace(/\u001b\[[0-9;]*[A-Za-z]/g, "")
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, escapeControl)
      .trimEnd()
      .slice(0, MAX_LINE_LENGTH),
  );
  while (lines.at(-1) === "") lines.pop();
  while (lines[0] === "") lines.shift();
  return lines;
}

function escapeControl(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
