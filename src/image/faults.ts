/** How image assembly says no: one shape for everything that cannot be put together. */
import { NodeFailure } from "../model/failure.js";

/** A failure of putting an image together; `said` completes "Assembling the image failed: …". */
export function cannotAssemble(said: string, help?: string): NodeFailure {
  return new NodeFailure(
    { type: "command", what: "Assembling the image", exit: said, excerpt: "" },
    help,
  );
}
