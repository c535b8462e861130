/**
 * The store: one directory that is an OCI image layout and holds every byte kmips makes.
 *
 * Composes the parts; every rule lives in one of them. README.md has the format on disk, the
 * order of writes and what a crash leaves.
 */
import { lstatSync, mkdirSync } from "node:fs";
import { removeAbandoned } from "./abandoned.js";
import { ActionCache, type Inspection, type PutResult } from "./action-cache.js";
import type { ArchiveOptions, EntryInput } from "./archive.js";
import { BlobStore } from "./blob-store.js";
import type { BlobWriter, StoredBlob } from "./blob-writer.js";
import { captureTree, type CaptureOptions } from "./capture.js";
import { Checkouts } from "./checkout.js";
import { collect, type CollectionReport } from "./collect.js";
import { planCollection, type CollectionPlan, type CollectOptions } from "./collect-plan.js";
import type { Descriptor } from "./descriptor.js";
import { hexOf, type Digest } from "./digest.js";
import { errnoOf, StoreFormatError, storage } from "./errors.js";
import { readSmallFile } from "./files.js";
import { STORE_FORMAT, StorePaths } from "./layout.js";
import type { LockHandle, Locker } from "./locker.js";
import type { ActionRecord } from "./record.js";
import { indexText, References } from "./references.js";
import { Session } from "./session.js";
import {
  importArchive,
  readForeignLayer,
  type ImportOptions,
  type LayerEntry,
} from "./archive-import.js";
import { verifyStore, type VerifyOptions, type VerifyParts, type VerifyReport } from "./verify.js";
import { Vault, type VaultEntry, type VaultItem } from "./vault.js";
import { TreeStore, type TreeEntry, type TreeFile, type TreeWriter } from "./tree.js";

export interface StoreOptions {
  readonly locker: Locker;
  /**
   * Whether what is stored survives a power cut (default). Without it nothing is synced: still
   * never a wrong byte, because every read is verified, but work may be lost.
   */
  readonly durable?: boolean;
  /** Nothing is written, pinned or locked; puts fail with EROFS. */
  readonly readOnly?: boolean;
  /** Told of damage that does not stop anything. */
  readonly onWarning?: (message: string) => void;
  /** Milliseconds since 1970; default the machine's clock. */
  readonly now?: () => number;
}

const FORMAT_TEXT = `kmips store ${STORE_FORMAT}\n`;
const OCI_LAYOUT = '{"imageLayoutVersion":"1.0.0"}\n';

/**
 * Opens the store at `root`; makes it when there is none, unless opened for reading.
 *
 * @throws StoreFormatError when a newer kmips wrote it or `root` is no directory; StorageError.
 */
export async function openStore(root: string, options: StoreOptions): Promise<Store> {
  const paths = new StorePaths(root);
  const session = new Session(paths, {
    locker: options.locker,
    durable: options.durable ?? true,
    readOnly: options.readOnly ?? false,
    onWarning: options.onWarning ?? (() => undefined),
    now: options.now ?? Date.now,
  });
  prepare(session);
  return new Store(session);
}

/** Brings the skeleton into being and refuses formats that this version does not know. */
function prepare(session: Session): void {
  const { paths, readOnly } = session;
  const stats = storage("open", paths.root, () => lstatSync(paths.root, { throwIfNoEntry: false }));
  if (stats !== undefined && !stats.isDirectory() && !stats.isSymbolicLink())
    throw new StoreFormatError(paths.root, "it is not a directory");
  const format = readSmallFile(paths.format, 4096);
  const text = Buffer.isBuffer(format) ? format.toString("latin1") : undefined;
  const version = text === undefined ? undefined : /^kmips store ([1-9][0-9]*)\n/.exec(text)?.[1];
  if (version !== undefined && Number(version) > STORE_FORMAT) {
    throw new StoreFormatError(
      paths.root,
      `it has format ${version}, this kmips knows ${STORE_FORMAT}; a newer kmips wrote it`,
    );
  }
  if (readOnly || text === FORMAT_TEXT) return;
  if (format !== undefined) session.quarantine(paths.format, "format", "is not a format line");
  try {
    for (const directory of paths.skeleton()) mkdirSync(directory, { recursive: true });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOTDIR" || errno === "EEXIST")
      throw new StoreFormatError(paths.root, "a part of it is not a directory");
    storage("create store", paths.root, () => {
      throw error;
    });
  }
  if (readSmallFile(paths.ociLayout, 4096) === undefined)
    session.replace(paths.ociLayout, OCI_LAYOUT);
  if (readSmallFile(paths.index, 0) === undefined) session.replace(paths.index, indexText([]));
  // Last: a store without it is prepared again.
  session.replace(paths.format, FORMAT_TEXT);
}

