/**
 * What a directory that was unpacked from an image has become, as one more layer.
 *
 * Compared are type, mode, owner, content and link target; never times. Hard links become copies.
 * Device nodes, pipes and sockets are left out: a container runtime makes those that matter.
 * Extended attributes are not read; callers run what they run without the right to set them.
 */
import {
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  closeSync,
  readSync,
  type BigIntStats,
} from "node:fs";
import { join } from "node:path";
import {
  ArchiveReader,
  compareUtf8,
  digestOf,
  DigestStream,
  type Content,
  type Digest,
  type Store,
  type StoredBlob,
} from "../../cache/index.js";
import { treatmentOf, type ChangeOrigin } from "../debian/normalize.js";
import { contentOfLocal } from "./contents.js";
import { cannotAssemble } from "./faults.js";
import { isWhiteout, OPAQUE_WHITEOUT, WHITEOUT_PREFIX } from "./file-tree.js";

const CHUNK_BYTES = 1024 * 1024;
const NOTHING = digestOf("");

/** What an image has at a path. */
export interface RootEntry {
  readonly type: "file" | "directory" | "symlink";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a file's content; only where the reader was asked for it. */
  readonly digest?: Digest;
  readonly target?: string;
}

/** One entry of a layer of changes. */
export type RootChange =
  | { readonly path: string; readonly type: "whiteout" }
  | (RootEntry & { readonly path: string; readonly type: "directory" | "symlink" })
  | (RootEntry & {
      readonly path: string;
      readonly type: "file";
      /** The bytes, or the absolute path of the file that has them. */
      readonly content: Content | string;
    });

/** Path relative to the root → what lstat says of it, as far as a write would change it. */
export type RootSnapshot = ReadonlyMap<string, string>;

/**
 * Remembers how a directory stands right after it was unpacked, so that `rootChanges` need not read
 * what nobody touched. The root itself is not part of it.
 */
export function snapshotRoot(root: string): RootSnapshot {
  const snapshot = new Map<string, string>();
  for (const { path, stats } of walkRoot(root)) snapshot.set(path, fingerprint(stats));
  return snapshot;
}

/**
 * The changes that make the image with these layers (lowest first) into what is at `root`, in
 * canonical order, normalised for `origin`. Without a snapshot every file is read.
 *
 * @throws NodeFailure for names that no layer can hold; the store's errors.
 */
export function rootChanges(
  store: Store,
  options: {
    readonly root: string;
    readonly layers: readonly Digest[];
    readonly origin: ChangeOrigin;
    readonly snapshot?: RootSnapshot;
  },
): readonly RootChange[] {
  const { root, layers, origin, snapshot } = options;
  const found = [...walkRoot(root)];
  const touched = new Set<string>();
  for (const { path, stats } of found) {
    if (snapshot?.get(path) !== fingerprint(stats)) touched.add(path);
  }
  const base = readRootEntries(store, layers, (path) => touched.has(path));
  const changes: RootChange[] = [];
  const present = new Map<string, "directory" | "other">();
  for (const { path, stats } of found) {
    if (!isStorable(stats)) continue;
    present.set(path, stats.isDirectory() ? "directory" : "other");
    if (!touched.has(path)) continue;
    const change = changeAt(root, path, stats, base.get(path), origin);
    if (change !== undefined) changes.push(change);
  }
  changes.push(...whiteouts(base, present, origin));
  return withParents(changes, base, (path) =>
    present.has(path) ? directoryAt(root, path) : undefined,
  );
}

/** Writes changes as a layer; undefined when there are none. */
export function storeChanges(
  store: Store,
  changes: readonly RootChange[],
  epoch: number,
): StoredBlob | undefined {
  if (changes.length === 0) return undefined;
  const writer = store.treeWriter({ mtime: epoch, kind: "layer" });
  for (const change of changes) {
    const { path } = change;
    switch (change.type) {
      case "whiteout":
        writer.add({ path, type: "file" });
        break;
      case "directory":
        writer.add({ path, type: "directory", ...ownership(change), mode: change.mode });
        break;
      case "symlink":
        writer.add({ path, type: "symlink", ...ownership(change), target: change.target ?? "" });
        break;
      case "file": {
        const { content } = change;
        writer.add({
          path,
          type: "file",
          ...ownership(change),
          mode: change.mode,
          content: typeof content === "string" ? contentOfLocal(content).content : content,
        });
      }
    }
  }
  return writer.commit();
}

