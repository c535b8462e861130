/**
 * Components: patched source, modules, programs.
 *
 * All cells of a declaration are lowered together, so that derived nodes with the same definition are
 * one node however many platforms read it.
 */
import type {
  Address,
  CComponent,
  GoComponent,
  ModuleEdits,
  ModulesDefinition,
  PatchDefinition,
  PatchedModule,
  SourceDefinition,
} from "../model/node.js";
import type { Platform } from "../model/platform.js";
import { derivedAddresses, Needs } from "./emit.js";
import { lowerC, lowerGo, type CBuild, type GoBuild } from "./lower-build.js";
import { lowerGomod, type ModulePatch } from "./lower-gomod.js";
import { emitPatched, lowerPatches, type PatchedSource } from "./lower-patches.js";
import { readCell, type Lowering } from "./lowering.js";
import type { CellSet } from "./matrix.js";
import { resolveOne } from "./resolve.js";
import type { Cell } from "./session.js";

interface Plan extends PatchedSource {
  readonly edits: ModuleEdits;
  readonly modulePatches: readonly ModulePatch[];
  readonly build: GoBuild | CBuild;
}

const NO_EDITS: ModuleEdits = { drop: [], require: {}, replace: {} };

/** Emits every node of a component declaration. */
export function lowerComponent(set: CellSet, lowering: Lowering): void {
  const plans = new Map<Cell, Plan>();
  for (const cell of set.cells.values()) {
    const plan = planCell(cell, set, lowering);
    if (plan !== undefined) plans.set(cell, plan);
  }
  for (const [cell, address] of emitPatched(set, plans, lowering))
    lowering.trees.set(cell, address);
  const patched = emitModulePatches(set, plans, lowering);
  emitGo(set, plans, patched, lowering);
  for (const [cell, plan] of plans) emitC(cell, plan, lowering);
}

function planCell(cell: Cell, set: CellSet, lowering: Lowering): Plan | undefined {
  const { session, sets } = lowering;
  const reader = readCell(cell, set, session);
  cell.version();
  const reference = reader.reference("source");
  const sourceCell = reference && resolveOne(reference, cell, sets, session);
  const series = lowerPatches(reader, reader.block("patches"));
  const gomodBlock = reader.block("gomod");
  const gomod =
    gomodBlock === undefined
      ? { edits: NO_EDITS, patches: [] }
      : lowerGomod(reader.inside(gomodBlock));
  const block = reader.block("go") ?? reader.block("c");
  if (block === undefined && !reader.failed)
    session.findings.error(
      "KM0204",
      cell.declared.at,
      `${cell.address} has none of "go", "c", wanted exactly one`,
      { help: 'make its "when" hold, or give the component the same condition' },
    );
  if (block?.keyword === "c" && gomodBlock !== undefined)
    session.findings.error("KM0205", gomodBlock.at, '"gomod" only goes with "go"', {
      help: "remove it",
    });
  const fields = block && reader.inside(block);
  const build =
    fields &&
    (block.keyword === "go"
      ? lowerGo(fields, isOfToolchain(sourceCell, lowering), lowering)
      : lowerC(fields, lowering));
  if (
    reference === undefined ||
    sourceCell === undefined ||
    series === undefined ||
    gomod === undefined ||
    build === undefined ||
    reader.failed
  )
    return undefined;
  return {
    source: { address: sourceCell.address, reference },
    series,
    edits: gomod.edits,
    modulePatches: gomod.patches,
    build,
  };
}

function isOfToolchain(source: Cell | undefined, { sets }: Lowering): boolean {
  const set = source && sets.get(`source.${source.declared.name}`);
  return set?.body.attributes.has("toolchain") === true;
}

