/** An image or index that a build named in the store. */
import type { ActionRecord, Output } from "../../cache/index.js";
import type { Address } from "../model/node.js";

export interface BuiltImage {
  readonly address: Address;
  readonly reference: string;
  /** Digest of the manifest or index. */
  readonly digest: string;
  /** Bytes of all layers; 0 for an index. */
  readonly sizeBytes: number;
}

/** The manifest of an image's record, or the index of an index's. */
export function topOutput(record: ActionRecord): Output | undefined {
  return record.outputs.find(({ name }) => name === "manifest" || name === "index");
}

/** Bytes of all layers of an image's record; 0 for an index. */
export function layerBytes(record: ActionRecord): number {
  return record.outputs
    .filter(({ name }) => name.startsWith("layer/"))
    .reduce((sum, { size }) => sum + size, 0);
}