/**
 * What an image has at every path, from its layers (lowest first); content digests only of the
 * paths that `wants` asks for.
 */
export function readRootEntries(
  store: Store,
  layers: readonly Digest[],
  wants: (path: string) => boolean = () => true,
): Map<string, RootEntry> {
  const merged = new Map<string, RootEntry>();
  for (const layer of layers) applyEntries(readLayerEntries(store, layer, wants), merged);
  return merged;
}

/** Puts a layer's entries on top of those of the layers below it. */
export function applyEntries(
  layer: ReadonlyMap<string, RootEntry>,
  merged: Map<string, RootEntry>,
): void {
  // Whiteouts hide lower layers only, wherever they stand among this layer's own entries.
  for (const path of layer.keys()) if (isWhiteout(path)) hide(path, merged);
  for (const [path, entry] of layer) {
    if (isWhiteout(path)) continue;
    if (entry.type !== "directory" && merged.get(path)?.type === "directory")
      removeBelow(path, merged);
    merged.set(path, entry);
  }
}

/** What one layer has at every path, whiteouts included, in its order; digests as `readRootEntries`. */
export function readLayerEntries(
  store: Store,
  layer: Digest,
  wants: (path: string) => boolean = () => true,
): Map<string, RootEntry> {
  const entries = new Map<string, RootEntry>();
  let open: { readonly path: string; readonly digest: DigestStream } | undefined;
  const close = (): void => {
    if (open === undefined) return;
    const { path, digest } = open;
    entries.set(path, { ...entries.get(path)!, digest: digest.digest() });
    open = undefined;
  };
  const reader = new ArchiveReader(
    {
      entry: ({ path, type, mode, uid, gid, size, target }) => {
        close();
        entries.set(path, {
          ...{ type, mode, uid, gid },
          ...(target === undefined ? {} : { target }),
          ...(type === "file" && size === 0 ? { digest: NOTHING } : {}),
        });
        if (type === "file" && size > 0 && wants(path)) open = { path, digest: new DigestStream() };
      },
      data: (chunk) => open?.digest.update(chunk),
    },
    "layer",
  );
  for (const chunk of store.readChunks(layer)) reader.write(chunk);
  reader.end();
  close();
  return entries;
}

function hide(path: string, entries: Map<string, RootEntry>): void {
  const slash = path.lastIndexOf("/") + 1;
  const name = path.slice(slash);
  if (name === OPAQUE_WHITEOUT) return removeBelow(path.slice(0, Math.max(0, slash - 1)), entries);
  const hidden = path.slice(0, slash) + name.slice(WHITEOUT_PREFIX.length);
  removeBelow(hidden, entries);
  entries.delete(hidden);
}

function removeBelow(directory: string, entries: Map<string, RootEntry>): void {
  const prefix = directory === "" ? "" : `${directory}/`;
  for (const path of entries.keys()) if (path.startsWith(prefix)) entries.delete(path);
}

/** The change at a path whose stat differs from the base's; undefined when nothing of it counts. */
function changeAt(
  root: string,
  path: string,
  stats: BigIntStats,
  before: RootEntry | undefined,
  origin: ChangeOrigin,
): RootChange | undefined {
  if (isWhiteout(path)) {
    throw cannotAssemble(`"/${path}" has the name of a whiteout, which hides other files`);
  }
  const treatment = treatmentOf(path, stats.isDirectory(), origin);
  if (treatment === "leave-out") return undefined;
  const absolute = join(root, path);
  const owner = { uid: Number(stats.uid), gid: Number(stats.gid) };
  const mode = Number(stats.mode & 0o7777n);
  if (stats.isDirectory()) {
    const change = { path, type: "directory", mode, ...owner } as const;
    return isSame(change, before) ? undefined : change;
  }
  if (stats.isSymbolicLink()) {
    const target = readlinkSync(absolute);
    const change = { path, type: "symlink", mode: 0o777, ...owner, target } as const;
    return isSame(change, before) ? undefined : change;
  }
  const change = { path, type: "file", mode, ...owner, digest: digestOfFile(absolute) } as const;
  if (isSame(change, before)) return undefined;
  if (treatment === undefined) return { ...change, content: absolute };
  const content =
    treatment === "empty"
      ? Buffer.alloc(0)
      : Buffer.from(treatment(readFileSync(absolute, "utf8")));
  const treated = { ...change, digest: digestOf(content), content };
  return isSame(treated, before) ? undefined : treated;
}

