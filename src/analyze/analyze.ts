/**
 * From recipes to the build graph, or to everything that is wrong with them.
 *
 * Order: read, declare, decide the cells, lower each declaration, order the nodes. A fault stops
 * nothing but its own declaration's node; the graph exists only when there is no fault at all.
 */
import type { Diagnostic, SourceFile } from "../../grammar/index.js";
import type { BuildGraph } from "../model/graph.js";
import type { Address, GraphNode } from "../model/node.js";
import { NO_OVERRIDES, type Overrides } from "../model/overrides.js";
import type { FileReader } from "../model/ports.js";
import { checkBody } from "./check.js";
import { orderNodes } from "./cycles.js";
import { Emitter, Needs } from "./emit.js";
import { evaluate, evaluateLocal } from "./evaluate.js";
import { Findings } from "./findings.js";
import { inheritConfigs } from "./inherit.js";
import { loadRecipes, type Unit } from "./load.js";
import { lowerComponent } from "./lower-component.js";
import { DERIVING_BLOCKS, lowerDerived } from "./lower-derived.js";
import { lowerGroup, lowerIndex } from "./lower-group.js";
import { checkImages, checkReferences, type NamedFacts } from "./image-checks.js";
import { imagesInOrder } from "./image-order.js";
import { checkRules } from "./lower-dockerfile-rules.js";
import { lowerBase } from "./lower-base.js";
import { tableOf } from "./lower-packages.js";
import { lowerImage } from "./lower-image.js";
import { lowerSource, lowerToolchain, lowerToolchainSource } from "./lower-source.js";
import { lowerTests } from "./lower-test.js";
import { readCell, type KnownResults, type Lowering } from "./lowering.js";
import { cellsOf, unknownCells, type CellSet } from "./matrix.js";
import { bodyOf } from "./merge.js";
import { markOptional } from "./optional.js";
import type { Misfit, ProjectOption } from "./options.js";
import { readProject } from "./project.js";
import { schemaOf } from "./schema.js";
import { Scope, type Declared } from "./scope.js";
import { Budget, type Cell, type Session } from "./session.js";
import { Expander, producedKind } from "./templates.js";
import { parameterType } from "./types.js";

export interface AnalyzeOptions {
  /** Absolute path of the project's directory. */
  readonly root: string;
  /** Absolute paths of the recipes to start from, the root recipe first. */
  readonly entry: readonly string[];
  readonly reader: FileReader;
  /** Absolute path of the shipped recipes, which `kmips:` names. */
  readonly shipped: string;
  /** What earlier builds found out; absent: nothing. */
  readonly known?: KnownResults;
  /** What the command line says in place of the project; absent: nothing. */
  readonly overrides?: Overrides;
}

export interface Analysis {
  /** Absent when there is any error. */
  readonly graph: BuildGraph | undefined;
  /** By file in the order of reading, then by place. */
  readonly diagnostics: Diagnostic[];
  /** Things worth telling that are no faults: retired patches. */
  readonly notes: readonly { readonly address: Address; readonly message: string }[];
  /** Nodes whose results decide more of the graph; empty when it is whole. */
  readonly unknown: readonly Address[];
  /** The project's options in order of declaration. */
  readonly options: readonly ProjectOption[];
  /** Overrides that the project has no place for. */
  readonly misfits: readonly Misfit[];
}

/** The kinds that make nodes, in the order in which one builds on another. */
const NODE_KINDS = [
  "source",
  "toolchain",
  "component",
  "base",
  "packages",
  "image",
  "index",
  "group",
] as const;

/** Analyzes a project. Pure but for `reader`; never throws for anything a recipe says. */
export function analyze(options: AnalyzeOptions): Analysis {
  const findings = new Findings();
  const loaded = loadRecipes(options, findings);
  const files = loaded.units.map((unit) => unit.file);
  const scope = new Scope(loaded, findings);
  const session: Session = {
    findings,
    scope,
    reader: options.reader,
    root: options.root,
    units: new Map<SourceFile, Unit>(loaded.units.map((unit) => [unit.file, unit])),
    budget: new Budget(scope.size, findings),
    evaluate,
    options: undefined,
    project: undefined,
    targets: new Map(),
  };
  const expander = new Expander(scope, findings);
  const overrides = options.overrides ?? NO_OVERRIDES;
  const { facts: project, ...read } = readProject(options.entry, overrides, expander, session);
  session.project = project;
  for (const template of scope.all("template")) checkTemplate(template, session);

  const sets = new Map<string, CellSet>();
  for (const kind of NODE_KINDS) {
    for (const declared of scope.all(kind))
      sets.set(`${kind}.${declared.name}`, declareCells(declared, expander, session));
  }
  const lowering: Lowering = {
    session,
    sets,
    emitter: new Emitter(findings),
    trees: new Map(),
    programs: new Map(),
    tests: new Map(),
    notes: [],
    tables: new Map(),
    dockerfiles: new Map(),
    rules: new Map(),
    known: options.known,
    unknown: new Set(),
    severalTargets: project.hasTargetAxis || project.hasOtherTargets,
  };
  lowerAll(lowering);
  checkRules(lowering);
  // Lowering stops at a node's first fault; what it did not reach is looked at once more.
  if (findings.hasErrors) for (const set of sets.values()) sweep(set, session);
  const { order, cycles } = orderNodes(lowering.emitter.nodes);
  for (const { path, places } of cycles) {
    const at =
      places[0] ?? (lowering.emitter.nodes.get(path[0] as Address) as { node: GraphNode }).node.at;
    findings.error("KM0309", at, `Nodes need each other: ${[...path, path[0]].join(" -> ")}`, {
      notes: path.slice(1).map((address, index) => ({
        message: `${address} needs ${path[index + 2] ?? path[0]}`,
        ...(places[index + 1] && { at: places[index + 1] }),
      })),
      help: "remove one of these references",
    });
  }
  const diagnostics = findings.list(files);
  if (findings.hasErrors)
    return { graph: undefined, diagnostics, notes: lowering.notes, unknown: [], ...read };
  const nodes = new Map<Address, GraphNode>();
  for (const address of order)
    nodes.set(address, (lowering.emitter.nodes.get(address) as { node: GraphNode }).node);
  return {
    graph: {
      nodes: markOptional(
        inheritConfigs(nodes),
        new Set([...sets.values()].flatMap((set) => [...set.optional])),
      ),
      root: options.root,
      projectName: project.name,
      recipes: loaded.units.map((unit) => unit.path),
    },
    diagnostics,
    notes: lowering.notes,
    unknown: [...lowering.unknown],
    ...read,
  };
}

