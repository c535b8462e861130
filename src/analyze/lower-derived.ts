/**
 * Derived sources: another source with patches, an edited go.mod and generated files.
 *
 * All cells of a declaration are lowered together, as with components.
 */
import type { Location } from "../../grammar/index.js";
import {
  GENERATE_PLACEHOLDERS,
  type Address,
  type GenerateDefinition,
  type MarkedPackages,
  type ModuleEdits,
  type ModulesDefinition,
  type SourceDefinition,
} from "../model/node.js";
import type { BodyReader } from "./body.js";
import { derivedAddresses, Needs } from "./emit.js";
import { Slugs } from "./labels.js";
import { isPackage, lowerTools, type Tools } from "./lower-build.js";
import { lowerGomod } from "./lower-gomod.js";
import { emitPatched, lowerPatches, type PatchedSource } from "./lower-patches.js";
import { readCell, type Lowering } from "./lowering.js";
import type { CellSet } from "./matrix.js";
import type { MergedBlock } from "./merge.js";
import { isTreePath } from "./paths.js";
import { resolveOne } from "./resolve.js";
import type { Cell } from "./session.js";
import { didYouMean } from "./types.js";

interface Plan extends PatchedSource {
  readonly edits: ModuleEdits | undefined;
  readonly tools: Tools | undefined;
  readonly generators: readonly Generator[];
}

interface Generator extends Pick<GenerateDefinition, "package" | "args" | "packages" | "outputs"> {
  readonly name: string;
  readonly at: Location;
}

const NO_EDITS: ModuleEdits = { drop: [], require: {}, replace: {} };

/** The blocks of a source that only go with `from`. */
export const DERIVING_BLOCKS = ["patches", "gomod", "generate"] as const;

/** Emits every node of a source declaration with `from`. */
export function lowerDerived(set: CellSet, lowering: Lowering): void {
  const plans = new Map<Cell, Plan>();
  for (const cell of set.cells.values()) {
    const plan = planCell(cell, set, lowering);
    if (plan !== undefined) plans.set(cell, plan);
  }
  const trees = emitPatched(set, plans, lowering);
  const modules = emitModules(set, plans, trees, lowering);
  const generated = emitGenerators(set, plans, trees, modules, lowering);
  const { at, declaration } = set.declared;
  for (const [cell, plan] of plans) {
    const node = trees.get(cell) as Address;
    const needs = new Needs();
    needs.add(node, plan.source.reference.at);
    const { edits, tools } = plan;
    if (edits !== undefined && tools !== undefined)
      needs.add(tools.toolchain.address, tools.reference.at);
    const addresses = generated.get(cell) ?? [];
    for (const address of addresses) needs.add(address, at);
    const definition: SourceDefinition = {
      kind: "source",
      origin: {
        type: "derived",
        node,
        ...(edits !== undefined &&
          tools !== undefined && { gomod: { edits, toolchain: tools.toolchain.address } }),
        generated: addresses,
      },
    };
    lowering.emitter.emit(cell.address, definition, needs, at, declaration.doc);
  }
}

function planCell(cell: Cell, set: CellSet, lowering: Lowering): Plan | undefined {
  const { session, sets } = lowering;
  const reader = readCell(cell, set, session);
  const reference = reader.reference("from");
  const sourceCell = reference && resolveOne(reference, cell, sets, session);
  const series = lowerPatches(reader, reader.block("patches"));
  const gomodBlock = reader.block("gomod");
  const gomod = gomodBlock && lowerGomod(reader.inside(gomodBlock));
  let failed = gomodBlock !== undefined && gomod === undefined;
  for (const { path, at } of gomod?.patches ?? []) {
    session.findings.error("KM0205", at, `"patch" of ${path} only goes with a component`, {
      help: "write it in the gomod block of the components that contain the module",
    });
    failed = true;
  }
  const generators = readGenerators(reader);
  const needsTools = gomodBlock !== undefined || reader.blocks("generate").length > 0;
  const tools = reader.has("go_toolchain")
    ? lowerTools(reader, "go", lowering, "go_toolchain")
    : undefined;
  if (needsTools && !reader.has("go_toolchain")) {
    session.findings.error("KM0203", set.declared.at, `${cell.address} has no "go_toolchain"`, {
      help: 'add: go_toolchain = toolchain.go, for "gomod" and "generate"',
    });
    failed = true;
  }
  if (reference === undefined || sourceCell === undefined || series === undefined) return undefined;
  if (failed || generators === undefined || reader.failed) return undefined;
  if (needsTools && tools === undefined) return undefined;
  return {
    source: { address: sourceCell.address, reference },
    series,
    edits: gomod?.edits,
    tools,
    generators,
  };
}

