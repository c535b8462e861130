/** What `kmips port` found, as text: a section for each topic, what is open first. */
import type { Location } from "../../grammar/index.js";
import { placeOf } from "./diagnostics.js";
import { printable, type Paint } from "./paint.js";

/** One finding; the commands' own type has the meaning of the states. */
export interface FindingText {
  readonly topic: string;
  readonly state: "ok" | "look" | "missing" | "unknown";
  readonly what: string;
  readonly detail: string;
  readonly help?: string;
  readonly at?: Location;
}

/** The findings by topic, in the order they come; those that need nothing on one line each. */
export function renderFindings(findings: readonly FindingText[], paint: Paint): string {
  const marks = {
    ok: paint.green("ok      "),
    look: paint.yellow("look    "),
    missing: paint.red("missing "),
    unknown: paint.dim("unknown "),
  };
  const lines: string[] = [];
  for (const topic of new Set(findings.map((finding) => finding.topic))) {
    lines.push(paint.bold(topic));
    for (const { state, what, detail, help, at } of findings.filter((f) => f.topic === topic)) {
      lines.push(`  ${marks[state]}${printable(what)}: ${printable(detail)}`);
      if (state === "ok") continue;
      if (at !== undefined) lines.push(`          ${paint.cyan(placeOf(at))}`);
      if (help !== undefined) lines.push(`          ${paint.green("help:")} ${printable(help)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** How many findings are in each state, e.g. `2 missing, 3 to look at, 6 unknown, 20 ok`. */
export function countFindings(findings: readonly FindingText[]): string {
  const words = [
    ["missing", "missing"],
    ["look", "to look at"],
    ["unknown", "unknown"],
    ["ok", "ok"],
  ] as const;
  return words
    .map(([state, word]) => [findings.filter((f) => f.state === state).length, word] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(", ");
}
