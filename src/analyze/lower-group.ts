/**
 * Indexes and groups: names over the cells of other nodes.
 */
import type { Address, GraphNode } from "../model/node.js";
import { platformName } from "../model/platform.js";
import { Needs } from "./emit.js";
import { readName, readTag, withoutPlatform } from "./reference.js";
import { readCell, type Lowering } from "./lowering.js";
import type { CellSet } from "./matrix.js";
import { resolveAll } from "./resolve.js";
import type { Cell } from "./session.js";
import { referenceText, type ReferenceValue } from "./values.js";

/** Emits an index over every cell of its images. */
export function lowerIndex(
  set: CellSet,
  lowering: Lowering,
): { readonly reference: string; readonly cell: Cell } | undefined {
  const { session, emitter, sets } = lowering;
  const cell = set.cells.get("");
  if (cell === undefined) return undefined;
  const reader = readCell(cell, set, session);
  const needs = new Needs();
  const byPlatform = new Map<
    string,
    { readonly address: Address; readonly at: ReferenceValue["at"] }
  >();
  let failed = false;
  const tags = new Set<string>();
  for (const item of reader.items("images")) {
    if (item.type !== "reference") continue;
    const cells = resolveAll(item, cell, sets, session);
    if (cells === undefined || cells.length === 0) failed = true;
    for (const used of cells ?? []) {
      const platform =
        used.target === undefined
          ? ""
          : `${platformName(used.target.platform)} ${used.target.platform.float ?? ""}`.trim();
      const first = byPlatform.get(platform);
      if (first !== undefined && first.address !== used.address) {
        session.findings.error(
          "KM0312",
          item.at,
          `${used.address} and ${first.address} are both for ${platform}`,
          {
            notes: [{ message: "the first is here", at: first.at }],
            help: "fix the other axes: image.NAME[value]",
          },
        );
        failed = true;
        continue;
      }
      byPlatform.set(platform, { address: used.address, at: item.at });
      needs.add(used.address, item.at);
      const definition = emitter.nodes.get(used.address)?.node.definition;
      if (definition?.kind === "image" && definition.reference !== undefined)
        tags.add(withoutPlatform(definition.reference.replace(/^.*:/, ""), definition.platform));
    }
  }
  const name = readName(reader, session);
  const tag = readTag(reader, session, tags.size === 1 ? [...tags][0] : "latest");
  if (failed || reader.failed || name === undefined || tag === undefined) return undefined;
  const reference = `${name}:${tag}`;
  emitter.emit(
    cell.address,
    { kind: "index", images: needs.addresses, reference },
    needs,
    set.declared.at,
    set.declared.declaration.doc,
  );
  return { reference, cell };
}

/** Emits a group: every cell of its members, with their tests, but for members that are absent. */
export function lowerGroup(set: CellSet, lowering: Lowering): void {
  const { session, emitter, sets, tests } = lowering;
  const cell = set.cells.get("");
  if (cell === undefined) return;
  const reader = readCell(cell, set, session);
  const needs = new Needs();
  const unwanted = reader.textMap("unwanted");
  let failed = false;
  for (const item of reader.items("members")) {
    if (item.type !== "reference") continue;
    if (isLeftOut(item, sets)) {
      const message = `without ${referenceText(item)}, whose \`when\` does not hold`;
      lowering.notes.push({ address: cell.address, message });
      continue;
    }
    const cells = resolveAll(item, cell, sets, session);
    if (cells === undefined || cells.length === 0) failed = true;
    for (const used of cells ?? []) {
      needs.add(used.address, item.at);
      for (const address of tests.get(used) ?? []) needs.add(address, item.at);
    }
  }
  if (failed || reader.failed) return;
  const definition: GraphNode["definition"] = {
    kind: "group",
    members: needs.addresses,
    ...(Object.keys(unwanted).length > 0 && { unwanted }),
  };
  emitter.emit(cell.address, definition, needs, set.declared.at, set.declared.declaration.doc);
}

/** Whether a declaration's own rules leave out every cell of it: a group cannot repeat them. */
function isLeftOut({ kind, name, indices }: ReferenceValue, sets: Lowering["sets"]): boolean {
  const set = sets.get(`${kind}.${name}`);
  if (set === undefined || set.failed || indices !== undefined) return false;
  return set.cells.size === 0 && set.absent.size > 0;
}
