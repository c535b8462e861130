/** Keys: node → action → key, and the difference between two actions. */
export { describeAction, keyOf, type Action } from "./action.js";
export { goToolchainVersion } from "./describe-build.js";
export { Fingerprints } from "./fingerprint.js";
export { indexFacts, NATIVE_PROGRAM_PACKAGES } from "./describe-debian.js";
export { diffActions, linesOf, type BlobReader, type Change, type ChangeCode } from "./explain.js";
export { diffLines } from "./line-diff.js";
export { countPackages, packageChanges } from "./package-changes.js";
export type { KeyInputs, ListedFile } from "./inputs.js";