/** A template that nobody uses is checked as far as its own body goes. */
function checkTemplate(template: Declared, session: Session): void {
  const { declaration, unit } = template;
  const at = (span: { start: number; end: number }) => ({ file: unit.file, span });
  for (const parameter of declaration.parameters ?? [])
    parameterType(parameter.type, at, session.findings);
  const kind = producedKind(template);
  const schema = schemaOf(kind);
  if (schema === undefined || kind === "project" || kind === "target") {
    session.findings.error(
      "KM0241",
      at(declaration.produces?.span ?? declaration.span),
      `A template cannot make a ${kind}`,
      { help: "write -> component, base, packages, image, source, toolchain, index or group" },
    );
    return;
  }
  const body = bodyOf(declaration.body, { unit, notes: [] }, session.findings);
  checkBody(
    body,
    schema,
    { name: `template ${template.name}`, at: template.at },
    session.findings,
    false,
  );
}

function declareCells(declared: Declared, expander: Expander, session: Session): CellSet {
  const body = expander.expand(declared);
  const schema = schemaOf(declared.kind);
  if (schema !== undefined)
    checkBody(
      body,
      schema,
      { name: `${declared.kind}.${declared.name}`, at: declared.at },
      session.findings,
      true,
    );
  // What is missing would only be missed again, by the declaration and by everything that uses it.
  if (body.incomplete || session.scope.isFaulty(declared)) return unknownCells(declared, body);
  const set = cellsOf(declared, body, session);
  // Arguments are checked even where the template never looks at them.
  for (const cell of set.cells.values())
    for (const local of expander.localsOf(declared))
      evaluateLocal(local, declared.at, {
        session,
        cell,
        frame: { unit: declared.unit, notes: [] },
      });
  return set;
}

/** Evaluates every value of a declaration, for the faults that lowering did not get to. */
function sweep(set: CellSet, session: Session): void {
  for (const cell of set.cells.values()) readCell(cell, set, session).readAll();
}

function lowerAll(lowering: Lowering): void {
  const { sets, session } = lowering;
  const bases: NamedFacts[] = [];
  const indexes: { readonly reference: string; readonly cell: Cell }[] = [];
  for (const set of sets.values()) {
    const { kind } = set.declared;
    if (kind === "source" || kind === "toolchain") lowerOrigin(set, lowering);
    else if (kind === "component") {
      lowerComponent(set, lowering);
      for (const cell of set.cells.values()) lowerTests(cell, set, lowering);
    } else if (kind === "base") bases.push(...lowerBase(set, lowering));
    else if (kind === "packages") tableOf(set.declared, lowering);
  }
  const images = imagesInOrder(lowering)
    .map(({ cell, set }) => lowerImage(cell, set, lowering))
    .filter((facts) => facts !== undefined);
  for (const set of sets.values()) {
    const index = set.declared.kind === "index" ? lowerIndex(set, lowering) : undefined;
    if (index !== undefined) indexes.push(index);
    if (set.declared.kind === "group") lowerGroup(set, lowering);
  }
  checkImages(images, session);
  checkReferences([...bases, ...images], indexes, session);
}

function lowerOrigin(set: CellSet, lowering: Lowering): void {
  const { declared } = set;
  if (declared.kind === "source" && set.body.attributes.has("from"))
    return lowerDerived(set, lowering);
  for (const cell of set.cells.values()) {
    const reader = readCell(cell, set, lowering.session);
    const needs = new Needs();
    const definition =
      declared.kind === "toolchain"
        ? lowerToolchain(reader)
        : reader.has("toolchain")
          ? lowerToolchainSource(reader, needs, lowering)
          : lowerSource(reader);
    for (const keyword of declared.kind === "toolchain" ? [] : DERIVING_BLOCKS)
      for (const block of reader.blocks(keyword))
        lowering.session.findings.error("KM0205", block.at, `"${keyword}" only goes with "from"`, {
          help: "declare another source with from, and put it there",
        });
    if (definition === undefined) continue;
    lowering.emitter.emit(
      cell.address,
      "kind" in definition ? definition : { kind: "source", origin: definition },
      needs,
      declared.at,
      declared.declaration.doc,
    );
  }
}
