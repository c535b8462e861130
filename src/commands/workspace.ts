/**
 * What every command works on: the analyzed project, its store, its live inputs and its history.
 *
 * Opening one starts no process; the pieces that write are opened on first use.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { FileIndex, openStore, type ActionRecord, type Store } from "../../cache/index.js";
import type { Diagnostic } from "../../grammar/index.js";
import { analyze, select, type Analysis, type KnownResults } from "../analyze/index.js";
import { FlockLocker, Tools, type ToolSearch } from "../host/index.js";
import type { BuildGraph } from "../model/graph.js";
import type { Address, GraphNode } from "../model/node.js";
import { NO_OVERRIDES, type Overrides } from "../model/overrides.js";
import type { FileReader, ProcessRunner } from "../model/ports.js";
import { History } from "../plan/history.js";
import { historyPath, projectDirectory } from "../plan/locations.js";
import { cachedRecord, planBuild } from "../plan/plan.js";
import { UsageError } from "./errors.js";
import { StoredResults } from "./known-results.js";
import { LiveInputs } from "./live-inputs.js";
import { readLocks } from "./locks.js";
import { RememberedTexts } from "./remembered-texts.js";

/** Everything a command gets from the outside; `src/cli` fills it in, tests make their own. */
export interface Environment {
  /** Absolute path of the project's directory. */
  readonly root: string;
  /** Recipes of the project: absolute paths. */
  readonly entry: readonly string[];
  /** Absolute path of the store. */
  readonly storePath: string;
  /** Absolute path of the store that this user's commands have when none is named. */
  readonly usualStorePath: string;
  /** Absolute path of the shipped recipes, which `kmips:` names. */
  readonly shipped: string;
  readonly reader: FileReader;
  readonly processes: ProcessRunner;
  readonly toolSearch: ToolSearch;
  readonly variables: Readonly<Record<string, string>>;
  readonly testDriver: string;
  readonly version: string;
  readonly durable: boolean;
  readonly overrides: Overrides;
  readonly onWarning: (message: string) => void;
}

export interface Project {
  readonly environment: Environment;
  readonly graph: BuildGraph;
  readonly notes: Analysis["notes"];
  /** Nodes whose results decide more of the graph, as long as these are not known. */
  readonly unknown: Analysis["unknown"];
  readonly options: Analysis["options"];
  readonly diagnostics: readonly Diagnostic[];
}

export interface Workspace extends Project {
  readonly store: Store;
  readonly inputs: LiveInputs;
  readonly history: History;
  readonly tools: Tools;
  /** The texts of recipes and locks as this command read them; also its `environment.reader`. */
  readonly texts: RememberedTexts;
  readonly fileIndex: FileIndex;
  readonly known: StoredResults;
  /** Directory of the project's own state in the store. */
  readonly stateDirectory: string;
}

/** A project whose recipes have errors. */
export class RecipeErrors extends Error {
  override readonly name = "RecipeErrors";
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[]) {
    super("The recipes have errors");
    this.diagnostics = diagnostics;
  }
}

/**
 * Reads and checks the recipes.
 * @throws RecipeErrors, UsageError when there is no recipe or an override does not fit the project
 */
export function openProject(environment: Environment, known?: KnownResults): Project {
  if (environment.entry.length === 0) {
    throw new UsageError(
      `No recipe in "${environment.root}"`,
      "make a project.kmips there, or name the project with -C DIRECTORY",
    );
  }
  const { graph, diagnostics, notes, unknown, options, misfits } = analyze({
    ...environment,
    ...(known !== undefined && { known }),
  });
  const [misfit] = misfits;
  if (misfit !== undefined) throw new UsageError(misfit.message, misfit.help);
  if (graph === undefined || diagnostics.some((d) => d.severity === "error"))
    throw new RecipeErrors(diagnostics);
  return { environment, graph, notes, unknown, options, diagnostics };
}

/** Opens the store, making it when need be unless it is only read. @throws errors of the cache */
export function openStoreOf(
  environment: Environment,
  tools: Tools,
  readOnly = false,
): Promise<Store> {
  return openStore(environment.storePath, {
    readOnly,
    locker: new FlockLocker(tools.require("flock"), tools.require("cat")),
    durable: environment.durable,
    onWarning: environment.onWarning,
  });
}

/**
 * Opens the project and its store. With `onlyRecipes`, faults that only earlier results show are
 * passed over: fetching the lists of packages anew may be what mends them.
 * @throws RecipeErrors, UsageError, errors of the cache
 */
