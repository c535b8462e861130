/** Data → text. */
export { renderFacts, renderSpec, renderSpecSummary, type SpecLine } from "./conformance.js";
export { renderCoverage, type CoverageText } from "./coverage.js";
export { diagnosticsAsData, renderDiagnostics, placeOf } from "./diagnostics.js";
export { formatBytes, formatMs } from "./duration.js";
export { describeFailure, helpFor, type FailureText } from "./failure.js";
export { paintFor, printable, type ColorRequest, type Paint } from "./paint.js";
export {
  causeText,
  countPlan,
  planAsData,
  planSummary,
  renderPlan,
  unknownLines,
  type PlanCounts,
} from "./plan.js";
export { insertPortTable, renderPortTable } from "./port-table.js";
export { countFindings, renderFindings, type FindingText } from "./port.js";
export {
  createReporter,
  type ProgressMode,
  type Reporter,
  type ReporterOptions,
} from "./reporter.js";
export { renderTable } from "./table.js";
export { explainNode, renderWhy, type WhyAnswer } from "./why.js";
