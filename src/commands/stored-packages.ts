/** The Go packages of a build that was made before, from the modules in the store. */
import { posix } from "node:path";
import type { ActionRecord, Digest, Store } from "../../cache/index.js";
import { entryBytes, escapeModule, MODULE_FILES, zipEntries } from "../execute/index.js";
import { readGoMod, type PackageSource } from "../golang/index.js";
import { invariant } from "../model/invariant.js";
import type { Address, PatchedModule } from "../model/node.js";

/** Package directory, relative to its module → file name → its text. */
type Directories = ReadonlyMap<string, ReadonlyMap<string, () => string>>;

export interface StoredBuild {
  readonly store: Store;
  /** Results of the modules node, of its source, and of the patched modules. */
  readonly modules: ActionRecord;
  readonly source: ActionRecord;
  readonly patched: readonly PatchedModule[];
  readonly result: (address: Address) => ActionRecord | undefined;
}

/** Finds packages in the chosen modules; a module is unpacked only when one of its packages is asked for. */
export class StoredPackages implements PackageSource {
  /** Path of the main module. */
  readonly main: string;
  readonly #build: StoredBuild;
  readonly #replaced: ReadonlyMap<string, string>;
  /** Module path → version, of those whose files are there. */
  readonly #versions: ReadonlyMap<string, string>;
  readonly #read = new Map<string, Directories | undefined>();

  constructor(build: StoredBuild) {
    const { store, modules } = build;
    const { module, replaced } = readGoMod(
      store.readBytes(outputOf(modules, "go.mod")).toString("utf8"),
    );
    this.#build = build;
    this.main = module;
    this.#replaced = replaced;
    this.#versions = new Map(
      store.listTree(outputOf(modules, MODULE_FILES)).flatMap(({ path }): [string, string][] => {
        const match = /^(.*)\/@v\/(.*)\.zip$/.exec(path);
        return match === null ? [] : [[unescape(match[1] ?? ""), unescape(match[2] ?? "")]];
      }),
    );
  }

  files(importPath: string): ReadonlyMap<string, () => string> | undefined {
    // The longest module path that is a prefix has the package.
    for (let path = importPath; path !== "."; path = posix.dirname(path)) {
      const found = this.#directories(path)?.get(posix.relative(path, importPath));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #directories(module: string): Directories | undefined {
    if (!this.#read.has(module)) this.#read.set(module, this.#open(module));
    return this.#read.get(module);
  }

  #open(module: string): Directories | undefined {
    const { store, source, patched, result } = this.#build;
    if (module === this.main) return treeDirectories(store, outputOf(source, "tree"));
    const patch = patched.find(({ path }) => path === module);
    if (patch !== undefined) {
      const record = result(patch.tree);
      return record && treeDirectories(store, outputOf(record, "tree"));
    }
    const path = this.#replaced.get(module) ?? module;
    const version = this.#versions.get(path);
    return version === undefined ? undefined : this.#zipDirectories(path, version);
  }

  #zipDirectories(path: string, version: string): Directories | undefined {
    const { store, modules } = this.#build;
    const name = `${escapeModule(path)}/@v/${escapeModule(version)}.zip`;
    const zip = store.readTreeFile(outputOf(modules, MODULE_FILES), name);
    if (zip === undefined) return undefined;
    const prefix = `${path}@${version}/`.length;
    return grouped(
      [...zipEntries(zip)].map((entry) => [
        entry.name.slice(prefix),
        () => entryBytes(zip, entry).toString("utf8"),
      ]),
    );
  }
}

function treeDirectories(store: Store, tree: Digest): Directories {
  return grouped(
    store
      .listTree(tree)
      .filter(({ type }) => type === "file")
      .map(({ path }) => [path, () => store.readTreeFile(tree, path)?.toString("utf8") ?? ""]),
  );
}

function grouped(files: readonly (readonly [path: string, text: () => string])[]): Directories {
  const directories = new Map<string, Map<string, () => string>>();
  for (const [path, text] of files) {
    const directory = posix.dirname(path) === "." ? "" : posix.dirname(path);
    const files = directories.get(directory) ?? new Map<string, () => string>();
    files.set(posix.basename(path), text);
    directories.set(directory, files);
  }
  return directories;
}

function outputOf({ outputs }: ActionRecord, name: string): Digest {
  const output = outputs.find((candidate) => candidate.name === name);
  invariant(output !== undefined, `a record without the output "${name}"`);
  return output.digest;
}

/** The spelling that `escapeModule` undoes. */
function unescape(text: string): string {
  return text.replace(/!([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
