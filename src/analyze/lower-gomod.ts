/**
 * The `gomod` block: edits of go.mod and patched dependencies.
 */
import type { Location } from "../../grammar/index.js";
import type { ModuleEdits } from "../model/node.js";
import { recordOf, type BodyReader } from "./body.js";
import { lowerPatches, type Series } from "./lower-patches.js";
import { isModulePath, localPath } from "./paths.js";
import type { Session } from "./session.js";

export interface ModulePatch {
  readonly path: string;
  readonly version: string;
  readonly series: Series;
  readonly at: Location;
}

/** Edits and patched modules of a `gomod` block; undefined after a reported fault. */
export function lowerGomod(
  reader: BodyReader,
): { readonly edits: ModuleEdits; readonly patches: readonly ModulePatch[] } | undefined {
  const { session } = reader;
  let failed = false;
  const check = (path: string, at: Location): void => {
    if (!isKnownModulePath(path, at, session)) failed = true;
  };
  const fileValue = reader.value("file");
  const file =
    fileValue?.type === "str"
      ? localPath(fileValue.text, fileValue.at, "go.mod file", session)
      : undefined;
  if (fileValue !== undefined && file === undefined) failed = true;
  const go = reader.text("go")?.replace(/^v/, "");
  const drop: string[] = [];
  for (const item of reader.items("drop")) {
    if (item.type !== "str") continue;
    check(item.text, item.at);
    drop.push(item.text);
  }
  const requirements = reader.map("require");
  for (const [path, value] of requirements) check(path, value.at);
  const replace: [string, { path: string; version: string }][] = [];
  for (const [path, value] of reader.map("replace")) {
    check(path, value.at);
    if (value.type === "version") replace.push([path, { path, version: value.text }]);
    else if (value.type === "module") {
      check(value.path, value.at);
      replace.push([path, { path: value.path, version: value.version }]);
    }
  }
  const patches: ModulePatch[] = [];
  for (const block of reader.blocks("patch")) {
    const { label } = block;
    const fields = reader.inside(block);
    const version = fields.text("version");
    const series = lowerPatches(fields, fields.block("patches"));
    if (label === undefined || version === undefined || series === undefined || fields.failed) {
      failed = true;
      continue;
    }
    const at = { file: block.frame.unit.file, span: label.span };
    check(label.text, at);
    patches.push({ path: label.text, version, series, at });
  }
  if (failed || reader.failed) return undefined;
  return {
    edits: {
      ...(file !== undefined && { file }),
      ...(go !== undefined && { go }),
      drop,
      require: recordOf(
        [...requirements].map(([path, value]) => [path, "text" in value ? value.text : ""]),
      ),
      replace: recordOf(replace),
    },
    patches,
  };
}

function isKnownModulePath(path: string, at: Location, session: Session): boolean {
  if (isModulePath(path)) return true;
  session.findings.error("KM0337", at, `"${path}" is not the path of a Go module`, {
    help: 'write it as go.mod does: "k8s.io/api"',
  });
  return false;
}
