/** The commands that look at recipes, keys, images and logs, from options to text. */
import { join, resolve } from "node:path";
import {
  diffSides,
  formatFiles,
  graphText,
  keyDocument,
  nodeLog,
  openProject,
  query,
  RecipeErrors,
  UsageError,
  selectNode,
  selectNodes,
  lockOf,
  unlockedSources,
  type Project,
} from "../commands/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import { factText } from "../model/facts.js";
import type { BuildGraph } from "../model/graph.js";
import type { Address } from "../model/node.js";
import { diagnosticsAsData, printable, renderDiagnostics } from "../report/index.js";
import { runCheckRecorded } from "./recorded-commands.js";
import { makeEnvironment, makeStreams, type GlobalOptions, type Streams } from "./environment.js";
import { openFor, withWorkspace } from "./open.js";

export async function runKey(globals: GlobalOptions, pattern: string): Promise<ExitCode> {
  return withWorkspace(globals, (workspace, streams) => {
    const document = keyDocument(workspace, selectNode(workspace.graph, pattern));
    if (globals.json === true) {
      streams.out(`${JSON.stringify(document)}\n`);
      return EXIT.ok;
    }
    const lines = [
      `${document.kind} ${printable(document.address)}`,
      `key ${document.key ?? `not known before ${document.waitsFor.join(", ")} ran`}`,
    ];
    for (const field of document.fields) {
      const [first = "", ...rest] = field.lines;
      lines.push(
        `${printable(field.name)}: ${printable(first)}`,
        ...rest.map((line) => `  ${printable(line)}`),
      );
    }
    streams.out(`${lines.join("\n")}\n`);
    return EXIT.ok;
  });
}

export async function runDiff(
  globals: GlobalOptions,
  before: string,
  after: string,
): Promise<ExitCode> {
  return withWorkspace(globals, (workspace, streams) => {
    const changes = diffSides(workspace, before, after);
    if (globals.json === true) streams.out(`${JSON.stringify(changes)}\n`);
    else if (changes.length === 0) streams.out("no difference\n");
    else {
      for (const change of changes) {
        streams.out(
          `${change.code}: ${printable(change.summary)}\n${change.lines.map((line) => `  ${printable(line)}\n`).join("")}`,
        );
      }
    }
    return EXIT.ok;
  });
}

export interface CheckFlags {
  readonly recorded?: boolean;
}

export async function runCheck(
  globals: GlobalOptions,
  patterns: readonly string[],
  flags: CheckFlags,
): Promise<ExitCode> {
  if (flags.recorded === true) return runCheckRecorded(globals, patterns);
  if (patterns.length > 0)
    throw new UsageError("check reads all recipes", "name nodes with --recorded only");
  const streams = makeStreams(globals);
  const project = await knownProject(globals, streams);
  if (globals.json === true) {
    streams.out(
      `${JSON.stringify({ diagnostics: diagnosticsAsData(project.diagnostics), nodes: project.graph.nodes.size, unknown: project.unknown })}\n`,
    );
    return EXIT.ok;
  }
  if (project.diagnostics.length > 0)
    streams.err(renderDiagnostics(project.diagnostics, streams.errPaint));
  const unknown = project.unknown.filter(
    (address) => project.graph.nodes.get(address)?.optional !== true,
  );
  const open =
    unknown.length === 0 ? "" : `; ${unknown.join(", ")} must run before everything can be checked`;
  streams.out(
    `${project.graph.recipes.length} recipes, ${project.graph.nodes.size} nodes, no errors${open}\n`,
  );
  return EXIT.ok;
}

/** The project with what earlier builds found out, where that matters. */
async function knownProject(globals: GlobalOptions, streams: Streams): Promise<Project> {
  const project = openProject(makeEnvironment(globals, () => undefined));
  if (project.unknown.length === 0) return project;
  const workspace = await openFor(globals, undefined, streams);
  await workspace.store.close();
  return workspace;
}

