/** Keys: node → action → key, and the difference between two actions. */
export { describeAction, goToolchainVersion, keyOf, type Action } from "./action.js";
export { diffActions, linesOf, type BlobReader, type Change, type ChangeCode } from "./explain.js";
export { diffLines } from "./line-diff.js";
export type { KeyInputs, ListedFile } from "./inputs.js";
