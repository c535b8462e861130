/** What `kmips port` finds: one shape for everything. */
import type { Location } from "../../grammar/index.js";

export interface PortFinding {
  readonly topic:
    | "toolchain"
    | "machine"
    | "archive"
    | "go"
    | "condition"
    | "patch"
    | "recipe"
    | "cannot be known";
  readonly state:
    /** Nothing to do. */
    | "ok"
    /** Somebody has to look: it may be right as it is. */
    | "look"
    /** It does not work without this. */
    | "missing"
    /** Not known here. */
    | "unknown";
  readonly what: string;
  readonly detail: string;
  /** The next step. */
  readonly help?: string;
  readonly at?: Location;
}
