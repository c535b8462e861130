import { InternalError } from "../../model/invariant.js";
import type { InstallDefinition } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";

export function runInstall(_node: InstallDefinition, _ctx: ActionContext): Promise<ActionOutcome> {
  throw new InternalError("Not written yet");
}
