/** What image assembly asks of its caller: the results of other nodes, by address. */
import type { Digest, Output, Store } from "../../cache/index.js";
import type { Address } from "../model/node.js";

/** Where an image's parts come from. */
export interface ImageInputs {
  readonly store: Store;
  /** The outputs of the image that the definition's `base` names. */
  readonly base?: readonly Output[];
  /** One output of a component. */
  output(node: Address, name: string): Output;
  /** The tree of a source or patch node. */
  tree(node: Address): Digest;
  /** The manifest of an image, or of another node with outputs as an image's. */
  image(node: Address): Digest;
}
