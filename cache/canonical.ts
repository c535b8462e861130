/**
 * The only byte encoding of a value that may be digested: typed and length-delimited, so that
 * two different values never have the same bytes. Keys and result digests are made here.
 *
 * Every item is a type letter, the length (or count) as a 64-bit big-endian number, and content.
 */
import { hash } from "node:crypto";
import { digestOf, type Digest } from "./digest.js";
import { compareUtf8, isWellFormed } from "./order.js";
import type { Field, FieldValue, Output } from "./record.js";

/** Grows when the encoding of keys changes: every old key is then a miss. */
export const KEY_SCHEMA = 1;

/** What has a canonical form. Keys of maps are strings; a map's order does not matter. */
export type CanonicalValue =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | readonly CanonicalValue[]
  | ReadonlyMap<string, CanonicalValue>
  | { readonly [name: string]: CanonicalValue };

/**
 * The canonical bytes of `value`; different values have different bytes (-0 counts as 0).
 *
 * @throws TypeError for what has no canonical form: NaN, infinities, lone surrogates, other types.
 */
export function canonicalBytes(value: CanonicalValue): Buffer {
  const parts: Buffer[] = [];
  encode(value, parts);
  return Buffer.concat(parts);
}

function encode(value: CanonicalValue, parts: Buffer[]): void {
  if (typeof value === "string") {
    parts.push(encodeText(value));
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`No canonical form: ${value}`);
    const number = head("n", 8, 8);
    number.writeDoubleBE(value === 0 ? 0 : value, 9);
    parts.push(number);
  } else if (typeof value === "boolean") {
    parts.push(head(value ? "t" : "f", 0, 0));
  } else if (value === null) {
    parts.push(head("z", 0, 0));
  } else if (value instanceof Uint8Array) {
    parts.push(
      head("b", value.byteLength, 0),
      Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    );
  } else if (Array.isArray(value)) {
    parts.push(head("l", value.length, 0));
    for (const item of value as readonly CanonicalValue[]) encode(item, parts);
  } else if (typeof value === "object") {
    const entries =
      value instanceof Map
        ? [...(value as ReadonlyMap<string, CanonicalValue>)]
        : Object.entries(value);
    entries.sort(([a], [b]) => compareUtf8(a, b));
    parts.push(head("m", entries.length, 0));
    for (const [name, item] of entries) {
      parts.push(encodeText(name));
      encode(item as CanonicalValue, parts);
    }
  } else {
    throw new TypeError(`No canonical form: ${typeof value}`);
  }
}

function encodeText(text: string): Buffer {
  if (!isWellFormed(text)) throw new TypeError("No canonical form: text with a lone surrogate");
  const length = Buffer.byteLength(text);
  const bytes = head("s", length, length);
  bytes.write(text, 9);
  return bytes;
}

function head(type: string, length: number, room: number): Buffer {
  const bytes = Buffer.allocUnsafe(9 + room);
  bytes.write(type, 0, "latin1");
  bytes.writeBigUInt64BE(BigInt(length), 1);
  return bytes;
}

/**
 * The digest of what a node made: what its dependents are keyed on. Neither the order of
 * `outputs` nor their recorded sizes matter.
 *
 * @throws TypeError when two outputs have one name.
 */
export function resultDigest(outputs: readonly Output[]): Digest {
  const rows = new Map<string, CanonicalValue>();
  for (const output of outputs) {
    if (rows.has(output.name)) throw new TypeError(`Two outputs named "${output.name}"`);
    rows.set(output.name, [output.digest, output.executable === true]);
  }
  return digestOf(Buffer.concat([Buffer.from("kmips-result\0"), canonicalBytes(rows)]));
}

/**
 * The key of an action: everything that can change its result, in one digest. The order of
 * `fields` does not matter; blob fields enter by digest.
 *
 * @throws TypeError when two fields have one name.
 */
export function actionKey(kind: string, kindVersion: number, fields: readonly Field[]): Digest {
  const named = new Map<string, CanonicalValue>();
  for (const field of fields) {
    if (named.has(field.name)) throw new TypeError(`Two fields named "${field.name}"`);
    named.set(field.name, canonicalField(field.value));
  }
  const body = canonicalBytes([KEY_SCHEMA, kind, kindVersion, named]);
  return `sha256:${hash("sha256", Buffer.concat([Buffer.from("kmips-action\0"), body]), "hex")}`;
}

function canonicalField(value: FieldValue): CanonicalValue {
  switch (value.type) {
    case "text":
      return ["text", value.text];
    case "list":
      return ["list", value.items];
    case "map": {
      const entries = new Map(value.entries);
      if (entries.size !== value.entries.length)
        throw new TypeError("Two entries of a map field have one name");
      return ["map", entries];
    }
    case "blob":
      return ["blob", value.digest];
  }
}
