/**
 * Reads literals with units: numbers, sizes, durations, modes, instants, versions, digests.
 *
 * The value is decided here, once; a literal that looks like one but is none still becomes a token,
 * so that its fault is the only one.
 */
import type { LiteralExpr } from "./ast.js";
import { session } from "./session.js";
import { match, type Match } from "./strings.js";

type LiteralValue = LiteralExpr["value"];

const SIZES: ReadonlyMap<string, number> = new Map([
  ["B", 1],
  ["kB", 1000],
  ["MB", 1000 ** 2],
  ["GB", 1000 ** 3],
  ["KiB", 1024],
  ["MiB", 1024 ** 2],
  ["GiB", 1024 ** 3],
]);

const DURATIONS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

const ZERO: LiteralValue = { unit: "int", value: 0 };

/** A number with or without a unit, a mode or an instant; payload: its value. */
export function matchNumber(text: string, offset: number): Match {
  const date = /\d{4}-\d{2}-\d{2}[0-9A-Za-z:.+-]*/y;
  date.lastIndex = offset;
  if (date.test(text))
    return match(text, offset, date.lastIndex, instant(text, offset, date.lastIndex));
  const run = /\d[0-9A-Za-z_]*(?:\.\d[0-9A-Za-z_]*)*/y;
  run.lastIndex = offset;
  run.test(text);
  return match(text, offset, run.lastIndex, number(text.slice(offset, run.lastIndex), offset));
}

/** `v1.6.5` with an optional pre-release and build part; payload: its value. */
export function matchVersion(text: string, offset: number): Match | null {
  let end = digits(text, offset + 1);
  if (end === offset + 1) return null;
  while (text[end] === ".") {
    const next = digits(text, end + 1);
    if (next === end + 1) break;
    end = next;
  }
  for (const mark of ["-", "+"]) if (text[end] === mark) end = tail(text, end);
  // `v1beta1` is a name.
  if (isWord(text.charCodeAt(end))) return null;
  const written = text.slice(offset, end);
  return match(text, offset, end, { unit: "version", text: written } satisfies LiteralValue);
}

/** `sha256:` and 64 hex digits; payload: its value. */
export function matchDigest(text: string, offset: number): Match | null {
  const form = /sha256:[0-9A-Za-z]+/y;
  form.lastIndex = offset;
  const written = form.exec(text)?.[0];
  if (written === undefined) return null;
  const hex = written.slice("sha256:".length);
  if (!/^[0-9a-f]{64}$/.test(hex)) {
    const what =
      hex.length === 64
        ? "a character that is no lower-case hex digit"
        : `${hex.length} characters`;
    session().fault("KM0120", offset, form.lastIndex, `The digest has ${what} after "sha256:"`, {
      help: "write 64 lower-case hex digits",
    });
  }
  return match(text, offset, form.lastIndex, {
    unit: "digest",
    text: written,
  } satisfies LiteralValue);
}

function number(written: string, offset: number): LiteralValue {
  const fault = (code: string, message: string, help?: string): LiteralValue => {
    session().fault(
      code,
      offset,
      offset + written.length,
      message,
      help === undefined ? {} : { help },
    );
    return ZERO;
  };
  if (/^0[xXbBoO]/.test(written)) {
    if (/^0o[0-7]{1,4}$/.test(written))
      return { unit: "mode", mode: Number.parseInt(written.slice(2), 8) };
    return fault("KM0118", `"${written}" is no file mode`, "write one to four octal digits: 0o755");
  }
  const end = digits(written, 0);
  const unit = written.slice(end);
  const value = Number(written.slice(0, end));
  if (unit.startsWith(".")) {
    return /\..*\./.test(written)
      ? fault("KM0117", `"${written}" is no number`, `write v${written} for a version`)
      : fault("KM0117", `"${written}" has a fraction`, "write a whole number of a smaller unit");
  }
  if (end > 1 && written.startsWith("0")) {
    return fault(
      "KM0117",
      `"${written}" begins with a zero`,
      `write ${value}${unit}, or 0o${written.slice(1, end)} for a file mode`,
    );
  }
  const factor = unit === "" ? 1 : (SIZES.get(unit) ?? DURATIONS.get(unit));
  if (factor === undefined) {
    return fault(
      "KM0116",
      `"${unit}" is no unit`,
      `the units are ${[...SIZES.keys()].join(" ")} for sizes and ${[...DURATIONS.keys()].join(" ")} for durations`,
    );
  }
  const scaled = value * factor;
  if (!Number.isSafeInteger(scaled)) return fault("KM0117", `"${written}" is too large`);
  if (unit === "") return { unit: "int", value };
  return SIZES.has(unit) ? { unit: "size", bytes: scaled } : { unit: "duration", ms: scaled };
}

function instant(text: string, offset: number, end: number): LiteralValue {
  const written = text.slice(offset, end);
  const ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(written) ? Date.parse(written) : NaN;
  // Date.parse takes the 30th of February for a day of March.
  if (!Number.isNaN(ms) && new Date(ms).toISOString().startsWith(written.slice(0, -1))) {
    return { unit: "instant", seconds: ms / 1000 };
  }
  session().fault("KM0119", offset, end, `"${written}" is no instant`, {
    help: "write it in UTC to the second: 2025-07-01T00:00:00Z",
  });
  return { unit: "instant", seconds: 0 };
}

/** The end of the decimal digits from `at`. */
function digits(text: string, at: number): number {
  let end = at;
  while (text.charCodeAt(end) >= 0x30 && text.charCodeAt(end) <= 0x39) end += 1;
  return end;
}

/** The end of a pre-release or build part whose mark is at `at`; `at` itself when there is none. */
function tail(text: string, at: number): number {
  let end = at + 1;
  for (; end < text.length; end += 1) {
    const code = text.charCodeAt(end);
    if (code !== 0x2e && code !== 0x2d && (!isWord(code) || code === 0x5f)) break;
  }
  // The marks at the end belong to what follows, as in `v1.0.0-rc->`.
  while (end > at && /[.-]/.test(text.charAt(end - 1))) end -= 1;
  return end === at + 1 ? at : end;
}

function isWord(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === 0x5f ||
    (code >= 0x61 && code <= 0x7a)
  );
}
