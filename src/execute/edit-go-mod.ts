/**
 * The go.mod of a build before its modules are chosen: the recipe's or the source's own, edited.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { NodeFailure } from "../model/failure.js";
import type { Address, ModuleEdits, PatchedModule } from "../model/node.js";
import type { ActionContext } from "./context.js";
import { goModEditArguments, type GoModFile } from "./go-mod-edit.js";
import {
  dependencyOutput,
  GO_NO_NETWORK,
  GO_PATCHED,
  GO_ROOT,
  goEnvironmentFor,
  hostPlatform,
} from "./go-workspace.js";
import { commandFailure, runSandboxed } from "./run-tool.js";

export interface EditedSource {
  /** A source or patch node. */
  readonly source: Address;
  readonly edits: ModuleEdits;
  readonly patched: readonly PatchedModule[];
}

/**
 * Writes the edited go.mod of a source to `path`; `toolchain` is the directory of a Go toolchain.
 * @throws NodeFailure
 */
export async function editGoMod(
  node: EditedSource,
  path: string,
  toolchain: string,
  ctx: ActionContext,
): Promise<void> {
  writeFileSync(path, baseGoMod(node, ctx));
  const edit = (args: readonly string[]) =>
    runSandboxed(
      ctx,
      {
        mounts: [
          { type: "ro", source: toolchain, target: GO_ROOT },
          { type: "rw", source: dirname(path), target: "/kmips/work" },
        ],
        cwd: "/kmips/work",
        argv: [`${GO_ROOT}/bin/go`, "mod", "edit", ...args, `/kmips/work/${basename(path)}`],
        env: { ...goEnvironmentFor(hostPlatform(ctx)), ...GO_NO_NETWORK },
      },
      { what: "go mod edit", timeoutMs: 60_000, quiet: true },
    );
  const read = await edit(["-json"]);
  if (read.code !== 0) throw commandFailure("go mod edit", read);
  const args = goModEditArguments(
    JSON.parse(read.stdout) as GoModFile,
    node.edits,
    node.patched,
    GO_PATCHED,
  );
  const edited = await edit(args.length === 0 ? ["-fmt"] : args);
  if (edited.code !== 0) throw commandFailure("go mod edit", edited);
}

/** The go.mod to start from: the recipe's, the source's, or one that only names the module. */
function baseGoMod({ edits, source }: EditedSource, ctx: ActionContext): Uint8Array | string {
  const { file } = edits;
  if (file !== undefined) {
    if (!existsSync(file)) {
      throw new NodeFailure({ type: "missing-input", what: "go.mod", path: file, candidates: [] });
    }
    return readFileSync(file);
  }
  const tree = dependencyOutput(ctx, source, "tree");
  return ctx.store.readTreeFile(tree, "go.mod") ?? `module ${moduleName(source, ctx)}\n`;
}

/** The path under which a source's packages import each other. */
function moduleName(source: Address, ctx: ActionContext): string {
  const definition = ctx.definition(source);
  if (definition.kind === "patch") return moduleName(definition.source, ctx);
  if (definition.kind !== "source") return "main";
  const { origin } = definition;
  if (origin.type === "derived") return moduleName(origin.node, ctx);
  return origin.type === "go-module" ? origin.path : "main";
}
