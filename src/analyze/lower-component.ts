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
  PatchedModule,
  SourceDefinition,
} from "../model/node.js";
import type { BodyReader } from "./body.js";
import { recordOf } from "./body.js";
import { derivedAddresses, Needs } from "./emit.js";
import { lowerGomod, type ModulePatch } from "./lower-gomod.js";
import { lowerPatches, type Series } from "./lower-patches.js";
import { readCell, type Lowering } from "./lowering.js";
import type { CellSet } from "./matrix.js";
import type { MergedBlock } from "./merge.js";
import { isTreePath } from "./paths.js";
import { resolveOne, samePlatform } from "./resolve.js";
import type { Cell } from "./session.js";
import type { ReferenceValue, Value } from "./values.js";

interface Plan {
  readonly reader: BodyReader;
  readonly source: { readonly address: Address; readonly reference: ReferenceValue };
  readonly series: Series;
  readonly edits: ModuleEdits;
  readonly modulePatches: readonly ModulePatch[];
  readonly build: MergedBlock;
}

const NO_EDITS: ModuleEdits = { drop: [], require: {}, replace: {} };

/** Emits every node of a component declaration. */
export function lowerComponent(set: CellSet, lowering: Lowering): void {
  const plans = new Map<Cell, Plan>();
  for (const cell of set.cells.values()) {
    const plan = planCell(cell, set, lowering);
    if (plan !== undefined) plans.set(cell, plan);
  }
  emitPatched(set, plans, lowering);
  const patched = emitModulePatches(set, plans, lowering);
  const goPlans = new Map([...plans].filter(([, plan]) => plan.build.keyword === "go"));
  emitGo(set, goPlans, patched, lowering);
  for (const [cell, plan] of plans) if (plan.build.keyword === "c") emitC(cell, plan, lowering);
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
  const builds = [...reader.blocks("go"), ...reader.blocks("c")];
  const build = builds[0];
  if (
    build === undefined &&
    !set.body.incomplete &&
    reader.body.blocks.some((block) => block.keyword === "go" || block.keyword === "c")
  )
    session.findings.error(
      "KM0204",
      cell.declared.at,
      `${cell.address} has none of "go", "c", wanted exactly one`,
      { help: 'make the "when" of one of them hold' },
    );
  if (build?.keyword === "c" && gomodBlock !== undefined) {
    session.findings.error("KM0205", gomodBlock.at, '"gomod" only goes with "go"', {
      help: "remove it",
    });
    return undefined;
  }
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
    reader,
    source: { address: sourceCell.address, reference },
    series,
    edits: gomod.edits,
    modulePatches: gomod.patches,
    build,
  };
}

function emitPatched(
  set: CellSet,
  plans: ReadonlyMap<Cell, Plan>,
  { emitter, trees, notes }: Lowering,
): void {
  const definitions = new Map<
    Cell,
    { kind: "patch"; source: Address; series: Series["active"]; retired: Series["retired"] }
  >();
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
  for (const [cell, plan] of plans) {
    const definition = definitions.get(cell);
    const address = addresses.get(cell);
    trees.set(cell, address ?? plan.source.address);
    if (definition === undefined || address === undefined || emitter.nodes.has(address)) continue;
    const needs = new Needs();
    needs.add(plan.source.address, plan.source.reference.at);
    emitter.emit(
      address,
      definition,
      needs,
      definition.series[0]?.at ?? set.declared.at,
      undefined,
    );
  }
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
    const definitions = new Map<
      Cell,
      { kind: "patch"; source: Address; series: Series["active"]; retired: Series["retired"] }
    >();
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
  const { session, sets, emitter, trees } = lowering;
  const components = new Map<Cell, { component: Omit<GoComponent, "modules">; needs: Needs }>();
  const modules = new Map<Cell, unknown>();
  for (const [cell, plan] of plans) {
    const fields = plan.reader.inside(plan.build);
    const toolchainReference = fields.reference("toolchain");
    const toolchain = toolchainReference && resolveOne(toolchainReference, cell, sets, session);
    const packages = readPackages(fields);
    const ldflags = fields.texts("ldflags");
    const tags = fields.texts("tags");
    const isGo =
      toolchain === undefined ||
      isToolchain(toolchain, "go", toolchainReference as ReferenceValue, lowering);
    const platform = cell.target?.platform;
    const source = trees.get(cell);
    if (
      toolchain === undefined ||
      packages === undefined ||
      !isGo ||
      fields.failed ||
      platform === undefined ||
      source === undefined
    )
      continue;
    const version = cell.version();
    const patched = patchedModules.get(cell) ?? [];
    const needs = new Needs();
    needs.add(source, plan.source.reference.at);
    needs.add(toolchain.address, (toolchainReference as ReferenceValue).at);
    for (const { tree } of patched) needs.add(tree, plan.build.at);
    modules.set(cell, {
      kind: "modules",
      source,
      toolchain: toolchain.address,
      edits: plan.edits,
      patched,
      packages: [...new Set(Object.values(packages))],
      tags,
      platform,
    });
    components.set(cell, {
      component: {
        kind: "component",
        type: "go",
        ...(version?.type === "version" && { version: version.text }),
        source,
        toolchain: toolchain.address,
        patched,
        packages,
        ldflags,
        tags,
        platform,
      },
      needs,
    });
  }
  const addresses = derivedAddresses(set, "modules", modules);
  for (const [cell, { component, needs }] of components) {
    const address = addresses.get(cell) as Address;
    if (!emitter.nodes.has(address))
      emitter.emit(
        address,
        modules.get(cell) as ModulesDefinition,
        needs,
        set.declared.at,
        undefined,
      );
    const own = new Needs();
    own.add(component.source, needs.placeOf(component.source) ?? set.declared.at);
    own.add(address, set.declared.at);
    own.add(component.toolchain, needs.placeOf(component.toolchain) ?? set.declared.at);
    for (const { tree } of component.patched) own.add(tree, needs.placeOf(tree) ?? set.declared.at);
    emitter.emit(
      cell.address,
      { ...component, modules: address },
      own,
      set.declared.at,
      set.declared.declaration.doc,
    );
  }
}

