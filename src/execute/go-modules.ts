/**
 * The store's module cache for one build: files from the modules node's outputs, extracted
 * modules verified against its go.sum. The build itself mounts all of it read-only.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Digest } from "../../cache/index.js";
import { NodeFailure } from "../model/failure.js";
import { invariant } from "../model/invariant.js";
import type { Address } from "../model/node.js";
import type { ActionContext } from "./context.js";
import { parseGoSum } from "./go-client.js";
import { dependencyOutput } from "./go-workspace.js";
import { escapeModule, hashModuleDirectory } from "./module-hash.js";

/** The output of a modules node that holds its part of the download cache. */
export const MODULE_FILES = "download";

/** Extracted modules that this process found intact: one look at each is enough. */
const intact = new Set<string>();

/**
 * Makes the modules of `modules` available in the store's module cache.
 *
 * `extract` runs the go tool with that cache writable; it is called when a needed module is not
 * there, or not intact: then its directory is removed first.
 * @throws NodeFailure when a module does not become what go.sum says
 */
export async function restoreModules(
  ctx: ActionContext,
  modules: Address,
  extract: () => Promise<void>,
): Promise<void> {
  const { store } = ctx;
  const root = store.paths.goModules;
  const tree = dependencyOutput(ctx, modules, MODULE_FILES);
  for (const entry of store.listTree(tree)) {
    if (entry.type !== "file") continue;
    const path = join(root, "cache", "download", entry.path);
    if (statSync(path, { throwIfNoEntry: false })?.size === entry.size) continue;
    mkdirSync(dirname(path), { recursive: true });
    placeModuleFile(ctx, tree, entry.path, path);
  }
  const needed = parseGoSum(
    store.readBytes(dependencyOutput(ctx, modules, "go.sum")).toString("utf8"),
  )
    .filter(([, version]) => !version.endsWith("/go.mod"))
    .map(([path, version, sum]) => ({
      path,
      version,
      sum,
      directory: join(root, `${escapeModule(path)}@${escapeModule(version)}`),
      zip: join(
        root,
        "cache",
        "download",
        escapeModule(path),
        "@v",
        `${escapeModule(version)}.zip`,
      ),
    }));
  let complete = true;
  for (const module of needed) {
    if (intact.has(module.directory + module.sum)) continue;
    if (!existsSync(module.directory)) complete = false;
    else if (hashModuleDirectory(module.directory, module.path, module.version) === module.sum) {
      intact.add(module.directory + module.sum);
    } else {
      complete = false;
      removeDamaged(module.directory, module.zip, ctx, modules);
    }
  }
  if (complete) return;
  await extract();
  for (const module of needed) {
    // Modules that only take part in the choice of versions are never extracted.
    if (intact.has(module.directory + module.sum) || !existsSync(module.directory)) continue;
    const actual = hashModuleDirectory(module.directory, module.path, module.version);
    if (actual !== module.sum) {
      throw new NodeFailure({
        type: "checksum",
        what: `module ${module.path} ${module.version}`,
        expected: module.sum,
        actual,
      });
    }
    intact.add(module.directory + module.sum);
  }
}

/** Removes an extracted module whose files changed, and its zip when that is not the stored one. */
function removeDamaged(directory: string, zip: string, ctx: ActionContext, modules: Address): void {
  removeReadOnly(directory);
  // Without this file the go tool computes the zip's hash anew before it extracts.
  rmSync(`${zip}hash`, { force: true });
  const name = zip.slice(join(ctx.store.paths.goModules, "cache", "download").length + 1);
  placeModuleFile(ctx, dependencyOutput(ctx, modules, MODULE_FILES), name, zip);
}

/** Writes a file of the tree by rename, so that another build never sees a part of it. */
function placeModuleFile(ctx: ActionContext, tree: Digest, name: string, path: string): void {
  const file = ctx.store.openTreeFile(tree, name);
  invariant(file !== undefined, `go.sum names "${name}", which is not among the module files`);
  const fresh = join(ctx.temporaryDirectory(), "file");
  writeFileSync(fresh, Buffer.concat([...file.chunks].map((chunk) => Buffer.from(chunk))), {
    mode: 0o444,
  });
  renameSync(fresh, path);
}

/** Extracted modules are read-only, directories included, which keeps their owner from removing them. */
function removeReadOnly(directory: string): void {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o755);
  }
  rmSync(directory, { recursive: true, force: true });
}
