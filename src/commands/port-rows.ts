/** The rows of a port: what the original built, and the node that makes it here. */
import { UsageError } from "./errors.js";
import type { Address } from "../model/node.js";

export interface PortRow {
  /** `component` or `image`. */
  readonly kind: string;
  readonly name: string;
  /** The version that the original had. */
  readonly version: string;
  /** The node that makes it; undefined for a row that nothing here is for. */
  readonly node: Address | undefined;
  readonly note: string;
  /** Whether it is not here, whatever the node is a part of: the note is `open: WHY`. */
  readonly isOpen: boolean;
}

/**
 * Reads a table of tab-separated rows: kind, name, version, node, note. Empty lines and `#` lines are
 * passed over. @throws UsageError for a row without node and note, or one that stands twice
 */
export function parsePortRows(path: string, text: string): PortRow[] {
  const rows = new Map<string, PortRow>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [kind = "", name = "", version = "", node = "", note = ""] = line
      .split("\t")
      .map((cell) => cell.trim());
    const fail = (message: string): never => {
      throw new UsageError(
        `"${path}" line ${index + 1}: ${message}`,
        "a row is KIND, NAME, VERSION, NODE and NOTE with tabs between them",
      );
    };
    if (!["component", "image"].includes(kind) || name === "" || version === "")
      fail(`"${line.slice(0, 60)}" is no row`);
    if (node === "" && note === "") fail(`${name} ${version} has neither a node nor a note`);
    const key = `${kind} ${name} ${version}`;
    if (rows.has(key)) fail(`${key} stands twice`);
    const isOpen = /^open: \S/.test(note);
    if (node === "" && !isOpen)
      fail(`${name} ${version} has no node, and its note is not "open: …"`);
    rows.set(key, { kind, name, version, node: node === "" ? undefined : node, note, isOpen });
  }
  return [...rows.values()];
}
