/**
 * Reads the entry recipes and everything they import, each file once.
 *
 * An import is relative to the importing file and stays inside that file's tree, or names a shipped
 * recipe as `kmips:path`. Cycles of imports are fine; depth and number are bounded.
 */
import path from "node:path";
import { nearest, parse, type Recipe, type SourceFile, type Span } from "../../grammar/index.js";
import type { FileReader } from "../model/ports.js";
import type { Findings } from "./findings.js";

export const IMPORT_DEPTH = 64;
export const RECIPE_COUNT = 1024;

/** One recipe file and where its relative paths lead. */
export interface Unit {
  /** Absolute path. */
  readonly path: string;
  readonly directory: string;
  /** The tree that this file's paths must stay inside. */
  readonly boundary: string;
  readonly shipped: boolean;
  readonly file: SourceFile;
  readonly recipe: Recipe;
  /** Offsets of the parser's errors: declarations or parts of them may be missing from `recipe`. */
  readonly faults: readonly number[];
  /** Where literals stand that were read as literals but have no value, such as `60sec`. */
  readonly badLiterals: ReadonlySet<number>;
}

export interface LoadOptions {
  /** Absolute path of the project's directory. */
  readonly root: string;
  /** Absolute paths of the recipes to start from, the root recipe first. */
  readonly entry: readonly string[];
  readonly reader: FileReader;
  /** Absolute path of the directory that `kmips:` names. */
  readonly shipped: string;
}

export interface Loaded {
  /** In the order of reading: entries first, then imports breadth first. */
  readonly units: readonly Unit[];
  /** Some import could not be read, so that names may be missing through no fault of their own. */
  readonly incomplete: boolean;
}

interface Wanted {
  readonly path: string;
  readonly shipped: boolean;
  readonly depth: number;
  readonly from?: { readonly unit: Unit; readonly span: Span; readonly text: string };
}

/** Faults within one literal: the statement around it is whole, only this value is unknown. */
const LITERAL_CODES: ReadonlySet<string> = new Set([
  "KM0116",
  "KM0117",
  "KM0118",
  "KM0119",
  "KM0120",
]);

