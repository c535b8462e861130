import { InternalError } from "../../model/invariant.js";
import type { DockerfileDefinition } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";

export function runDockerfile(
  _node: DockerfileDefinition,
  _ctx: ActionContext,
): Promise<ActionOutcome> {
  throw new InternalError("Not written yet");
}
