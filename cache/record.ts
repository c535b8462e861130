/**
 * What the action cache keeps: an action key's named fields and the result they led to.
 */
import type { Digest } from "./digest.js";

/** One named part of an action key: printable, and diffable against another build's. */
export interface Field {
  readonly name: string;
  /**
   * The value itself when it is short; long values (`lines`) are a blob in the store, one item a
   * line, so that any two builds can be compared later.
   */
  readonly value: FieldValue;
}

export type FieldValue =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "list"; readonly items: readonly string[] }
  /** Sorted by code unit. */
  | { readonly type: "map"; readonly entries: readonly (readonly [string, string])[] }
  /** Long text kept as a blob, e.g. a patch or the listing of a directory. */
  | { readonly type: "blob"; readonly digest: Digest; readonly size: number };

/** One output of a node. */
export interface Output {
  /** Unique in the result: a program's name, `tree`, `manifest`, `layer/0`, `download/…`. */
  readonly name: string;
  readonly digest: Digest;
  readonly size: number;
  /** Whether the file is a program (0755) rather than data (0644); only for component outputs. */
  readonly executable?: boolean;
}

export interface ActionRecord {
  readonly key: Digest;
  /** The node that ran first under this key; for messages only. */
  readonly address: string;
  readonly kind: string;
  readonly fields: readonly Field[];
  readonly outputs: readonly Output[];
  /** Digest of the canonical form of `outputs`: what dependents are keyed on. */
  readonly result: Digest;
  /** Every blob that must be present for this record to be a hit, outputs and long field values. */
  readonly closure: readonly Digest[];
  readonly nativeMs: number;
  readonly emulatedMs: number;
  /** kmips version that wrote it. */
  readonly producer: string;
}