function emitC(cell: Cell, plan: Plan, lowering: Lowering): void {
  const { session, sets, emitter, trees } = lowering;
  const fields = plan.reader.inside(plan.build);
  const reference = fields.reference("toolchain");
  const toolchain = reference && resolveOne(reference, cell, sets, session);
  const flags = fields.texts("flags");
  const entries = fields.map("programs");
  let failed = fields.failed;
  const programs: [string, string[]][] = [];
  for (const [name, value] of entries) {
    if (!isProgramName(name, value, lowering)) failed = true;
    const files = value.type === "list" ? value.items : [];
    if (files.length === 0) {
      session.findings.error("KM0336", value.at, `Program "${name}" has no source files`, {
        help: `write ["${name}.c"]`,
      });
      failed = true;
    }
    for (const file of files) {
      if (file.type !== "str") continue;
      if (isTreePath(file.text) && file.text !== "" && !file.text.startsWith("-")) continue;
      session.findings.error(
        "KM0331",
        file.at,
        `Source file "${file.text}" is not a path inside the source`,
        { help: "write it relative to the source, without .." },
      );
      failed = true;
    }
    programs.push([name, files.map((file) => (file.type === "str" ? file.text : ""))]);
  }
  if (fields.has("programs") && programs.length === 0 && !fields.failed) {
    session.findings.error("KM0227", fields.at("programs"), '"programs" is empty', {
      help: "name at least one program",
    });
    failed = true;
  }
  const platform = cell.target?.platform;
  const source = trees.get(cell);
  if (
    reference === undefined ||
    toolchain === undefined ||
    platform === undefined ||
    source === undefined
  )
    return;
  if (
    !isToolchain(toolchain, "cc", reference, lowering) ||
    !samePlatform(reference, toolchain, cell, session) ||
    failed
  )
    return;
  const version = cell.version();
  const needs = new Needs();
  needs.add(source, plan.source.reference.at);
  needs.add(toolchain.address, reference.at);
  const definition: CComponent = {
    kind: "component",
    type: "c",
    ...(version?.type === "version" && { version: version.text }),
    source,
    toolchain: toolchain.address,
    programs: recordOf(programs),
    flags,
    platform,
  };
  emitter.emit(cell.address, definition, needs, cell.declared.at, cell.declared.declaration.doc);
}

function isToolchain(
  cell: Cell,
  wanted: "go" | "cc",
  reference: ReferenceValue,
  { sets, session }: Lowering,
): boolean {
  const body = sets.get(`toolchain.${cell.declared.name}`)?.body;
  const other = wanted === "go" ? "cc" : "go";
  if (body === undefined || body.attributes.has(wanted) || !body.attributes.has(other)) return true;
  session.findings.error(
    "KM0210",
    reference.at,
    `${cell.address} is a ${other} toolchain, wanted a ${wanted} toolchain`,
    {
      notes: [{ message: "declared here", at: cell.declared.at }],
      help: `write a toolchain with "${wanted} ="`,
    },
  );
  return false;
}

function isProgramName(name: string, value: Value, { session }: Lowering): boolean {
  if (/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(name)) return true;
  session.findings.error("KM0336", value.at, `"${name}" is not a program name`, {
    help: "use letters, digits, _ . + and -",
  });
  return false;
}

/** Program name → package path of a `go` block. */
function readPackages(fields: BodyReader): Record<string, string> | undefined {
  const entries = fields.map("packages");
  const { findings } = fields.session;
  let failed = fields.failed;
  const packages: [string, string][] = [];
  for (const [name, value] of entries) {
    if (value.type !== "str") continue;
    const { text } = value;
    if (!/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(name)) {
      findings.error("KM0336", value.at, `"${name}" is not a program name`, {
        help: "use letters, digits, _ . + and -",
      });
      failed = true;
    }
    const isPackage =
      text === "." ||
      (/^\.\/[^\s]+$/.test(text) &&
        isTreePath(text) &&
        !text.endsWith("/") &&
        !text.includes("..."));
    if (!isPackage) {
      const bare = text.replace(/^(\.?\/)+/, "").replace(/\/+$/, "");
      findings.error("KM0336", value.at, `Package "${text}" is not a path inside the source`, {
        help:
          isTreePath(bare) && bare !== "" && !bare.includes("...")
            ? `write "./${bare}"`
            : 'write "." or "./path"',
      });
      failed = true;
    }
    packages.push([name, text]);
  }
  if (packages.length === 0 && !failed && fields.has("packages")) {
    findings.error("KM0227", fields.at("packages"), '"packages" is empty', {
      help: "name at least one program",
    });
    failed = true;
  }
  return failed || !fields.has("packages") ? undefined : recordOf(packages);
}