/** Reads the recipes; faults of syntax and of imports go to `findings`. */
export function loadRecipes(options: LoadOptions, findings: Findings): Loaded {
  const { root, reader, shipped } = options;
  const own = portedProject(root, reader) ?? root;
  const realOwn = reader.realPath(own) ?? own;
  const realShipped = reader.realPath(shipped) ?? shipped;
  const units: Unit[] = [];
  const seen = new Set<string>();
  let incomplete = false;
  const queue: Wanted[] = options.entry.map((entry) => ({
    path: path.resolve(root, entry),
    shipped: isInside(entry, shipped),
    depth: 0,
  }));

  const refuse = (
    wanted: Wanted,
    code: "KM0320" | "KM0321" | "KM0322",
    message: string,
    help?: string,
  ): void => {
    incomplete = true;
    const at = wanted.from && { file: wanted.from.unit.file, span: wanted.from.span };
    // An entry that is missing has no text to point at: an empty file of its name stands for it.
    findings.error(
      code,
      at ?? {
        file: { name: displayName(wanted.path, root, shipped, wanted.shipped), text: "" },
        span: { start: 0, end: 0 },
      },
      message,
      { help },
    );
  };

  for (let next = 0; next < queue.length; next++) {
    const wanted = queue[next] as Wanted;
    const real = reader.realPath(wanted.path);
    const text = real === undefined ? undefined : reader.readText(wanted.path);
    const name = wanted.from?.text ?? displayName(wanted.path, root, shipped, wanted.shipped);
    if (real === undefined || text === undefined) {
      refuse(wanted, "KM0320", `Cannot find the recipe "${name}"`, candidates(wanted.path, reader));
      continue;
    }
    if (seen.has(real)) continue;
    if (!isInside(real, wanted.shipped ? realShipped : realOwn)) {
      refuse(
        wanted,
        "KM0321",
        `Recipe "${name}" leads out of the ${wanted.shipped ? "shipped recipes" : "project"} through a symbolic link`,
      );
      continue;
    }
    if (units.length >= RECIPE_COUNT) {
      refuse(wanted, "KM0322", `More than ${RECIPE_COUNT} recipes are imported`);
      break;
    }
    if (wanted.depth > IMPORT_DEPTH) {
      refuse(
        wanted,
        "KM0322",
        `Imports nest deeper than ${IMPORT_DEPTH}`,
        "import the recipe from a file nearer to the root",
      );
      continue;
    }
    seen.add(real);
    const file: SourceFile = {
      name: displayName(wanted.path, root, shipped, wanted.shipped),
      text,
    };
    const { recipe, diagnostics } = parse(file);
    for (const diagnostic of diagnostics) findings.add(diagnostic);
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    const unit: Unit = {
      path: wanted.path,
      directory: path.dirname(wanted.path),
      boundary: wanted.shipped ? shipped : own,
      shipped: wanted.shipped,
      file,
      recipe,
      faults: errors.filter(({ code }) => !LITERAL_CODES.has(code)).map(({ at }) => at.span.start),
      badLiterals: new Set(
        errors.filter(({ code }) => LITERAL_CODES.has(code)).map(({ at }) => at.span.start),
      ),
    };
    units.push(unit);
    for (const { path: target, span } of recipe.imports) {
      const quote = text.indexOf('"', span.start);
      const from = {
        unit,
        span: { start: quote < 0 ? span.start : quote, end: span.end },
        text: target,
      };
      const isShipped = target.startsWith("kmips:");
      const resolved = isShipped
        ? path.resolve(shipped, target.slice("kmips:".length))
        : path.resolve(unit.directory, target);
      const boundary = isShipped ? shipped : unit.boundary;
      const request: Wanted = {
        path: resolved,
        shipped: isShipped || unit.shipped,
        depth: wanted.depth + 1,
        from,
      };
      if (
        path.isAbsolute(target.replace(/^kmips:/, "")) ||
        /^[a-z][a-z0-9+.-]*:\/\//i.test(target) ||
        target.includes("\0")
      )
        refuse(
          request,
          "KM0321",
          `Import "${target}" is not a relative path`,
          'write a path relative to this file, or "kmips:name.kmips"',
        );
      else if (!isInside(resolved, boundary))
        refuse(
          request,
          "KM0321",
          `Import "${target}" leaves the ${isShipped ? "shipped recipes" : "project"}`,
          "move the recipe below the project's root",
        );
      else queue.push(request);
    }
  }
  return { units, incomplete };
}

/** The directory of a project that has its ports: projects that import it and build it for another target. */
export const PORTS_DIRECTORY = "ports";

/** The project that the project at `root` is a port of: `P` of `P/ports/NAME`. */
function portedProject(root: string, reader: FileReader): string | undefined {
  const ports = path.dirname(root);
  if (path.basename(ports) !== PORTS_DIRECTORY) return undefined;
  const project = path.dirname(ports);
  return reader.realPath(path.join(project, "project.kmips")) === undefined ? undefined : project;
}

/** Whether `file` is `directory` or below it; both absolute and normal. */
export function isInside(file: string, directory: string): boolean {
  if (file === directory) return true;
  return file.startsWith(directory.endsWith(path.sep) ? directory : directory + path.sep);
}

function displayName(file: string, root: string, shipped: string, isShipped: boolean): string {
  return isShipped ? `kmips:${path.relative(shipped, file)}` : path.relative(root, file);
}

/** Did-you-mean over the files that stand where `missing` was looked for. */
export function candidates(missing: string, reader: FileReader): string | undefined {
  const directory = path.dirname(missing);
  const siblings = reader.list?.(directory);
  if (siblings === undefined)
    return reader.realPath(directory) === undefined
      ? `there is no directory "${path.basename(directory)}"`
      : undefined;
  const near = nearest(path.basename(missing), [...siblings]);
  const shown = near.length > 0 ? near : [...siblings].sort().slice(0, 3);
  if (shown.length === 0) return `the directory "${path.basename(directory)}" is empty`;
  const quoted = shown.map((name) => `"${name}"`).join(" or ");
  return near.length > 0
    ? `did you mean ${quoted}?`
    : `the directory has ${shown.map((name) => `"${name}"`).join(", ")}`;
}
