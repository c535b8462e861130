/**
 * The JUnit files of ginkgo 1: read as far as kmips needs them, and several made one.
 *
 * ginkgo writes them with Go's encoding/xml: no comment, no CDATA, every `<` and `"` of a text is
 * escaped. A file that looks otherwise is none of ginkgo's, and refused.
 */

/** What became of a spec. */
export type CaseState = "passed" | "failed" | "skipped";

export interface JunitCase {
  readonly name: string;
  readonly state: CaseState;
  readonly seconds: number;
  /** The message of a failure. */
  readonly failure: string | undefined;
  /** The element as it stands in the file. */
  readonly xml: string;
}

export interface JunitSuite {
  readonly name: string;
  readonly cases: readonly JunitCase[];
}

const SUITE = /<testsuite ([^>]*)>/;
const CASE = /<testcase ([^>]*)>(.*?)<\/testcase>/gs;
const FAILURE = /^\s*<failure\b[^>]*>(.*?)<\/failure>/s;
const SKIPPED = /^\s*<skipped>/;
const ATTRIBUTE = /([\w-]+)="([^"]*)"/g;
const NAMED_ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
  "\t": "&#x9;",
  "\n": "&#xA;",
  "\r": "&#xD;",
};

/** Reads a file; undefined for something that ginkgo did not finish writing. */
export function parseJunit(text: string): JunitSuite | undefined {
  const suite = SUITE.exec(text);
  if (suite === null || !/<\/testsuite>\s*$/.test(text)) return undefined;
  const cases = [...text.matchAll(CASE)].map(([xml, attributes = "", inside = ""]) => {
    const { name = "", time = "0" } = attributesOf(attributes);
    const failure = FAILURE.exec(inside)?.[1];
    return {
      name,
      state: failure !== undefined ? "failed" : SKIPPED.test(inside) ? "skipped" : "passed",
      seconds: Number(time),
      failure: failure === undefined ? undefined : unescapeXml(failure),
      xml,
    } as const;
  });
  return { name: attributesOf(suite[1] ?? "")["name"] ?? "", cases };
}

/** A case of a spec that ended its process without a word of its own. */
export function failedCase(suite: string, name: string, seconds: number, why: string): JunitCase {
  const attributes = `name="${escapeXml(name)}" classname="${escapeXml(suite)}" time="${seconds}"`;
  return {
    name,
    state: "failed",
    seconds,
    failure: why,
    xml: `<testcase ${attributes}>\n          <failure type="Failure">${escapeXml(why)}</failure>\n      </testcase>`,
  };
}

/**
 * One file of the cases that ran, and of every other spec of the suite as skipped: what ginkgo would
 * have written had all run in one process.
 */
export function composeJunit(
  suite: string,
  ran: readonly JunitCase[],
  otherNames: readonly string[],
): string {
  const seconds = ran.reduce((sum, one) => sum + one.seconds, 0);
  const failures = ran.filter(({ state }) => state === "failed").length;
  const head = `<testsuite name="${escapeXml(suite)}" tests="${ran.length}" failures="${failures}" errors="0" time="${formatSeconds(seconds)}">`;
  const skipped = otherNames.map(
    (name) =>
      `<testcase name="${escapeXml(name)}" classname="${escapeXml(suite)}" time="0">\n          <skipped></skipped>\n      </testcase>`,
  );
  const lines = [...ran.map(({ xml }) => xml), ...skipped].map((xml) => `      ${xml}\n`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n  ${head}\n${lines.join("")}  </testsuite>\n`;
}

/** Seconds to the thousandth, as ginkgo writes them. */
export function formatSeconds(seconds: number): string {
  return String(Math.trunc(seconds * 1000) / 1000);
}

function attributesOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(ATTRIBUTE)];
  return Object.fromEntries(pairs.map(([, name = "", value = ""]) => [name, unescapeXml(value)]));
}

function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (whole, decimal, hex, named) => {
    if (typeof decimal === "string") return character(parseInt(decimal, 10));
    if (typeof hex === "string") return character(parseInt(hex, 16));
    return NAMED_ENTITIES[String(named)] ?? whole;
  });
}

function character(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
}

/** As Go's encoding/xml escapes; characters that XML cannot hold become U+FFFD. */
function escapeXml(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>"'\t\n\r]/g, (special) => ESCAPES[special] ?? special);
}
