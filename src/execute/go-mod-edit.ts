/**
 * The recipe's changes to a go.mod, as arguments of `go mod edit`. Pure.
 */
import type { ModuleEdits, PatchedModule } from "../model/node.js";

/** The part of `go mod edit -json` that is needed here. */
export interface GoModFile {
  readonly Require?: readonly { readonly Path: string; readonly Version: string }[] | null;
  readonly Replace?:
    readonly { readonly Old: { readonly Path: string; readonly Version?: string } }[] | null;
}

/**
 * Arguments that turn `file` into the edited go.mod. Rows of a dropped, replaced or patched module
 * go first, whatever version they name; then the new ones come, sorted by path, so that the order
 * in a recipe does not matter. Patched modules are replaced by directories below `patchedRoot`.
 */
export function goModEditArguments(
  file: GoModFile,
  edits: ModuleEdits,
  patched: readonly PatchedModule[],
  patchedRoot: string,
): string[] {
  const dropped = new Set(edits.drop);
  const replaced = new Set([
    ...edits.drop,
    ...Object.keys(edits.replace),
    ...patched.map((module) => module.path),
  ]);
  return [
    ...(edits.go === undefined ? [] : [`-go=${edits.go}`]),
    ...(file.Require ?? [])
      .filter((row) => dropped.has(row.Path))
      .map((row) => `-droprequire=${row.Path}`),
    ...(file.Replace ?? [])
      .filter((row) => replaced.has(row.Old.Path))
      .map((row) => `-dropreplace=${moduleAt(row.Old.Path, row.Old.Version)}`),
    ...sorted(Object.entries(edits.require)).map(
      ([path, version]) => `-require=${moduleAt(path, version)}`,
    ),
    ...sorted(Object.entries(edits.replace)).map(
      ([path, by]) => `-replace=${path}=${moduleAt(by.path, by.version)}`,
    ),
    ...sorted(patched.map((module): [string, string] => [module.path, module.path])).map(
      ([path]) => `-replace=${path}=${patchedRoot}/${path}`,
    ),
  ];
}

function moduleAt(path: string, version: string | undefined): string {
  return version === undefined || version === "" ? path : `${path}@${version}`;
}

function sorted<T>(entries: readonly (readonly [string, T])[]): (readonly [string, T])[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}
