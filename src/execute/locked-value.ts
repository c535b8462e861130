/** What the lock says of a source that its recipe does not pin. */
import { notLocked, wantedFact } from "../model/facts.js";
import { invariant } from "../model/invariant.js";
import type { SourceOrigin } from "../model/node.js";
import type { ActionContext } from "./context.js";

/** The value of the fact that `origin` wants. @throws NodeFailure when the lock does not have it */
export function lockedValue(
  origin: SourceOrigin,
  { lock, address }: Pick<ActionContext, "lock" | "address">,
): string {
  const fact = wantedFact(origin);
  invariant(fact !== undefined, `"${address}" is pinned by its recipe`);
  const value = lock.locked(fact.kind, fact.name);
  if (value === undefined) throw notLocked(fact, address);
  return value;
}
