/**
 * What is wrong with a recipe: data only. `src/report` turns it into text.
 *
 * Diagnostics are collected, never thrown: one run reports every fault of every file.
 */
import type { Location } from "./source.js";

export type Severity = "error" | "warning";

export interface Diagnostic {
  /** Stable code, `KM0101`…; the registry with one line per code is `grammar/codes.ts`. */
  readonly code: string;
  readonly severity: Severity;
  /** Sentence case, no period, actual before wanted, values in double quotes. */
  readonly message: string;
  readonly at: Location;
  /** Other places that matter: the first definition, the template that was expanded, the cycle's steps. */
  readonly notes?: readonly { readonly message: string; readonly at?: Location }[];
  /** The next step, in the imperative: `write 90MiB or 90MB`. */
  readonly help?: string;
}
