/**
 * Patch series: which patches a cell applies, which its `retire` rules leave out.
 */
import type { Address, PatchDefinition, PatchFile } from "../model/node.js";
import type { BodyReader } from "./body.js";
import { derivedAddresses, Needs } from "./emit.js";
import type { Lowering } from "./lowering.js";
import type { CellSet } from "./matrix.js";
import type { MergedBlock } from "./merge.js";
import { localPath } from "./paths.js";
import type { Cell } from "./session.js";
import type { ReferenceValue } from "./values.js";

export interface Series {
  readonly active: readonly PatchFile[];
  readonly retired: readonly PatchFile[];
}

/** A source and the series that a cell applies to it. */
export interface PatchedSource {
  readonly source: { readonly address: Address; readonly reference: ReferenceValue };
  readonly series: Series;
}

const NONE: Series = { active: [], retired: [] };

/** The series of a `patches` block in the reader's cell; undefined after a reported fault. */
export function lowerPatches(
  reader: BodyReader,
  block: MergedBlock | undefined,
): Series | undefined {
  if (block === undefined) return NONE;
  const { session } = reader;
  const active: PatchFile[] = [];
  const retired: PatchFile[] = [];
  let failed = false;
  const inside = reader.inside(block);
  for (const patch of inside.blocks("patch")) {
    const { label } = patch;
    if (label === undefined) {
      failed = true;
      continue;
    }
    const fields = inside.inside(patch);
    const reason = fields.text("reason");
    const upstream = fields.text("upstream");
    const isRetired = fields.bool("retire") ?? false;
    const at = { file: patch.frame.unit.file, span: label.span };
    // A retired patch's file may be gone already: it is only named in the report.
    const path = localPath(
      label.text,
      at,
      "patch",
      session,
      isRetired ? "may be absent" : "must exist",
    );
    if (fields.failed || reason === undefined || path === undefined) {
      failed = true;
      continue;
    }
    if (reason.trim() === "") {
      session.findings.error(
        "KM0335",
        fields.at("reason"),
        `Patch "${label.text}" has an empty reason`,
        { help: "say what breaks without it" },
      );
      failed = true;
      continue;
    }
    const file: PatchFile = {
      path,
      label: label.text,
      reason,
      ...(upstream !== undefined && { upstream }),
      at,
    };
    (isRetired ? retired : active).push(file);
  }
  return failed ? undefined : { active, retired };
}

/** Emits the patch nodes of a declaration: the tree of every cell, its patch node or its source. */
export function emitPatched(
  set: CellSet,
  plans: ReadonlyMap<Cell, PatchedSource>,
  { emitter, notes }: Lowering,
): ReadonlyMap<Cell, Address> {
  const definitions = new Map<Cell, PatchDefinition>();
  for (const [cell, { series, source }] of plans) {
    if (series.active.length > 0)
      definitions.set(cell, {
        kind: "patch",
        source: source.address,
        series: series.active,
        retired: series.retired,
      });
    else if (series.retired.length > 0)
      notes.push({
        address: cell.address,
        message: `all patches are retired (${series.retired.map((patch) => patch.label).join(", ")}): it is built from ${source.address} itself`,
      });
  }
  const addresses = derivedAddresses(set, "patched", definitions);
  const trees = new Map<Cell, Address>();
  for (const [cell, { source }] of plans) {
    const definition = definitions.get(cell);
    const address = addresses.get(cell);
    trees.set(cell, address ?? source.address);
    if (definition === undefined || address === undefined || emitter.nodes.has(address)) continue;
    const needs = new Needs();
    needs.add(source.address, source.reference.at);
    emitter.emit(
      address,
      definition,
      needs,
      definition.series[0]?.at ?? set.declared.at,
      undefined,
    );
  }
  return trees;
}
