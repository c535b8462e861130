import { InternalError } from "../../model/invariant.js";
import type { PackagesDefinition } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";

export function runPackages(
  _node: PackagesDefinition,
  _ctx: ActionContext,
): Promise<ActionOutcome> {
  throw new InternalError("Not written yet");
}
