/** Dockerfiles: reading, variables, and taking RUN instructions apart. Reads no files. */
export {
  KEYWORDS,
  type Dockerfile,
  type Flag,
  type Heredoc,
  type Instruction,
  type Place,
  type Problem,
  type Stage,
} from "./instruction.js";
export { parseDockerfile } from "./parse.js";
export { expandWord, ExpansionError, type Lookup } from "./expand.js";
export { evaluateStage } from "./evaluate.js";
export type { EvaluatedStage, StageOptions, StageState, Step } from "./stage.js";
export { expandFrom, globalArgs } from "./values.js";
export { ignoreRules, isPathPattern, pathPattern } from "./path-pattern.js";
export { platformArgs, type DockerPlatform } from "./platform-args.js";
export { PACKAGE_MANAGERS, type PackageManager, type PackageName } from "./package-commands.js";
export { splitExec, splitRun, type RunPart, type SplitRun } from "./split-run.js";
