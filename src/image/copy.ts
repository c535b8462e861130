/**
 * What a Dockerfile's COPY takes: the files of a build context or of another image that a pattern
 * names. Where they go is the layer's business.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ArchiveReader, type Digest, type Store } from "../../cache/index.js";
import { ignoreRules, isPathPattern, pathPattern } from "../dockerfile/index.js";
import { NodeFailure } from "../model/failure.js";
import type { CopiedContent, ImageFile } from "../model/node.js";
import { contentOfLocal, contentOfMember, type FileContent } from "./contents.js";
import { FileTree, readLayers, type Place } from "./file-tree.js";
import type { ImageInputs } from "./inputs.js";
import { readImage } from "./manifest.js";
import { similarPaths } from "./similar-paths.js";

export interface CopiedFile {
  readonly type: "file";
  readonly mode: number;
  readonly content: () => FileContent;
}

/** One thing that a source of COPY names: a file, or a directory with what is below it. */
export interface CopiedSource {
  /** Its last component; "" for the directory that everything is relative to. */
  readonly name: string;
  readonly file?: CopiedFile;
  /** Of a directory, relative to it, parents before what they hold. */
  readonly below: readonly ({ readonly path: string } & (
    | CopiedFile
    | { readonly type: "directory"; readonly mode: number }
    | { readonly type: "symlink"; readonly target: string }
  ))[];
}

/** Where files are taken from. */
interface Origin {
  readonly tree: FileTree;
  /** In UTF-16 order of their paths, so that the order is the same everywhere. */
  readonly places: readonly (readonly [string, Place])[];
  readonly isIgnored: (path: string) => boolean;
  readonly content: (path: string) => FileContent;
}

/**
 * The sources that a content names, in the order of their paths.
 *
 * @throws NodeFailure `missing-input` when there is none and the content is not optional.
 */
export function copiedSources(
  content: CopiedContent,
  file: Pick<ImageFile, "path">,
  inputs: ImageInputs,
): readonly CopiedSource[] {
  const { root, pattern, optional } = content;
  const origin =
    content.from === "tree"
      ? originOfTree(inputs.store, inputs.tree(content.node), root)
      : originOfImage(inputs.store, inputs.image(content.node), root, pattern);
  const found = matches(origin, root, pattern);
  if (found.length === 0 && optional !== true) {
    throw new NodeFailure(
      {
        type: "missing-input",
        what: `The copy to "${file.path}"`,
        path: join(root, pattern),
        candidates: similarPaths(
          origin.places.map(([path]) => path),
          pattern,
        ),
      },
      'lay it over the context with a row of files, such as "NAME" -> component.x.NAME',
    );
  }
  return found.map((path) => sourceAt(path, root, origin));
}

/** The paths that a pattern names; what is ignored is not there. */
function matches(origin: Origin, root: string, pattern: string): string[] {
  const below = root === "" ? "" : `${root}/`;
  if (!isPathPattern(pattern)) {
    const path = join(root, pattern).replace(/^\.$|\/$/g, "");
    const real = origin.tree.resolve(path, true);
    const isThere = origin.tree.get(real) !== undefined && !origin.isIgnored(pattern);
    return isThere ? [path] : [];
  }
  const wanted = pathPattern(pattern);
  return origin.places.flatMap(([path]) => {
    const inside = path.slice(below.length);
    if (!path.startsWith(below) || !wanted.test(inside) || origin.isIgnored(inside)) return [];
    return [path];
  });
}

function sourceAt(path: string, root: string, origin: Origin): CopiedSource {
  const name = path === root ? "" : (path.split("/").at(-1) ?? "");
  // The source itself may be a link, which COPY follows; links below it stay links.
  const real = origin.tree.resolve(path, true);
  const place = origin.tree.get(real);
  if (place?.type === "file") return { name, file: fileAt(real, place, origin), below: [] };
  const below: CopiedSource["below"][number][] = [];
  const prefix = real === "" ? "" : `${real}/`;
  const skip = root === "" ? 0 : root.length + 1;
  for (const [inner, found] of origin.places) {
    if (!inner.startsWith(prefix) || inner === real) continue;
    if (origin.isIgnored(inner.slice(skip))) continue;
    const relative = inner.slice(prefix.length);
    const { type, mode, target } = found;
    if (type === "directory") below.push({ path: relative, type, mode: mode ?? 0o755 });
    else if (type === "symlink") below.push({ path: relative, type, target: target ?? "" });
    else below.push({ path: relative, ...fileAt(inner, found, origin) });
  }
  return { name, below };
}

function fileAt(path: string, place: Place, { content }: Origin): CopiedFile {
  return { type: "file", mode: place.mode ?? 0o644, content: () => content(path) };
}

function originOfTree(store: Store, digest: Digest, root: string): Origin {
  const tree = new FileTree();
  const members = new Map(store.listTree(digest).map((entry) => [entry.path, entry]));
  for (const [path, { type, mode, target }] of members)
    tree.set(path, { type, mode, ...(target !== undefined && { target }) });
  const rules = store.readTreeFile(digest, join(root, ".dockerignore"));
  return {
    tree,
    places: sorted(tree),
    isIgnored: ignoreRules(rules?.toString() ?? ""),
    content: (path) => contentOfMember(store, digest, members.get(path)!),
  };
}

function originOfImage(store: Store, manifest: Digest, root: string, pattern: string): Origin {
  const layers = readImage(store, manifest).manifest.layers.map((layer) => layer.digest);
  const { tree } = readLayers(store, layers, []);
  const origin: Origin = {
    tree,
    places: sorted(tree),
    isIgnored: () => false,
    content: (path) => contentOfLocal(spooled.get(path)!),
  };
  // Layers are read once, from first to last: what is wanted of them is set aside meanwhile.
  const wanted = new Set<string>();
  for (const path of matches(origin, root, pattern)) {
    const real = tree.resolve(path, true);
    for (const [inner, place] of origin.places) {
      if (
        place.type === "file" &&
        (inner === real || inner.startsWith(real === "" ? "" : `${real}/`))
      )
        wanted.add(inner);
    }
  }
  const spooled = spool(store, layers, wanted);
  return origin;
}

/** The bytes of some files of an image, each in a file of this process; the last layer wins. */
function spool(
  store: Store,
  layers: readonly Digest[],
  wanted: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const spooled = new Map<string, string>();
  if (wanted.size === 0) return spooled;
  const directory = store.temporaryDirectory();
  let fd: number | undefined;
  let count = 0;
  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  for (const layer of layers) {
    const reader = new ArchiveReader(
      {
        entry: ({ type, path }) => {
          close();
          if (type !== "file" || !wanted.has(path)) return;
          const place = join(directory, String(count++));
          fd = openSync(place, "wx", 0o600);
          spooled.set(path, place);
        },
        data: (chunk) => {
          if (fd === undefined) return;
          for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
        },
      },
      "layer",
    );
    try {
      for (const chunk of store.readChunks(layer)) reader.write(chunk);
      reader.end();
    } finally {
      close();
    }
  }
  return spooled;
}

function sorted(tree: FileTree): (readonly [string, Place])[] {
  return [...tree.places()].sort(([a], [b]) => (a < b ? -1 : 1));
}