export async function runFmt(
  globals: GlobalOptions,
  files: readonly string[],
  flags: FmtFlags,
): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const environment = makeEnvironment(globals, () => undefined);
  const paths = files.length > 0 ? files.map((file) => resolve(file)) : ownRecipes(globals);
  const report = formatFiles(environment.root, paths, flags.check ?? false);
  if (globals.json === true) {
    streams.out(
      `${JSON.stringify({ changed: report.changed, diagnostics: diagnosticsAsData(report.diagnostics) })}\n`,
    );
  } else {
    for (const path of report.changed) streams.out(`${path}\n`);
    if (report.diagnostics.length > 0)
      streams.err(renderDiagnostics(report.diagnostics, streams.errPaint));
  }
  if (report.diagnostics.length > 0) return EXIT.recipe;
  return flags.check === true && report.changed.length > 0 ? EXIT.recipe : EXIT.ok;
}

/** The project's recipes as far as they can be read; the shipped ones are not the user's to format. */
function ownRecipes(globals: GlobalOptions): string[] {
  const environment = makeEnvironment(globals, () => undefined);
  try {
    const inside = join(environment.root, "/");
    return openProject(environment).graph.recipes.filter((path) => path.startsWith(inside));
  } catch (error) {
    if (!(error instanceof RecipeErrors)) throw error;
    return [...environment.entry];
  }
}

export interface FmtFlags {
  readonly check?: boolean;
}

export interface GraphFlags {
  readonly format: "dot" | "mermaid";
}

/** What a look at the graph is about: no pattern means all of it. */
function looked(graph: BuildGraph, patterns: readonly string[]): Address[] {
  return patterns.length === 0 ? [...graph.nodes.keys()] : selectNodes(graph, patterns);
}

export interface QueryFlags {
  readonly deps?: boolean;
  readonly rdeps?: boolean;
  readonly options?: boolean;
}

export async function runQuery(
  globals: GlobalOptions,
  patterns: readonly string[],
  flags: QueryFlags,
): Promise<ExitCode> {
  const streams = makeStreams(globals);
  if (flags.options === true) return printOptions(globals, streams);
  const project = await knownProject(globals, streams);
  const { graph } = project;
  const relation =
    flags.deps === true ? "dependencies" : flags.rdeps === true ? "dependents" : "self";
  const addresses = query(graph, { selection: looked(graph, patterns), relation });
  const notLocked = unlockedSources(graph, addresses, lockOf(project.environment)).filter(
    ({ node }) => addresses.includes(node.address),
  );
  if (globals.json === true) {
    const open = new Set(notLocked.map(({ node }) => node.address));
    const rows = addresses.map((address) => {
      const node = graph.nodes.get(address);
      return {
        address,
        kind: node?.definition.kind,
        dependencies: node?.dependencies,
        optional: node?.optional,
        notLocked: open.has(address) || undefined,
        doc: node?.doc,
      };
    });
    streams.out(`${JSON.stringify(rows)}\n`);
    return EXIT.ok;
  }
  streams.out(addresses.map((address) => `${printable(address)}\n`).join(""));
  for (const { node, fact } of notLocked)
    streams.err(
      `${printable(node.address)}: ${printable(factText(fact))} is not locked here; kmips update '${printable(node.address)}' locks it\n`,
    );
  return EXIT.ok;
}

/** `kmips query --options`: what `--set` takes, with the values that count. */
function printOptions(globals: GlobalOptions, streams: Streams): ExitCode {
  const { options } = openProject(makeEnvironment(globals, () => undefined));
  if (globals.json === true) {
    const rows = options.map(({ name, type, value, fallback, isSet, doc }) => ({
      ...{ name, type, value, default: fallback, set: isSet, doc },
    }));
    streams.out(`${JSON.stringify(rows)}\n`);
    return EXIT.ok;
  }
  for (const { name, type, value, fallback, isSet, doc } of options) {
    const usual = isSet ? `, default ${fallback}` : "";
    for (const line of doc?.split("\n") ?? []) streams.out(`## ${printable(line)}\n`);
    streams.out(`${name} = ${printable(value)}  # ${type}${printable(usual)}\n`);
  }
  if (options.length === 0) streams.err("the project has no options\n");
  return EXIT.ok;
}

export async function runGraph(
  globals: GlobalOptions,
  patterns: readonly string[],
  flags: GraphFlags,
): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const { graph } = await knownProject(globals, streams);
  streams.out(graphText(graph, looked(graph, patterns), flags.format));
  return EXIT.ok;
}

export async function runLog(globals: GlobalOptions, pattern: string): Promise<ExitCode> {
  return withWorkspace(globals, (workspace, streams) => {
    streams.out(nodeLog(workspace, selectNode(workspace.graph, pattern)));
    return EXIT.ok;
  });
}