function readGenerators(reader: BodyReader): readonly Generator[] | undefined {
  const { findings } = reader.session;
  const places = new Map<string, Location>();
  let failed = false;
  const slugs = new Slugs(reader.session);
  const generators: Generator[] = [];
  for (const block of reader.blocks("generate")) {
    const generator = readGenerator(reader.inside(block), block, slugs);
    if (generator === undefined) {
      failed = true;
      continue;
    }
    for (const output of generator.outputs) {
      const first = places.get(output);
      if (first === undefined) places.set(output, generator.at);
      else {
        findings.error("KM0333", generator.at, `"${output}" is generated twice`, {
          notes: [{ message: "first here", at: first }],
          help: "remove it from one of the generators",
        });
        failed = true;
      }
    }
    generators.push(generator);
  }
  return failed ? undefined : generators;
}

function readGenerator(
  fields: BodyReader,
  block: MergedBlock,
  slugs: Slugs,
): Generator | undefined {
  const { findings } = fields.session;
  const name = slugs.take(block);
  const program = fields.value("package");
  let failed = false;
  if (program?.type === "str" && !isPackage(program.text, program.at, fields.session))
    failed = true;
  const of = fields.texts("packages_of");
  for (const item of fields.items("packages_of"))
    if (item.type === "str" && !isPackage(item.text, item.at, fields.session)) failed = true;
  const marker = fields.text("marker");
  const args: string[] = [];
  const used = new Set<string>();
  for (const item of fields.items("args")) {
    if (item.type !== "str") continue;
    args.push(item.text);
    for (const [word, name = ""] of item.text.matchAll(/\{([a-z_]+)\}/g)) {
      used.add(name);
      if ((GENERATE_PLACEHOLDERS as readonly string[]).includes(name)) continue;
      findings.error("KM0227", item.at, `"${word}" stands for nothing in the arguments`, {
        help:
          didYouMean(name, GENERATE_PLACEHOLDERS).help ??
          `use ${GENERATE_PLACEHOLDERS.map((known) => `{${known}}`).join(", ")}`,
      });
      failed = true;
    }
  }
  if (used.has("packages") !== fields.has("packages_of")) {
    const at = fields.at(fields.has("packages_of") ? "packages_of" : "args");
    findings.error("KM0205", at, '"packages_of" and "{packages}" only go together', {
      help: used.has("packages")
        ? 'add: packages_of = ["./cmd/…"], marker = "+k8s:…"'
        : "write {packages} where the list belongs among the arguments",
    });
    failed = true;
  }
  const outputs = readOutputs(fields);
  if (name === undefined || program?.type !== "str" || outputs === undefined) return undefined;
  if (failed || fields.failed) return undefined;
  const packages: MarkedPackages | undefined = marker === undefined ? undefined : { of, marker };
  return {
    name,
    at: block.at,
    package: program.text,
    args,
    ...(packages !== undefined && { packages }),
    outputs,
  };
}

