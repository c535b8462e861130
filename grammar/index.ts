/** The grammar of recipes: text to AST and diagnostics, and text to formatted text. */
export * from "./ast.js";
export { GRAMMAR_CODES } from "./codes.js";
export type { Diagnostic, Severity } from "./diagnostic.js";
export { format } from "./format.js";
export { LIMITS } from "./limits.js";
export { parse, type ParseResult } from "./parse.js";
export type { Location, SourceFile, Span } from "./source.js";
export { lineAndColumn } from "./source.js";
export { nearest } from "./suggest.js";
