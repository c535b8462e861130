/**
 * The project of a port: one recipe that imports the project and builds it for another target, with a
 * lock of its own. Nothing of the project is written into.
 */
import { dirname, join, relative } from "node:path";
import { parse, type Diagnostic } from "../../grammar/index.js";
import { PORTS_DIRECTORY } from "../analyze/index.js";
import type { BuildGraph } from "../model/graph.js";
import { NO_OVERRIDES } from "../model/overrides.js";
import type { Platform } from "../model/platform.js";
import type { FileReader } from "../model/ports.js";
import { PROJECT_FILE } from "../plan/locations.js";
import { writeNewText } from "./new-files.js";
import { openProject, RecipeErrors, type Environment, type Project } from "./workspace.js";

export interface Scaffold {
  /** Absolute path of the recipe. */
  readonly path: string;
  readonly text: string;
}

/** The recipe that builds `project` for another target. */
export function scaffoldOf({ environment, graph }: Project, { arch }: Platform): Scaffold {
  const { root, entry, reader } = environment;
  const path = join(root, PORTS_DIRECTORY, arch, PROJECT_FILE);
  const imports = entry
    .map((recipe) => `import ${quoted(relative(dirname(path), recipe))}\n`)
    .join("");
  return {
    path,
    text: `kmips 1
${imports}
## ${graph.projectName} for ${arch}: the same recipes, with a lock of their own.
project {
  name    = ${quoted(`${graph.projectName}-${arch}`)}
  targets = [${arch}]
${optionsOf(entry, reader)}}
`,
  };
}

/** A text as a string of a recipe. */
function quoted(text: string): string {
  const escaped = text.replaceAll(/["\\]/g, "\\$&").replaceAll("${", "\\${");
  return `"${escaped}"`;
}

/** The options of the project, which its recipes read and only the project that is built can give. */
function optionsOf(entry: readonly string[], reader: FileReader): string {
  for (const name of entry) {
    const { recipe } = parse({ name, text: reader.readText(name) ?? "" });
    for (const { kind, body } of recipe.declarations) {
      if (kind !== "project") continue;
      for (const statement of body) {
        if (statement.type !== "block" || statement.keyword.text !== "options") continue;
        const { start, end } = statement.span;
        return `\n  ${recipe.file.text.slice(start, end)}\n`;
      }
    }
  }
  return "";
}

export interface ScaffoldCheck {
  /** What is wrong with the recipes for the new target. */
  readonly diagnostics: readonly Diagnostic[];
  /** Undefined when there is an error. */
  readonly graph: BuildGraph | undefined;
}

/** Analyzes the recipes for the new target; whether the file is there makes no difference. */
export function checkScaffold(environment: Environment, scaffold: Scaffold): ScaffoldCheck {
  const reader: FileReader = {
    readText: (path) =>
      environment.reader.readText(path) ?? (path === scaffold.path ? scaffold.text : undefined),
    realPath: (path) =>
      environment.reader.realPath(path) ?? (path === scaffold.path ? path : undefined),
  };
  const root = dirname(scaffold.path);
  try {
    const { graph, diagnostics } = openProject({
      ...environment,
      root,
      entry: [scaffold.path],
      reader,
      overrides: NO_OVERRIDES,
    });
    return { graph, diagnostics };
  } catch (error) {
    if (error instanceof RecipeErrors) return { graph: undefined, diagnostics: error.diagnostics };
    throw error;
  }
}

/** Writes the recipe where there is none. @returns whether it was written @throws StorageError */
export function writeScaffold({ path, text }: Scaffold): boolean {
  return writeNewText(path, text);
}