function readOutputs(fields: BodyReader): readonly string[] | undefined {
  const { findings } = fields.session;
  const outputs: string[] = [];
  let failed = !fields.has("outputs");
  for (const item of fields.items("outputs")) {
    if (item.type !== "str") continue;
    const { text } = item;
    const isNormal = text.split("/").every((part) => !["", ".", ".."].includes(part));
    if (isNormal && isTreePath(text)) outputs.push(text);
    else {
      findings.error("KM0331", item.at, `Output "${text}" is not a file inside the source`, {
        help: "write its path relative to the source, without ..",
      });
      failed = true;
    }
  }
  if (outputs.length === 0 && !failed && !fields.failed) {
    findings.error("KM0227", fields.at("outputs"), '"outputs" is empty', {
      help: "name every file that the generator writes",
    });
    failed = true;
  }
  return failed ? undefined : [...new Set(outputs)].sort();
}

/** The modules that the generators of a cell, and what they look at, need. */
function emitModules(
  set: CellSet,
  plans: ReadonlyMap<Cell, Plan>,
  trees: ReadonlyMap<Cell, Address>,
  { emitter }: Lowering,
): ReadonlyMap<Cell, Address> {
  const definitions = new Map<Cell, ModulesDefinition>();
  for (const [cell, { edits, tools, generators }] of plans) {
    if (generators.length === 0 || tools === undefined) continue;
    definitions.set(cell, {
      kind: "modules",
      source: trees.get(cell) as Address,
      toolchain: tools.toolchain.address,
      edits: edits ?? NO_EDITS,
      patched: [],
      packages: [
        ...new Set(
          generators.flatMap(({ package: own, packages }) => [own, ...(packages?.of ?? [])]),
        ),
      ],
      tags: [],
    });
  }
  const addresses = derivedAddresses(set, "modules", definitions);
  for (const [cell, definition] of definitions) {
    const address = addresses.get(cell) as Address;
    if (emitter.nodes.has(address)) continue;
    const { source, tools } = plans.get(cell) as Plan & { tools: Tools };
    const needs = new Needs();
    needs.add(definition.source, source.reference.at);
    needs.add(definition.toolchain, tools.reference.at);
    emitter.emit(address, definition, needs, set.declared.at, undefined);
  }
  return addresses;
}

/** The generate nodes of every cell, in order of declaration. */
function emitGenerators(
  set: CellSet,
  plans: ReadonlyMap<Cell, Plan>,
  trees: ReadonlyMap<Cell, Address>,
  modules: ReadonlyMap<Cell, Address>,
  { emitter }: Lowering,
): ReadonlyMap<Cell, readonly Address[]> {
  const result = new Map<Cell, Address[]>([...plans.keys()].map((cell) => [cell, []]));
  const names = new Set(
    [...plans.values()].flatMap(({ generators }) => generators.map(({ name }) => name)),
  );
  for (const name of names) {
    const definitions = new Map<Cell, GenerateDefinition>();
    const places = new Map<Cell, Location>();
    for (const [cell, { generators, tools }] of plans) {
      const generator = generators.find((candidate) => candidate.name === name);
      if (generator === undefined || tools === undefined) continue;
      const { package: program, args, packages, outputs } = generator;
      places.set(cell, generator.at);
      definitions.set(cell, {
        kind: "generate",
        source: trees.get(cell) as Address,
        modules: modules.get(cell) as Address,
        toolchain: tools.toolchain.address,
        package: program,
        args,
        ...(packages !== undefined && { packages }),
        outputs,
      });
    }
    const addresses = derivedAddresses(set, `generate:${name}`, definitions);
    for (const [cell, definition] of definitions) {
      const address = addresses.get(cell) as Address;
      result.get(cell)?.push(address);
      if (emitter.nodes.has(address)) continue;
      const { source, tools } = plans.get(cell) as Plan & { tools: Tools };
      const at = places.get(cell) as Location;
      const needs = new Needs();
      needs.add(definition.source, source.reference.at);
      needs.add(definition.modules, at);
      needs.add(definition.toolchain, tools.reference.at);
      emitter.emit(address, definition, needs, at, undefined);
    }
  }
  return result;
}
