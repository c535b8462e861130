/**
 * Runs a modules node: lets the go client choose the modules of a build from the edited go.mod,
 * and keeps exactly the files of them that the build needs.
 *
 * The client runs with the machine's own proxy settings. go.sum starts empty: what it holds
 * afterwards is what the chosen packages need, and every row is compared with the source's own
 * go.sum, with the lock and with the bytes that are kept.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { EntryInput, Output } from "../../../cache/index.js";
import { NodeFailure } from "../../model/failure.js";
import type { ModulesDefinition } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import { downloadFailure, goClientEnvironment, parseGoSum } from "../go-client.js";
import { editGoMod } from "../edit-go-mod.js";
import {
  checkoutOf,
  dependencyOutput,
  GO_MODULES,
  GO_PATCHED,
  GO_ROOT,
  goEnvironmentFor,
  goPaths,
  goSourceDirectory,
  hostPlatform,
  listings,
  patchedMounts,
} from "../go-workspace.js";
import { escapeModule, hashGoMod, hashModuleZip } from "../module-hash.js";
import { ModuleZipError } from "../module-zip.js";
import { commandFailure, runSandboxed } from "../run-tool.js";
import { fileContent } from "../trees.js";
import { MODULE_FILES } from "../go-modules.js";
import type { Mount } from "../sandbox.js";

/** Outputs: `go.mod`, `go.sum`, `download` (a tree). @throws NodeFailure */
export async function runModules(
  node: ModulesDefinition,
  ctx: ActionContext,
): Promise<ActionOutcome> {
  const started = performance.now();
  const work = join(ctx.temporaryDirectory(), "work");
  mkdirSync(work);
  const toolchain = await checkoutOf(ctx, node.toolchain);
  await editGoMod(node, join(work, "go.mod"), toolchain, ctx);
  for (const listing of listings(node)) await chooseModules(node, listing, work, toolchain, ctx);
  const outputs = [
    storeFile("go.mod", join(work, "go.mod"), ctx),
    storeFile("go.sum", join(work, "go.sum"), ctx),
    storeModuleFiles(work, sourceSums(node, ctx), ctx),
  ];
  return { outputs, nativeMs: Math.round(performance.now() - started), emulatedMs: 0 };
}

/** Loads the packages with all that they import; go.mod and go.sum below `work` are completed. */
async function chooseModules(
  node: ModulesDefinition,
  listing: readonly string[],
  work: string,
  toolchain: string,
  ctx: ActionContext,
): Promise<void> {
  const paths = goPaths(ctx);
  const modules = ctx.store.paths.goModules;
  mkdirSync(modules, { recursive: true });
  const source = await goSourceDirectory(ctx, node.source);
  const result = await runSandboxed(
    ctx,
    {
      network: !ctx.offline,
      inheritEnvironment: true,
      mounts: [
        ...hostRoot(),
        { type: "ro", source: toolchain, target: GO_ROOT },
        { type: "rw", source: modules, target: GO_MODULES },
        { type: "ro", source, target: paths.source },
        { type: "rw", source: work, target: paths.work },
        ...(await patchedMounts(ctx, node.patched)),
      ],
      cwd: paths.source,
      argv: [
        `${GO_ROOT}/bin/go`,
        "list",
        "-mod=mod",
        `-modfile=${paths.work}/go.mod`,
        "-f={{with .Module}}{{.Path}} {{.Version}}{{end}}",
        ...listing,
      ],
    },
    { what: "go list", quiet: true },
    {
      ...ctx.environment,
      ...goClientEnvironment(ctx),
      ...goEnvironmentFor(node.platform ?? hostPlatform(ctx)),
      // The machine's own go configuration says where modules come from.
      GOENV: ctx.environment["GOENV"] ?? "",
      GOCACHE: "/tmp/gocache",
      GOTMPDIR: "/tmp",
      TMPDIR: "/tmp",
    },
  );
  ctx.log(result.stderr);
  const said = result.stderr;
  if (result.code === 0) return refuseUnpinned(said);
  throw (
    downloadFailure(`modules of ${ctx.address}`, said, ctx.offline) ??
    commandFailure("go list", result)
  );
}

