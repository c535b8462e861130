/**
 * Facts of kmips.lock that a source cannot do without: what its recipe leaves to be found out.
 */
import { NodeFailure } from "./failure.js";
import type { Address, SourceOrigin } from "./node.js";

/** One line of the lock without its value: `git https://example.org/calico v3.8.0`. */
export interface Fact {
  readonly kind: "git" | "archive" | "gomod";
  readonly name: string;
}

/** The fact that stands for what the recipe does not pin; undefined when nothing is open. */
export function wantedFact(origin: SourceOrigin): Fact | undefined {
  switch (origin.type) {
    case "git":
      if (origin.commit !== undefined) return undefined;
      return { kind: "git", name: `${origin.place} ${origin.tag}` };
    case "archive":
      return origin.digest !== undefined ? undefined : { kind: "archive", name: origin.place };
    case "go-module":
      if (origin.sum !== undefined || origin.needsFact !== true) return undefined;
      return { kind: "gomod", name: `${origin.path} ${origin.version}` };
    default:
      return undefined;
  }
}

/** A fact's subject in words: `git tag v3.8.0 of https://example.org/calico`. */
export function factText({ kind, name }: Fact): string {
  const [subject = "", version = ""] = name.split(" ");
  switch (kind) {
    case "git":
      return `git tag ${version} of ${subject}`;
    case "archive":
      return `archive ${subject}`;
    case "gomod":
      return `Go module ${subject} ${version}`;
  }
}

/** The failure of a node whose fact nobody has locked. */
export function notLocked(fact: Fact, address: Address): NodeFailure {
  return new NodeFailure(
    { type: "missing-input", what: "kmips.lock", path: factText(fact), candidates: [] },
    `run kmips update '${address}' on a network that has it`,
  );
}
