/** What it means for a node when one of the machine's tools cannot be used. */
import { SpawnError, ToolMissingError, type Tools } from "../host/index.js";
import { NodeFailure, resourceFailure } from "../model/failure.js";

/** What it means for a node when a tool cannot be started; other errors come back as they are. */
export function asNodeFailure(error: unknown, tools: Tools, what: string): unknown {
  if (error instanceof ToolMissingError) {
    const name = error.tool.slice(error.tool.lastIndexOf("/") + 1);
    return new NodeFailure({
      type: "tool",
      tool: name,
      why: `${what} needs it`,
      install: tools.installHint(name),
    });
  }
  if (error instanceof SpawnError) {
    return resourceFailure(error.errno, "", what);
  }
  return error;
}