export async function openWorkspace(
  outside: Environment,
  { onlyRecipes = false }: { readonly onlyRecipes?: boolean } = {},
): Promise<Workspace> {
  const texts = new RememberedTexts(outside.reader);
  const environment = { ...outside, reader: texts };
  const project = openProject(environment);
  const tools = new Tools(environment.toolSearch);
  const store = await openStoreOf(environment, tools);
  const stateDirectory = projectDirectory(environment.storePath, environment.root);
  mkdirSync(stateDirectory, { recursive: true });
  const fileIndex = await FileIndex.open(join(stateDirectory, "files"));
  const workspace: Workspace = {
    ...project,
    store,
    tools,
    texts,
    fileIndex,
    stateDirectory,
    known: new StoredResults(store, stateDirectory),
    inputs: new LiveInputs(fileIndex, tools, readLocks(environment)),
    history: openHistory(stateDirectory, environment.overrides),
  };
  try {
    return lookUpUnknown(workspace, onlyRecipes);
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * What was built with these overrides. What was not is compared with the project's usual builds, so
 * that a plan shows what the overrides change.
 */
function openHistory(stateDirectory: string, overrides: Overrides): History {
  const usual = historyPath(stateDirectory, NO_OVERRIDES);
  const own = historyPath(stateDirectory, overrides);
  return own === usual ? History.open(own) : History.open(own, History.open(usual));
}

/**
 * The workspace with the graph that the results in the store decide. What has no result stays in
 * `unknown`. @throws RecipeErrors for what only these results show
 */
function lookUpUnknown(workspace: Workspace, onlyRecipes: boolean): Workspace {
  let current = workspace;
  const asked = new Set<Address>();
  for (;;) {
    const fresh = current.unknown.filter((address) => !asked.has(address));
    if (fresh.length === 0) return current;
    const plan = planBuild({ ...current, selection: fresh });
    for (const address of fresh) {
      asked.add(address);
      const record = cachedRecord(plan, address);
      if (record !== undefined) current.known.learn(address, record);
    }
    if (!fresh.some((address) => current.known.has(address))) continue;
    try {
      current = analyzeAgain(current);
    } catch (error) {
      if (!onlyRecipes || !(error instanceof RecipeErrors)) throw error;
      return current;
    }
  }
}

/** The workspace with the graph that all results known by now decide. @throws RecipeErrors */
export function analyzeAgain(workspace: Workspace): Workspace {
  return { ...workspace, ...openProject(workspace.environment, workspace.known) };
}

/** The record of a node's last successful build. */
export function recordOf(
  { history, store }: Pick<Workspace, "history" | "store">,
  address: Address,
): ActionRecord | undefined {
  const key = history.lastBuilt(address);
  return key === undefined ? undefined : store.getAction(key);
}

/** The results of nodes as the recipes are now; what would run first has none. */
export function currentRecords(
  workspace: Workspace,
  selection: readonly Address[],
): ReadonlyMap<Address, ActionRecord> {
  const plan = planBuild({ ...workspace, selection });
  return new Map(
    selection.flatMap((address) => {
      const record = cachedRecord(plan, address);
      return record === undefined ? [] : [[address, record] as const];
    }),
  );
}

/**
 * The nodes that patterns name, with their tests. No pattern names everything but optional cells, and
 * the sources and toolchains of shipped recipes, which come along where something needs them.
 * @throws UsageError
 */
export function selectNodes(graph: BuildGraph, patterns: readonly string[]): Address[] {
  if (patterns.length === 0) {
    return [...graph.nodes.values()]
      .filter((node) => node.optional !== true && !isShippedInput(node))
      .map((node) => node.address);
  }
  return withTests(graph, matchNodes(graph, patterns));
}

function isShippedInput({ at, definition }: GraphNode): boolean {
  const isInput = definition.kind === "source" || definition.kind === "toolchain";
  return isInput && at.file.name.startsWith("kmips:");
}

/** The nodes that patterns name, each pattern at least one. @throws UsageError */
export function matchNodes(graph: BuildGraph, patterns: readonly string[]): Address[] {
  const { addresses, unknown } = select(graph, patterns);
  const [first] = unknown;
  if (first !== undefined) {
    const help =
      first.candidates.length > 0
        ? `did you mean ${first.candidates.map((c) => `"${c}"`).join(", ")}?`
        : "kmips query lists the nodes";
    throw new UsageError(`No node matches "${first.pattern}"`, help);
  }
  return addresses;
}

/** The tests of what is selected come along: an image without its tests is half a result. */
function withTests(graph: BuildGraph, addresses: readonly Address[]): Address[] {
  const selected = new Set(addresses);
  for (const { address, definition } of graph.nodes.values()) {
    if (definition.kind === "test" && selected.has(definition.subject)) selected.add(address);
  }
  return [...selected];
}

/** The one node that a pattern names. @throws UsageError when it names none or several */
export function selectNode(graph: BuildGraph, pattern: string): Address {
  const addresses = matchNodes(graph, [pattern]);
  const [only] = addresses;
  if (only === undefined || addresses.length > 1) {
    throw new UsageError(
      `"${pattern}" names ${addresses.length} nodes: ${addresses.slice(0, 5).join(", ")}`,
      "name one",
    );
  }
  return only;
}
