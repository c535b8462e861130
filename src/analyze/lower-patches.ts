/**
 * Patch series: which patches a cell applies, which its `retire` rules leave out.
 */
import type { PatchFile } from "../model/node.js";
import type { BodyReader } from "./body.js";
import type { MergedBlock } from "./merge.js";
import { localPath } from "./paths.js";

export interface Series {
  readonly active: readonly PatchFile[];
  readonly retired: readonly PatchFile[];
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
