/** Running plans. */
export { executePlan, type NodeRunner, type ScheduleOptions } from "./scheduler.js";
export { produceRecord, runNode, type RunnerOptions } from "./run-node.js";
export { Builders, chooseUserBuilder, type BuilderOptions } from "./builder/builders.js";
export type { BuilderPrograms } from "./builder/private-builder.js";
export { namedBuilder, type UserBuilder } from "./builder/user-builder.js";
export type { LockFacts, Perturbation } from "./context.js";
export { fetchedOutputs } from "./vault-items.js";
export { escapeModule, hashModuleZip } from "./module-hash.js";
export { entryBytes, zipEntries } from "./module-zip.js";
export { MODULE_FILES } from "./go-modules.js";
