/** What the program can do; commands return data and never print. */
export { build, runnerOptions, type BuildRequest, type BuildResult } from "./build.js";
export { writeBundle } from "./bundle.js";
export type { BuiltImage } from "./built-image.js";
export { clusterFacts } from "./cluster-facts.js";
export { collectGarbage, collectionRows, type CollectRequest } from "./collect.js";
export type { Check } from "./check.js";
export { coverage, type CoverageReport, type CoverageRow, type CoverageState } from "./coverage.js";
export { diagnose, findUserBuilder, needsOf, type Needs } from "./doctor.js";
export {
  listSpecs,
  runConformance,
  type ConformanceEvent,
  type ConformanceReport,
} from "./conformance.js";
export { attend, startUp, tearDown, type ControlPlane } from "./control-plane.js";
export { UsageError } from "./errors.js";
export { exportArchive, exportLayout, namesOf, pushImages } from "./export.js";
export { CONFIG_FORMATS, exportConfig, type ConfigFormat } from "./export-config.js";
export { exportSet, type ExportSet } from "./export-set.js";
export { formatFiles, type FormatReport } from "./format.js";
export {
  diffSides,
  graphText,
  keyDocument,
  listImages,
  nodeLog,
  query,
  type ImageRow,
  type KeyDocument,
} from "./inspect.js";
export { port, type PortReport } from "./port.js";
export { readNamedFile } from "./named-files.js";
export { makeDirectory, writeText, writeTexts } from "./new-files.js";
export {
  builderEnvironment,
  builderNodes,
  builderPrograms,
  openBuilders,
} from "./private-builder.js";
export { keepRun } from "./group-run.js";
export { namedImages, recordedImages, type RecordedImage, type RecordedState } from "./recorded.js";
export { recordImages, type RecordReport } from "./record-images.js";
export { parsePortRows, type PortRow } from "./port-rows.js";
export { largestGroup, portTable } from "./port-table.js";
export type { SavedAnswer, SavedPlanTarget } from "./saved-plan.js";
export { costOfNodes, slowNodes, type SlowReport, type SlowRow } from "./slow.js";
export { updateLock, type FactChange, type UpdateReport, type UpdateRequest } from "./update.js";
export { lockOf } from "./locks.js";
export { unlockedSources } from "./unlocked.js";
export { listVault, type VaultRow } from "./vault.js";
export { REMEDIES, verify, type Divergence, type VerifyReport } from "./verify.js";
export {
  matchNodes,
  openProject,
  openStoreOf,
  openWorkspace,
  RecipeErrors,
  selectNode,
  selectNodes,
  type Environment,
  type Project,
  type Workspace,
} from "./workspace.js";
