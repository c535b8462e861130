/**
 * The merged directory tree of an image's layers, by name only: what stands where, and where its
 * symbolic links lead. Contents stay in the store, except files that the caller asks for.
 *
 * Whiteouts are the OCI image specification's: `.wh.NAME` hides NAME of lower layers,
 * `.wh..wh..opq` hides everything lower layers have in its directory.
 */
import { ArchiveReader, type ArchiveEntry, type Digest, type Store } from "../../cache/index.js";
import { cannotAssemble } from "./faults.js";

export const WHITEOUT_PREFIX = ".wh.";
export const OPAQUE_WHITEOUT = ".wh..wh..opq";
/** Links followed for one path before it counts as a circle: Linux's own limit. */
export const MAX_LINKS = 40;

/** What stands at a path. Paths are relative to the image's root, "" is the root itself. */
export interface Place {
  readonly type: ArchiveEntry["type"];
  readonly target?: string;
  /** Permission bits, where they were read with it. */
  readonly mode?: number;
}

export class FileTree {
  readonly #places = new Map<string, Place>([["", { type: "directory" }]]);

  get(path: string): Place | undefined {
    return this.#places.get(path);
  }

  /** Every path but the root's, in no order, with what stands there. */
  *places(): Generator<readonly [string, Place]> {
    for (const entry of this.#places) if (entry[0] !== "") yield entry;
  }

  /** Puts something at a path; what is no directory any more takes everything below with it. */
  set(path: string, place: Place): void {
    if (place.type !== "directory") this.remove(path);
    this.#places.set(path, place);
  }

  /** Removes a path and everything below it. */
  remove(path: string): void {
    if (this.#places.get(path)?.type === "directory") this.clear(path);
    this.#places.delete(path);
  }

  /** Removes everything below a directory. */
  clear(directory: string): void {
    const inside = directory === "" ? "" : `${directory}/`;
    for (const path of this.#places.keys()) {
      if (path !== "" && path.startsWith(inside)) this.#places.delete(path);
    }
  }

  /**
   * Where `path` really is, links followed as a kernel would with the image as its root; the last
   * component is followed only when `followLast`. What does not exist is taken as it is named.
   *
   * @throws NodeFailure when links lead in a circle.
   */
  resolve(path: string, followLast: boolean): string {
    const pending = path.split("/").reverse();
    let resolved: string[] = [];
    let followed = 0;
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        resolved.pop();
        continue;
      }
      resolved.push(part);
      const place = this.#places.get(resolved.join("/"));
      if (place?.type !== "symlink" || (pending.length === 0 && !followLast)) continue;
      if (++followed > MAX_LINKS) throw cannotAssemble(`links lead in a circle at "/${path}"`);
      const target = place.target ?? "";
      resolved.pop();
      if (target.startsWith("/")) resolved = [];
      pending.push(...target.split("/").reverse());
    }
    return resolved.join("/");
  }
}

/**
 * Reads layers, lowest first, into one tree, with the contents of the `wanted` regular files
 * (paths relative to the root, of at most `limitBytes` each).
 */
export function readLayers(
  store: Store,
  layers: readonly Digest[],
  wanted: readonly string[],
  limitBytes = 1024 * 1024,
): { readonly tree: FileTree; readonly contents: ReadonlyMap<string, Buffer> } {
  const tree = new FileTree();
  const contents = new Map<string, Buffer>();
  for (const layer of layers) readLayer(store, layer, { tree, contents }, wanted, limitBytes);
  for (const path of contents.keys()) {
    if (tree.get(path)?.type !== "file") contents.delete(path);
  }
  return { tree, contents };
}

function readLayer(
  store: Store,
  layer: Digest,
  into: { readonly tree: FileTree; readonly contents: Map<string, Buffer> },
  wanted: readonly string[],
  limitBytes: number,
): void {
  const { tree, contents } = into;
  const found: ArchiveEntry[] = [];
  /** What is still to come of a wanted file is written here. */
  let gathering: { readonly bytes: Buffer; filled: number } | undefined;
  const reader = new ArchiveReader(
    {
      entry: (entry) => {
        found.push(entry);
        gathering = undefined;
        if (entry.type === "file" && wanted.includes(entry.path) && entry.size <= limitBytes) {
          gathering = { bytes: Buffer.alloc(entry.size), filled: 0 };
          contents.set(entry.path, gathering.bytes);
        }
      },
      data: (chunk) => {
        if (gathering === undefined) return;
        gathering.bytes.set(chunk, gathering.filled);
        gathering.filled += chunk.byteLength;
      },
    },
    "layer",
  );
  for (const chunk of store.readChunks(layer)) reader.write(chunk);
  reader.end();

  // Whiteouts hide lower layers only, wherever they stand among this layer's own entries.
  for (const { path } of found) hide(path, tree);
  for (const { path, type, target, mode } of found) {
    if (isWhiteout(path)) continue;
    tree.set(path, { type, mode, ...(target === undefined ? {} : { target }) });
  }
}

function hide(path: string, tree: FileTree): void {
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const parent = slash < 0 ? "" : path.slice(0, slash);
  if (name === OPAQUE_WHITEOUT) tree.clear(parent);
  else if (name.startsWith(WHITEOUT_PREFIX)) {
    const hidden = name.slice(WHITEOUT_PREFIX.length);
    tree.remove(parent === "" ? hidden : `${parent}/${hidden}`);
  }
}

/** Whether the last component of a path marks something hidden. */
export function isWhiteout(path: string): boolean {
  return path.slice(path.lastIndexOf("/") + 1).startsWith(WHITEOUT_PREFIX);
}
