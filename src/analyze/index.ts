/** From recipes to the build graph: names, types, templates, matrix, and every check before a build. */
export { analyze, type Analysis, type AnalyzeOptions } from "./analyze.js";
export { ANALYSIS_CODES, type AnalysisCode } from "./codes.js";
export { Findings } from "./findings.js";
export { FUNCTION_NAMES } from "./functions.js";
export type { KnownResults } from "./lowering.js";
export { crossPackages } from "./lower-source.js";
export { loadRecipes, PORTS_DIRECTORY, type Loaded, type LoadOptions, type Unit } from "./load.js";
export { platformMentions, type PlatformMention } from "./platform-mentions.js";
export type { Misfit, ProjectOption } from "./options.js";
export { withoutPlatform } from "./reference.js";
export { describeSchema, schemaOf, type SchemaDescription } from "./schema.js";
export type { AttributeSchema, BlockSchema, BodySchema, KindSchema } from "./schema-types.js";
export { globMatches, select, type Selection } from "./select.js";
export { describeType } from "./types.js";
export { isModulePath } from "./paths.js";
export { compareVersions } from "./version.js";
