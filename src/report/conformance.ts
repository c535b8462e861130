/** What `kmips up`, `kmips down` and `kmips conformance` say, as text. */
import { formatMs } from "./duration.js";
import { printable, type Paint } from "./paint.js";

/** Name and value, one a line, the values below each other. */
export function renderFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}\n`).join("");
}

/** What a spec has come to; absent: it has not ended. */
export interface SpecLine {
  readonly name: string;
  readonly result:
    | {
        readonly state: "passed" | "failed" | "skipped";
        readonly seconds: number;
        readonly failure?: string | undefined;
      }
    | undefined;
}

/** `passed  12.3s  [sig-…] name`. */
export function renderSpec({ name, result }: SpecLine, paint: Paint): string {
  if (result === undefined) return `not run           ${printable(name)}\n`;
  const word = result.state.padEnd(7);
  const color = result.state === "passed" ? paint.green(word) : paint.red(word);
  const time = formatMs(result.seconds * 1000).padStart(7);
  return `${color}  ${time}  ${printable(name)}\n`;
}

/** Counts first, then what did not pass and why. */
export function renderSpecSummary(rows: readonly SpecLine[], paint: Paint): string {
  const count = (state: string): number =>
    rows.filter(({ result }) => result?.state === state).length;
  const notRun = rows.filter(({ result }) => result === undefined).length;
  const parts = [`${count("passed")} of ${rows.length} specs passed`];
  for (const state of ["failed", "skipped"])
    if (count(state) > 0) parts.push(`${count(state)} ${state}`);
  if (notRun > 0) parts.push(`${notRun} not run`);
  const lines = [`${parts.join(", ")}\n`];
  for (const row of rows) {
    if (row.result === undefined || row.result.state === "passed") continue;
    lines.push(renderSpec(row, paint));
    const why = (row.result.failure ?? "").trim().split("\n").slice(0, 8);
    for (const line of why) if (line !== "") lines.push(`    ${printable(line)}\n`);
  }
  return lines.join("");
}
