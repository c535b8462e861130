/** A project in memory: recipes and files by path relative to `/project`, shipped ones below `kmips:`. */
import { expect } from "vitest";
import { lineAndColumn, type Diagnostic } from "../../../grammar/index.js";
import { analyze, type Analysis, type KnownResults } from "../../../src/analyze/index.js";
import { readPackageNames } from "../../../src/debian/package-names.js";
import type { GraphNode, NodeDefinition } from "../../../src/model/node.js";
import type { FileReader } from "../../../src/model/ports.js";

export const ROOT = "/project";
export const SHIPPED = "/shipped";

export interface Project {
  readonly [path: string]: string;
}

/** The reader of the project's files; `links` maps a path to where it really is. */
export function memoryReader(
  files: Project,
  links: Readonly<Record<string, string>> = {},
): FileReader {
  const texts = new Map<string, string>();
  const directories = new Map<string, Set<string>>([
    [ROOT, new Set()],
    [SHIPPED, new Set()],
  ]);
  for (const [name, text] of Object.entries(files)) {
    const absolute = name.startsWith("kmips:") ? `${SHIPPED}/${name.slice(6)}` : `${ROOT}/${name}`;
    texts.set(absolute, text);
    for (let child = absolute; child.length > 1;) {
      const parent = child.slice(0, child.lastIndexOf("/"));
      const entries = directories.get(parent) ?? new Set();
      entries.add(child.slice(parent.length + 1));
      directories.set(parent, entries);
      child = parent;
    }
  }
  return {
    readText: (path) => texts.get(path),
    realPath: (path) =>
      links[path] ?? (texts.has(path) || directories.has(path) ? path : undefined),
    list: (path) => {
      const entries = directories.get(path);
      return entries && [...entries];
    },
  };
}

/** Analyzes `files`, whose root recipe is `project.kmips`. */
export function analyzeProject(
  files: Project | string,
  links: Readonly<Record<string, string>> = {},
  known?: KnownResults,
): Analysis {
  const project = typeof files === "string" ? { "project.kmips": files } : files;
  return analyze({
    root: ROOT,
    entry: [`${ROOT}/project.kmips`],
    reader: memoryReader(project, links),
    shipped: SHIPPED,
    ...(known !== undefined && { known }),
  });
}

/** What is known when every index has these packages: name → version. */
export function knownPackages(packages: Readonly<Record<string, string>>): KnownResults {
  const paragraphs = Object.entries(packages).map(
    ([name, version]) => `Package: ${name}\nVersion: ${version}\n`,
  );
  const names = readPackageNames([paragraphs.join("\n")]);
  return { dockerfile: () => undefined, packageNames: () => names };
}

/** `KM0302 project.kmips:3:14 Unknown source "etc" (did you mean "etcd"?)`. */
export function print(diagnostic: Diagnostic): string {
  const { file, span } = diagnostic.at;
  const { line, column } = lineAndColumn(file.text, span.start);
  const help = diagnostic.help === undefined ? "" : ` (${diagnostic.help})`;
  return `${diagnostic.code} ${file.name}:${line}:${column} ${diagnostic.message}${help}`;
}

/** The text under a diagnostic's caret. */
export function caret(diagnostic: Diagnostic): string {
  return diagnostic.at.file.text.slice(diagnostic.at.span.start, diagnostic.at.span.end);
}

/** The nodes of a project without faults. */
export function nodesOf(
  files: Project | string,
  links?: Readonly<Record<string, string>>,
): ReadonlyMap<string, GraphNode> {
  const { graph, diagnostics } = analyzeProject(files, links);
  expect(diagnostics.map(print)).toEqual([]);
  if (graph === undefined) throw new Error("no graph");
  return graph.nodes;
}

/** The definition of a node, which must be of `kind`. */
export function definitionOf<K extends NodeDefinition["kind"]>(
  nodes: ReadonlyMap<string, GraphNode>,
  address: string,
  kind: K,
): Extract<NodeDefinition, { kind: K }> {
  const definition = nodes.get(address)?.definition;
  if (definition?.kind !== kind) {
    throw new Error(`no ${kind} ${address} in ${[...nodes.keys()].join(" ")}`);
  }
  return definition as Extract<NodeDefinition, { kind: K }>;
}
