/** An image or index that a build named in the store. */
import type { ActionRecord, Digest, Output } from "../../cache/index.js";
import type { Address, NodeDefinition } from "../model/node.js";
import { cachedRecord, type Plan } from "../plan/plan.js";

export interface BuiltImage {
  readonly address: Address;
  readonly reference: string;
  /** Digest of the manifest or index. */
  readonly digest: string;
  /** Bytes of all layers; 0 for an index. */
  readonly sizeBytes: number;
}

/** The definitions that have a name and tag in the store. */
export type NamedDefinition = Extract<NodeDefinition, { kind: "base" | "image" | "index" }> & {
  readonly reference: string;
};

/** Whether a node's result has a name in the store; a step on the way to an image has none. */
export function isNamed(definition: NodeDefinition): definition is NamedDefinition {
  const { kind } = definition;
  return (
    (kind === "base" || kind === "image" || kind === "index") && definition.reference !== undefined
  );
}

/** The manifest of an image's record, or the index of an index's. */
export function topOutput(record: ActionRecord): Output | undefined {
  return record.outputs.find(({ name }) => name === "manifest" || name === "index");
}

/** The digest of an image's manifest, or an index, as the recipes are now; undefined when it is not built. */
export function digestIn(plan: Plan, address: Address): Digest | undefined {
  const record = cachedRecord(plan, address);
  return record && topOutput(record)?.digest;
}

/** Bytes of all layers of an image's record; 0 for an index. */
export function layerBytes(record: ActionRecord): number {
  return record.outputs
    .filter(({ name }) => name.startsWith("layer/"))
    .reduce((sum, { size }) => sum + size, 0);
}