export class Store {
  readonly root: string;
  readonly paths: StorePaths;
  readonly #session: Session;
  readonly #blobs: BlobStore;
  readonly #actions: ActionCache;
  readonly #trees: TreeStore;
  readonly #checkouts: Checkouts;
  readonly #references: References;
  readonly #vault: Vault;

  /** Use `openStore`. */
  constructor(session: Session) {
    this.root = session.paths.root;
    this.paths = session.paths;
    this.#session = session;
    this.#blobs = new BlobStore(session);
    this.#actions = new ActionCache(session, this.#blobs);
    this.#trees = new TreeStore(session, this.#blobs);
    this.#checkouts = new Checkouts(session, this.#trees);
    this.#references = new References(session);
    this.#vault = new Vault(session, this.#blobs);
  }

  get #parts(): VerifyParts {
    return {
      session: this.#session,
      blobs: this.#blobs,
      actions: this.#actions,
      trees: this.#trees,
      checkouts: this.#checkouts,
      references: this.#references,
      vault: this.#vault,
    };
  }

  /** Whether the blob is there, with that size when given. Pins it, so it stays while this process lives. */
  has(digest: Digest, size?: number): boolean {
    return this.#blobs.has(digest, size);
  }

  /**
   * Reads a blob through: what is wrong with it, or undefined. A damaged one goes to quarantine, so
   * that what can be fetched again is.
   */
  check(digest: Digest): string | undefined {
    return this.#blobs.check(digest);
  }

  /** Where the blob's bytes lie. For tools that read the layout: kmips itself reads through the store. */
  blobPath(digest: Digest): string {
    return this.paths.blob(digest);
  }

  /** Stores bytes (text as UTF-8). */
  putBytes(bytes: Uint8Array | string): Digest {
    return this.#blobs.putBytes(bytes);
  }

  /** Stores a copy of a regular file. */
  async putFile(path: string): Promise<StoredBlob> {
    await this.#session.lease.hold();
    return this.#blobs.putFile(path);
  }

  /** A blob to be written piece by piece. */
  createBlob(): BlobWriter {
    return this.#blobs.create();
  }

  /**
   * The verified bytes of a blob.
   *
   * @throws MissingBlobError, CorruptBlobError; StorageError (EFBIG) over `limitBytes`.
   */
  readBytes(digest: Digest, limitBytes?: number): Buffer {
    return this.#blobs.readBytes(digest, limitBytes);
  }

  /** The bytes of a blob in one reused buffer, verified only when the generator is done. */
  readChunks(digest: Digest): Generator<Buffer, void, undefined> {
    return this.#blobs.readChunks(digest);
  }

  /** Copies a verified blob to `destination`, which is replaced in one step. */
  copyTo(digest: Digest, destination: string, mode: number): void {
    this.#blobs.copyTo(digest, destination, mode);
  }

  /** The record under `key` with all its blobs pinned and present; undefined is a miss. */
  getAction(key: Digest): ActionRecord | undefined {
    return this.#actions.get(key);
  }

  /** Stores a record whose blobs are all there. An earlier complete one with another result stays. */
  putAction(record: ActionRecord): PutResult {
    return this.#actions.put(record);
  }

  /** Notes what an action fetched; collection then keeps its blobs. They are all there. */
  putVault(entry: VaultEntry): void {
    this.#vault.put(entry);
  }

  /** Everything that was fetched and is kept, sorted by key. */
  vaultEntries(): VaultEntry[] {
    return this.#vault.all();
  }

  /** The blob that was fetched under a kind and name: pinned, present and sound, or undefined. */
  findVaulted(kind: string, name: string): Digest | undefined {
    return this.#vault.find(kind, name);
  }

  /** Whether an item of the vault is there, judged by its size. */
  holdsVaulted(item: VaultItem): boolean {
    return this.#vault.holds(item);
  }

  /** What the store knows of `key`, without pinning: for `why` and `plan`. */
  inspectAction(key: Digest): Inspection {
    return this.#actions.inspect(key);
  }

  /**
   * Stores the directory as a tree.
   *
   * @throws ArchiveError naming the entry that cannot be part of one.
   */
  captureTree(directory: string, options?: CaptureOptions): StoredBlob {
    return captureTree(this.#trees, directory, options);
  }

  /** A tree written entry by entry in canonical order; with `kind: "layer"` an image layer. */
  treeWriter(options?: ArchiveOptions): TreeWriter {
    return this.#trees.writer(options);
  }

  /** Stores a tree from entries in any order; directories that nobody named are made. */
  writeTree(entries: Iterable<EntryInput>): StoredBlob {
    return this.#trees.write(entries);
  }

  /**
   * Stores a foreign tar (already decompressed) as a tree: owners and times go, hard links become
   * copies.
   *
   * @throws ArchiveError naming the entry that is malformed, hostile or of no use in a tree.
   */
  importArchive(
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options?: ImportOptions,
  ): Promise<StoredBlob> {
    return importArchive(this.#session, this.#trees, chunks, options);
  }

  /**
   * The entries of an image layer that another tool wrote (already decompressed); nothing of it is
   * stored.
   *
   * @throws ArchiveError naming the entry that is malformed or hostile.
   */
  readForeignLayer(
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<LayerEntry[]> {
    return readForeignLayer(this.#session, chunks);
  }

  /** The shared, read-only directory with the unpacked tree. */
  checkout(tree: Digest): Promise<string> {
    return this.#checkouts.checkout(tree);
  }

  /** Unpacks a tree into `destination`, which must not exist or be empty; the copy is the caller's. */
  extractTree(tree: Digest, destination: string): void {
    this.#checkouts.extract(tree, destination);
  }

  /** All entries of a tree in canonical order, files with the digest of their content. */
  listTree(tree: Digest): TreeEntry[] {
    return this.#trees.list(tree);
  }

  /** A file of a tree; undefined when there is no regular file at `path`. */
  readTreeFile(tree: Digest, path: string): Buffer | undefined {
    return this.#trees.readFile(tree, path);
  }

  /** As `readTreeFile`, for content that should not be in memory at once. */
  openTreeFile(tree: Digest, path: string): TreeFile | undefined {
    return this.#trees.openFile(tree, path);
  }

  /** Adds or moves names in `index.json`; every other name stays. */
  setReferences(references: ReadonlyMap<string, Descriptor>): Promise<void> {
    return this.#references.set(references);
  }

  removeReferences(names: ReadonlySet<string>): Promise<void> {
    return this.#references.remove(names);
  }

  references(): Map<string, Descriptor> {
    return this.#references.all();
  }

  /** Changes whenever something that was in the store may be there no more. */
  generation(): string {
    return this.#session.generation();
  }

  bumpGeneration(): void {
    this.#session.bumpGeneration();
  }

  /** What `collect` with these options would remove, and why. */
  planCollection(options: CollectOptions = {}): Promise<CollectionPlan> {
    return planCollection(this.#parts, options);
  }

  /**
   * Removes what nothing needs, beside running builds.
   *
   * @throws StoreBusyError when another collection runs; ClockSkewError.
   */
  collect(options: CollectOptions = {}): Promise<CollectionReport> {
    return collect(this.#parts, options);
  }

  /** Reads everything; what is damaged goes to quarantine and is made again when needed. */
  verifyStore(options: VerifyOptions = {}): Promise<VerifyReport> {
    return verifyStore(this.#parts, options);
  }

  /** Waits until no other process runs the action, and keeps it so until released. */
  async lockAction(key: Digest): Promise<LockHandle> {
    this.#session.assertWritable(this.paths.locks);
    await this.#session.lease.hold();
    const lock = await this.#session.locker.acquire(this.paths.lock(hexOf(key)), "exclusive", true);
    return lock ?? { release: () => Promise.resolve() };
  }

  /** Resolves once the kernel holds this process's lease. A build awaits it before its first put. */
  hold(): Promise<void> {
    return this.#session.lease.hold();
  }

  /** Removes the temporary directories of processes that were killed at least `graceMs` ago. */
  removeAbandoned(graceMs = 60_000): Promise<void> {
    return removeAbandoned(this.#session, graceMs);
  }

  /** A fresh directory of this process, removed at the end. */
  temporaryDirectory(): string {
    const path = this.#session.temporaryPath();
    storage("create", path, () => mkdirSync(path, { mode: 0o700 }));
    return path;
  }

  /** Gives up pins, locks and temporary files. The store must not be used afterwards. */
  close(): Promise<void> {
    return this.#session.lease.close();
  }
}
