import { InternalError } from "../../model/invariant.js";
import type { BaseDefinition } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";

export function runBase(_node: BaseDefinition, _ctx: ActionContext): Promise<ActionOutcome> {
  throw new InternalError("Not written yet");
}
