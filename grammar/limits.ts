/**
 * The bounds on recipe text, so that a hostile file costs a message and not memory or a stack.
 */
/** Bounds of one recipe file. */
export const LIMITS = {
  /** UTF-8 bytes of a file. */
  fileBytes: 1024 * 1024,
  /** Tokens of a file, comments not counted. */
  tokens: 200_000,
  /** Brackets, braces and interpolations inside each other. */
  nesting: 64,
  /** Operators, accesses and calls in one expression, outer expressions included. */
  chain: 512,
  /** UTF-16 units of a name. */
  identifier: 256,
  /** UTF-16 units of a string or heredoc, as written. */
  string: 64 * 1024,
  /** Diagnostics of a file. */
  diagnostics: 50,
} as const;
