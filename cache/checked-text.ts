/**
 * Small files that prove themselves: a first line that says what they are, the length of the
 * JSON that follows, and the digest of all before it. A torn or flipped byte makes them unreadable.
 */
import { digestOf } from "./digest.js";
import { compareUtf8 } from "./order.js";

/** The file's text for `value`, which must survive JSON; object keys are sorted. */
export function checkedText(magic: string, value: unknown): string {
  const json = JSON.stringify(value, sorted);
  const body = `${magic}\n${Buffer.byteLength(json)}\n${json}\n`;
  return `${body}${digestOf(body)}\n`;
}

/** The value of such a file, or undefined when a byte of it is not as it was written. */
export function parseCheckedText(magic: string, bytes: Buffer): unknown {
  const trailerStart = bytes.byteLength - 72;
  if (trailerStart < 0) return undefined;
  const body = bytes.subarray(0, trailerStart);
  if (bytes.toString("latin1", trailerStart) !== `${digestOf(body)}\n`) return undefined;
  const text = body.toString("utf8");
  const first = text.indexOf("\n");
  const second = text.indexOf("\n", first + 1);
  if (text.slice(0, first) !== magic || second < 0) return undefined;
  const json = text.slice(second + 1, -1);
  if (String(Buffer.byteLength(json)) !== text.slice(first + 1, second)) return undefined;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

function sorted(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => compareUtf8(a, b)));
}
