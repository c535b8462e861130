/** Running plans. */
export { executePlan, type NodeRunner, type ScheduleOptions } from "./scheduler.js";
export { onEachProcessor } from "./on-each-processor.js";
export { askForFact, produceRecord, runNode, type RunnerOptions } from "./run-node.js";
export { Builders, chooseUserBuilder, type BuilderOptions } from "./builder/builders.js";
export type { BuilderPrograms } from "./builder/private-builder.js";
export { namedBuilder, type UserBuilder } from "./builder/user-builder.js";
export type { LockFacts, Perturbation } from "./context.js";
export { fetchedOutputs } from "./vault-items.js";
export { escapeModule, hashModuleZip } from "./module-hash.js";
export {
  apiEndpoint,
  CONTROL_PLANE,
  type ControlPlaneProgram,
} from "./control-plane/components.js";
export { endedFailure } from "./control-plane/component-failure.js";
export { ControlPlaneLayout } from "./control-plane/layout.js";
export {
  endControlPlane,
  startControlPlane,
  type ProgramFile,
  type RunningControlPlane,
} from "./control-plane/start.js";
export {
  livingPrograms,
  readState,
  type ControlPlaneState,
  type RunningProgram,
} from "./control-plane/state.js";
export { minorVersionOf } from "./control-plane/version.js";
export { deleteTestNamespaces } from "./control-plane/api-client.js";
export type { JunitCase } from "./conformance/junit.js";
export { ConformanceResults } from "./conformance/results.js";
export { runSpecs, type SpecEvent } from "./conformance/run.js";
export { parseSpecList } from "./conformance/spec-list.js";
export { boundToKmips, emulated, SYSTEM_PATH } from "./launch.js";
export { entryBytes, zipEntries } from "./module-zip.js";
export { MODULE_FILES } from "./go-modules.js";
