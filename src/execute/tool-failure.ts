/** What it means for a node when one of the machine's tools cannot be used. */
import { SpawnError, ToolMissingError, type Tools } from "../host/index.js";
import { NodeFailure, resourceFailure } from "../model/failure.js";

/** What a tool says whose write failed for want of room: Go's words are those of C, in lower case. */
const DISK_FULL = /no space left on device|disk quota exceeded/i;

/** Whether a tool that failed said that the disk is full. */
export function saysDiskFull(said: string): boolean {
  return DISK_FULL.test(said);
}

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
