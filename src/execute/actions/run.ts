import { InternalError } from "../../model/invariant.js";
import type { RunDefinition } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";

export function runRun(_node: RunDefinition, _ctx: ActionContext): Promise<ActionOutcome> {
  throw new InternalError("Not written yet");
}