export function isSame(entry: RootEntry, before: RootEntry | undefined): boolean {
  return (
    before?.type === entry.type &&
    before.mode === entry.mode &&
    before.uid === entry.uid &&
    before.gid === entry.gid &&
    before.digest === entry.digest &&
    before.target === entry.target
  );
}

/** One for every topmost path of the base that is gone. */
export function whiteouts(
  base: ReadonlyMap<string, RootEntry>,
  present: ReadonlyMap<string, "directory" | "other">,
  origin: ChangeOrigin,
): RootChange[] {
  const found: RootChange[] = [];
  for (const [path, { type }] of base) {
    const slash = path.lastIndexOf("/") + 1;
    const parent = path.slice(0, Math.max(0, slash - 1));
    // What lay below something that is gone, or no directory any more, is gone with it.
    if (present.has(path) || (parent !== "" && present.get(parent) !== "directory")) continue;
    if (treatmentOf(path, type === "directory", origin) === "leave-out") continue;
    found.push({
      path: `${path.slice(0, slash)}${WHITEOUT_PREFIX}${path.slice(slash)}`,
      type: "whiteout",
    });
  }
  return found;
}

/**
 * The changes in canonical order, with the directories above them that neither the base has nor a
 * rule let through: their owner and mode must not be left to whoever unpacks the layer.
 */
export function withParents(
  changes: readonly RootChange[],
  base: ReadonlyMap<string, RootEntry>,
  lookUp: (path: string) => RootEntry | undefined,
): RootChange[] {
  const all = new Map(changes.map((change) => [change.path, change]));
  for (const { path } of changes) {
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      const parent = path.slice(0, slash);
      if (all.has(parent) || base.get(parent)?.type === "directory") continue;
      const entry = lookUp(parent);
      if (entry !== undefined) all.set(parent, { ...entry, path: parent, type: "directory" });
    }
  }
  return [...all.values()].sort((a, b) => compareUtf8(a.path, b.path));
}

function directoryAt(root: string, path: string): RootEntry {
  const { mode, uid, gid } = lstatSync(join(root, path));
  return { type: "directory", mode: mode & 0o7777, uid, gid };
}

function* walkRoot(
  root: string,
): Generator<{ readonly path: string; readonly stats: BigIntStats }, void, undefined> {
  const pending = [""];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const name of readdirSync(join(root, directory), "buffer")) {
      const text = name.toString("utf8");
      const path = directory === "" ? text : `${directory}/${text}`;
      if (!Buffer.from(text).equals(name)) {
        throw cannotAssemble(`the name "/${path}" is not UTF-8, which no layer of kmips can hold`);
      }
      const stats = lstatSync(join(root, path), { bigint: true });
      yield { path, stats };
      if (stats.isDirectory()) pending.push(path);
    }
  }
}

function isStorable(stats: BigIntStats): boolean {
  return stats.isFile() || stats.isDirectory() || stats.isSymbolicLink();
}

/** Everything that a change of content, mode or owner moves; a directory's times move with its entries. */
function fingerprint(stats: BigIntStats): string {
  const { ino, mode, uid, gid } = stats;
  const own = [ino, mode, uid, gid];
  return (stats.isDirectory() ? own : [...own, stats.size, stats.mtimeNs, stats.ctimeNs]).join(" ");
}

function digestOfFile(path: string): Digest {
  const digest = new DigestStream();
  const fd = openSync(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) {
      digest.update(buffer.subarray(0, read));
    }
  } finally {
    closeSync(fd);
  }
  return digest.digest();
}

function ownership({ uid, gid }: RootEntry): { readonly uid: number; readonly gid: number } {
  return { uid, gid };
}