/** The patched modules of every cell, in order of declaration. */
function emitModulePatches(
  set: CellSet,
  plans: ReadonlyMap<Cell, Plan>,
  { emitter, notes }: Lowering,
): ReadonlyMap<Cell, readonly PatchedModule[]> {
  const result = new Map<Cell, PatchedModule[]>([...plans.keys()].map((cell) => [cell, []]));
  const paths = new Set(
    [...plans.values()].flatMap((plan) => plan.modulePatches.map((patch) => patch.path)),
  );
  for (const path of paths) {
    const patches = new Map<Cell, ModulePatch>();
    for (const [cell, plan] of plans) {
      const patch = plan.modulePatches.find((candidate) => candidate.path === path);
      if (patch === undefined) continue;
      if (patch.series.active.length > 0) patches.set(cell, patch);
      else
        notes.push({
          address: cell.address,
          message: `no patch of ${path} is active: the module is used as it is`,
        });
    }
    const sources = new Map<Cell, SourceDefinition>();
    for (const [cell, patch] of patches)
      sources.set(cell, {
        kind: "source",
        origin: { type: "go-module", path, version: patch.version },
      });
    const sourceAddresses = derivedAddresses(set, `module:${path}`, sources);
    const definitions = new Map<Cell, PatchDefinition>();
    for (const [cell, { series }] of patches)
      definitions.set(cell, {
        kind: "patch",
        source: sourceAddresses.get(cell) as Address,
        series: series.active,
        retired: series.retired,
      });
    const patchAddresses = derivedAddresses(set, `module:${path}/patched`, definitions);
    for (const [cell, definition] of definitions) {
      const { at } = patches.get(cell) as ModulePatch;
      const source = definition.source;
      if (!emitter.nodes.has(source))
        emitter.emit(source, sources.get(cell) as SourceDefinition, new Needs(), at, undefined);
      const address = patchAddresses.get(cell) as Address;
      if (!emitter.nodes.has(address)) {
        const needs = new Needs();
        needs.add(source, at);
        emitter.emit(address, definition, needs, at, undefined);
      }
      result.get(cell)?.push({ path, tree: address });
    }
  }
  return result;
}

function emitGo(
  set: CellSet,
  plans: ReadonlyMap<Cell, Plan>,
  patchedModules: ReadonlyMap<Cell, readonly PatchedModule[]>,
  lowering: Lowering,
): void {
  const { emitter, trees } = lowering;
  const { at } = set.declared;
  const definitions = new Map<Cell, ModulesDefinition & { readonly platform: Platform }>();
  for (const [cell, { build, edits }] of plans) {
    const source = trees.get(cell);
    const platform = cell.target?.platform;
    if (build.language !== "go" || source === undefined || platform === undefined) continue;
    const { tests } = build;
    definitions.set(cell, {
      kind: "modules",
      source,
      toolchain: build.toolchain.address,
      edits,
      patched: patchedModules.get(cell) ?? [],
      packages: [...new Set(Object.values(build.packages))],
      ...(tests !== undefined && { tests: [...new Set(Object.values(tests))] }),
      tags: build.tags,
      platform,
    });
  }
  const addresses = derivedAddresses(set, "modules", definitions);
  for (const [cell, modules] of definitions) {
    const { build, source: declared } = plans.get(cell) as Plan & { build: GoBuild };
    const { source, toolchain, patched, tags, platform } = modules;
    const needs = new Needs();
    needs.add(source, declared.reference.at);
    needs.add(toolchain, build.reference.at);
    for (const { tree } of patched) needs.add(tree, at);
    const address = addresses.get(cell) as Address;
    if (!emitter.nodes.has(address)) emitter.emit(address, modules, needs, at, undefined);
    const own = new Needs();
    own.add(source, declared.reference.at);
    own.add(address, at);
    own.add(toolchain, build.reference.at);
    for (const { tree } of patched) own.add(tree, at);
    const definition: GoComponent = {
      kind: "component",
      type: "go",
      ...versionOf(cell),
      source,
      modules: address,
      toolchain,
      patched,
      packages: build.packages,
      ...(build.tests !== undefined && { tests: build.tests }),
      ldflags: build.ldflags,
      tags,
      platform,
    };
    emitter.emit(cell.address, definition, own, at, set.declared.declaration.doc);
  }
}

function emitC(cell: Cell, { build, source: declared }: Plan, { emitter, trees }: Lowering): void {
  const source = trees.get(cell);
  const platform = cell.target?.platform;
  if (build.language !== "c" || source === undefined || platform === undefined) return;
  const needs = new Needs();
  needs.add(source, declared.reference.at);
  needs.add(build.toolchain.address, build.reference.at);
  const definition: CComponent = {
    kind: "component",
    type: "c",
    ...versionOf(cell),
    source,
    toolchain: build.toolchain.address,
    programs: build.programs,
    flags: build.flags,
    platform,
  };
  emitter.emit(cell.address, definition, needs, cell.declared.at, cell.declared.declaration.doc);
}

function versionOf(cell: Cell): { readonly version?: string } {
  const version = cell.version();
  return version?.type === "version" ? { version: version.text } : {};
}
