/** Which specs need which image of the manifest, directly or through helpers. */
import { posix } from "node:path";
import { readGoFile } from "./go-file.js";
import { MANIFEST_PATH } from "./image-manifest.js";
import { append, References, type GoSymbol } from "./references.js";
import { specsOf } from "./specs.js";

/** A test that needs an image. */
export interface ImageUser {
  /** Relative to the source. */
  readonly file: string;
  readonly line: number;
  /** The texts of Describe, Context and It, joined by a space; what is computed at run time is `…`. */
  readonly name: string;
  /** Whether it is one of the conformance tests. */
  readonly conformance: boolean;
}

/** The files that are read for `imageUsers`. */
export function isTestSource(path: string): boolean {
  return /^test\/(e2e[^/]*|utils)\/(.*\/)?[^/]+\.go$/.test(path);
}

const MANIFEST_DIRECTORY = posix.dirname(MANIFEST_PATH);

/**
 * Constant of the manifest → the specs that need its image, by file and line.
 *
 * @param sources path → text of the files that `isTestSource` accepts
 * @param module the path of the sources' Go module
 */
export function imageUsers(
  sources: ReadonlyMap<string, string>,
  module: string,
  constants: ReadonlySet<string>,
): Map<string, ImageUser[]> {
  const files = [...sources].map(([path, text]) => readGoFile(path, text));
  const references = new References(files, module);
  /** Symbol → those that name it. */
  const namedBy = new Map<GoSymbol, GoSymbol[]>();
  for (const [symbol, places] of references.symbols) {
    const inManifest = symbol.startsWith(`${MANIFEST_DIRECTORY}#`);
    const found = new Set(
      places.flatMap(({ file, declaration }) => [...references.of(file, declaration.range)]),
    );
    // The list itself names every image and is no use of any; a function that names one is.
    const images = [...found].filter((name) => isConstant(name, constants));
    if (inManifest && images.length !== 1) continue;
    for (const target of inManifest ? images : found)
      if (target !== symbol) append(namedBy, target, symbol);
  }
  const specs = files
    .filter(({ path }) => path.startsWith("test/e2e"))
    .flatMap((file) => specsOf(file, references));
  const users = new Map<string, ImageUser[]>();
  for (const constant of constants) {
    const reached = reachedFrom(`${MANIFEST_DIRECTORY}#${constant}`, namedBy);
    const using = specs.filter((spec) => [...spec.references].some((name) => reached.has(name)));
    const rows = using.map(({ file, line, texts, conformance }): ImageUser => ({
      file,
      line,
      name: texts.join(" "),
      conformance,
    }));
    users.set(constant, rows.sort(byPlace));
  }
  return users;
}

function isConstant(symbol: GoSymbol, constants: ReadonlySet<string>): boolean {
  const [directory, name = ""] = symbol.split("#");
  return directory === MANIFEST_DIRECTORY && constants.has(name);
}

function reachedFrom(
  start: GoSymbol,
  namedBy: ReadonlyMap<GoSymbol, readonly GoSymbol[]>,
): Set<GoSymbol> {
  const reached = new Set([start]);
  for (const symbol of reached) for (const next of namedBy.get(symbol) ?? []) reached.add(next);
  return reached;
}

function byPlace(a: ImageUser, b: ImageUser): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line;
}
