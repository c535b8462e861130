/** Keys: node → action → key, and the difference between two actions. */
export {
  describeAction,
  goToolchainVersion,
  indexFacts,
  keyOf,
  NATIVE_PROGRAM_PACKAGES,
  type Action,
} from "./action.js";
export { diffActions, linesOf, type BlobReader, type Change, type ChangeCode } from "./explain.js";
export { diffLines } from "./line-diff.js";
export { packageChanges } from "./package-changes.js";
export type { KeyInputs, ListedFile } from "./inputs.js";
