/**
 * Layers that another tool wrote on top of an image, taken over as kmips would have written them:
 * normalised, in canonical order, without what is in the image already. So neither the version of
 * that tool nor the storage it unpacked the image into moves a digest.
 */
import {
  digestOf,
  DigestStream,
  type Digest,
  type LayerEntry,
  type Store,
} from "../../cache/index.js";
import { treatmentOf } from "../debian/normalize.js";
import { isWhiteout } from "./file-tree.js";
import {
  applyEntries,
  isSame,
  readRootEntries,
  whiteouts,
  withParents,
  type RootChange,
  type RootEntry,
} from "./root-changes.js";

/** Made by container runtimes where an image has none, to mount on. */
const MOUNT_POINTS: ReadonlySet<string> = new Set(["dev", "proc", "sys"]);

/**
 * The changes that foreign layers make to the image with these layers (both lowest first), in
 * canonical order, as the result of a command of the user's.
 *
 * @throws ArchiveError for a layer that is no good tar; the store's errors.
 */
export async function foreignChanges(
  store: Store,
  options: {
    readonly layers: readonly Digest[];
    /** Uncompressed tars. */
    readonly foreign: readonly (AsyncIterable<Uint8Array> | Iterable<Uint8Array>)[];
  },
): Promise<readonly RootChange[]> {
  const foreign: LayerEntry[][] = [];
  for (const chunks of options.foreign) foreign.push(await store.readForeignLayer(chunks));
  const touched = new Set(foreign.flat().map(({ path }) => path));
  const base = readRootEntries(store, options.layers, (path) => touched.has(path));
  const after = new Map(base);
  const contents = new Map<string, LayerEntry>();
  for (const entries of foreign) {
    for (const entry of entries) contents.set(entry.path, entry);
    applyEntries(new Map(entries.map((entry) => [entry.path, rootEntry(entry)])), after);
  }
  const changes = [...touched].flatMap((path) => {
    const entry = after.get(path);
    if (entry === undefined || isWhiteout(path)) return [];
    const change = changeOf(path, entry, base.get(path), contents.get(path));
    return change === undefined ? [] : [change];
  });
  const present = new Map(
    [...after].map(([path, { type }]) => [path, type === "directory" ? type : "other"] as const),
  );
  return withParents([...changes, ...whiteouts(base, present, "run")], base, (path) =>
    after.get(path),
  );
}

function rootEntry({ type, mode, uid, gid, target, content }: LayerEntry): RootEntry {
  const digest = new DigestStream();
  for (const chunk of content?.chunks ?? []) digest.update(chunk);
  return {
    ...{ type, mode, uid, gid },
    ...(target === undefined ? {} : { target }),
    ...(type === "file" ? { digest: digest.digest() } : {}),
  };
}

/** The change at a path of a foreign layer; undefined when nothing of it counts. */
function changeOf(
  path: string,
  entry: RootEntry,
  before: RootEntry | undefined,
  source: LayerEntry | undefined,
): RootChange | undefined {
  const { type } = entry;
  const treatment = treatmentOf(path, type === "directory", "run");
  if (treatment === "leave-out" || isSame(entry, before)) return undefined;
  if (type === "directory" && before === undefined && MOUNT_POINTS.has(path)) return undefined;
  if (type !== "file") return { ...entry, path, type };
  const content = source?.content ?? { size: 0, chunks: [] };
  if (treatment === undefined) return { ...entry, path, type, content };
  const treated =
    treatment === "empty"
      ? Buffer.alloc(0)
      : Buffer.from(treatment(Buffer.concat(Array.from(content.chunks, copy)).toString("utf8")));
  const change = { ...entry, digest: digestOf(treated) };
  return isSame(change, before) ? undefined : { ...change, path, type, content: treated };
}

/** Chunks are only lent. */
function copy(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk);
}
