import { InternalError } from "../../model/invariant.js";
import type { DebianIndexDefinition } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";

export function runDebianIndex(
  _node: DebianIndexDefinition,
  _ctx: ActionContext,
): Promise<ActionOutcome> {
  throw new InternalError("Not written yet");
}
