/**
 * Everything a build can tell: one union, rendered by `src/report` as lines, a live view or JSON.
 */
import type { FailureReason } from "./failure.js";
import type { Address } from "./node.js";

export type BuildEvent =
  | {
      readonly type: "plan";
      readonly total: number;
      readonly cached: number;
      readonly toRun: number;
      readonly waiting: number;
    }
  | { readonly type: "started"; readonly address: Address; readonly cause: string }
  /** `log` is the path of the node's whole output. */
  | {
      readonly type: "finished";
      readonly address: Address;
      readonly outcome: NodeOutcome;
      readonly log?: string;
    }
  | { readonly type: "note"; readonly address: Address; readonly message: string }
  | { readonly type: "warning"; readonly message: string };

export type NodeOutcome =
  /** `cutOff`: it waited for a rebuilt node whose result turned out the same. */
  | { readonly kind: "cached"; readonly result: string; readonly cutOff: boolean }
  | {
      readonly kind: "built";
      readonly result: string;
      readonly nativeMs: number;
      readonly emulatedMs: number;
    }
  | { readonly kind: "failed"; readonly reason: FailureReason; readonly help?: string }
  /** `because` of a failed node it depends on; undefined when the build stopped before its turn. */
  | { readonly kind: "skipped"; readonly because: Address | undefined };

/** How a build ended. */
export interface BuildReport {
  readonly outcomes: ReadonlyMap<Address, NodeOutcome>;
  readonly executed: readonly Address[];
  readonly interrupted: boolean;
}
