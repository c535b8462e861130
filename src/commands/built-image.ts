/** An image or index that a build named in the store. */
import type { Address } from "../model/node.js";

export interface BuiltImage {
  readonly address: Address;
  readonly reference: string;
  /** Digest of the manifest or index. */
  readonly digest: string;
  /** Bytes of all layers; 0 for an index. */
  readonly sizeBytes: number;
}