/**
 * The go client takes the newest module for an import that go.mod pins none for: another one next
 * month. It says so, and that is refused.
 */
function refuseUnpinned(said: string): void {
  const found = [...said.matchAll(/^go: found (\S+) in (\S+) (\S+)$/gm)];
  if (found.length === 0) return;
  const rows = new Map(found.map(([, , path = "", version = ""]) => [path, version]));
  const required = [...rows].map(([path, version]) => `"${path}" = ${version}`).join(", ");
  throw new NodeFailure(
    {
      type: "command",
      what: "choosing modules",
      exit: "an import has no pinned module",
      excerpt: found
        .map(([, name, path, version]) => `${name} is in ${path}, newest ${version}`)
        .join("\n"),
    },
    `Pin it: gomod { require = { ${required} } }`,
  );
}

/** This machine as network clients know it: resolvers, certificates, credentials; all read-only. */
function hostRoot(): Mount[] {
  const own = new Set(["proc", "dev", "tmp", "kmips", "perturbed", GO_PATCHED.slice(1)]);
  return readdirSync("/", { withFileTypes: true })
    .filter((entry) => !own.has(entry.name) && (entry.isDirectory() || entry.isSymbolicLink()))
    .map((entry): Mount => {
      const path = `/${entry.name}`;
      return entry.isSymbolicLink()
        ? { type: "link", source: readlinkSync(path), target: path }
        : { type: "ro", source: path, target: path };
    });
}

/** `path version` → hash, of the go.sum that the source itself brings. */
function sourceSums(node: ModulesDefinition, ctx: ActionContext): ReadonlyMap<string, string> {
  const text = ctx.store.readTreeFile(dependencyOutput(ctx, node.source, "tree"), "go.sum");
  return new Map(
    parseGoSum(text?.toString("utf8") ?? "").map(([path, version, hash]) => [
      `${path} ${version}`,
      hash,
    ]),
  );
}

/**
 * The part of the download cache that the build needs, every file checked. One tree rather than a
 * blob a file: a graph of modules has hundreds of small files, and each blob would cost every build
 * with nothing to do a stat.
 */
function storeModuleFiles(
  work: string,
  known: ReadonlyMap<string, string>,
  ctx: ActionContext,
): Output {
  const entries: EntryInput[] = [];
  for (const [path, version, sum] of parseGoSum(textOf(join(work, "go.sum")))) {
    const what = `module ${path} ${version}`;
    for (const expected of [known.get(`${path} ${version}`), ctx.lock.lockedSum(path, version)]) {
      if (expected !== undefined && expected !== sum) {
        throw new NodeFailure(
          { type: "checksum", what, expected, actual: sum },
          "If the module was meant to change, run `kmips update`",
        );
      }
    }
    const isGoMod = version.endsWith("/go.mod");
    const release = isGoMod ? version.slice(0, -"/go.mod".length) : version;
    const name = `${escapeModule(path)}/@v/${escapeModule(release)}.${isGoMod ? "mod" : "zip"}`;
    const file = join(ctx.store.paths.goModules, "cache", "download", name);
    const actual = hashOf(file, isGoMod);
    if (actual !== sum) {
      // Not the bytes that were verified when they came: let the next run fetch them anew.
      rmSync(file, { force: true });
      rmSync(file.replace(/zip$/, "ziphash"), { force: true });
      throw new NodeFailure(
        { type: "checksum", what: `${what} in the store's module cache`, expected: sum, actual },
        "The damaged file was removed; build again",
      );
    }
    entries.push({ path: name, type: "file", content: fileContent(file) });
  }
  return { name: MODULE_FILES, ...ctx.store.writeTree(entries) };
}

function hashOf(file: string, isGoMod: boolean): string {
  try {
    const bytes = readFileSync(file);
    return isGoMod ? hashGoMod(bytes) : hashModuleZip(bytes);
  } catch (error) {
    if (error instanceof ModuleZipError) return error.message;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "absent";
    throw error;
  }
}

function storeFile(name: string, path: string, ctx: ActionContext): Output {
  const text = textOf(path);
  return { name, digest: ctx.store.putBytes(text), size: Buffer.byteLength(text) };
}

/** A build of the standard library alone has no go.sum; an empty one says the same. */
function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
