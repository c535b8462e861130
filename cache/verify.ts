/**
 * Reads the whole store and puts what is damaged in quarantine, so that it is made again when
 * needed. Changes nothing that is sound; a second run finds nothing.
 */
import { closeSync, readlinkSync, readSync, type Stats } from "node:fs";
import type { ActionCache } from "./action-cache.js";
import type { BlobStore } from "./blob-store.js";
import type { Checkouts } from "./checkout.js";
import { DigestStream, type Digest } from "./digest.js";
import { CorruptBlobError, errnoOf, MissingBlobError } from "./errors.js";
import { openRegular } from "./files.js";
import type { References } from "./references.js";
import type { Session } from "./session.js";
import type { Vault } from "./vault.js";
import { list, listDeep, surveyActions, surveyBlobs, surveyCheckouts } from "./survey.js";
import type { TreeStore } from "./tree.js";

export interface VerifyOptions {
  /** Told after every file: how much has been read. */
  readonly onProgress?: (done: VerifyProgress) => void;
  readonly signal?: AbortSignal;
}

export interface VerifyProgress {
  readonly files: number;
  readonly bytes: number;
}

export interface Damage {
  readonly what: "blob" | "record" | "checkout" | "reference" | "vault";
  /** Digest, key, or the reference's name. */
  readonly name: string;
  readonly path: string;
  readonly problem: string;
}

export interface VerifyReport {
  readonly blobs: number;
  readonly records: number;
  readonly checkouts: number;
  readonly bytes: number;
  /** In quarantine now, or (references) leading to what is missing. */
  readonly damaged: readonly Damage[];
  /** Keys of sound records that lack blobs: misses, made again when needed. */
  readonly incomplete: readonly Digest[];
  /** Paths that kmips did not write: left alone. */
  readonly foreign: readonly string[];
}

export interface VerifyParts {
  readonly session: Session;
  readonly blobs: BlobStore;
  readonly actions: ActionCache;
  readonly trees: TreeStore;
  readonly checkouts: Checkouts;
  readonly references: References;
  readonly vault: Vault;
}

/** How many bytes are read between two turns of the event loop. */
const TURN_BYTES = 64 * 1024 * 1024;

/** Verifies every blob, record, checkout and reference. Needs the store writable to quarantine. */
export async function verifyStore(
  parts: VerifyParts,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const { session, blobs, actions, references, vault } = parts;
  const damaged: Damage[] = [];
  const progress = new Progress(options);
  const found = surveyBlobs(session);
  for (const { digest, path, stats } of found.blobs) {
    const problem = blobs.check(digest);
    if (problem !== undefined && problem !== "is not in the store")
      damaged.push({ what: "blob", name: digest, path, problem });
    await progress.add(stats.size);
  }
  const listed = surveyActions(session);
  const incomplete: Digest[] = [];
  for (const { key, path, stats } of listed.records) {
    const { state } = actions.inspect(key);
    if (state === "corrupt")
      damaged.push({
        what: "record",
        name: key,
        path,
        problem: "is not the record of this key as it was written",
      });
    if (state === "incomplete") incomplete.push(key);
    await progress.add(stats.size);
  }
  const vaultFiles = list(session.paths.vault).filter(({ name }) => /^[0-9a-f]{64}$/.test(name));
  const checkouts = surveyCheckouts(session);
  for (const [tree, items] of checkouts.trees) {
    // Without its manifest it is one that was never finished, or is being made just now.
    if (!items.some(({ name }) => name.endsWith(".ok"))) continue;
    const path = session.paths.checkout(tree);
    const problem = await checkoutProblem(parts, tree, progress);
    if (problem === undefined) continue;
    damaged.push({ what: "checkout", name: tree, path, problem });
    if (session.readOnly) continue;
    parts.checkouts.remove(tree);
    session.bumpGeneration();
  }
  const kept = new Set(vault.survey().map(({ file }) => file.path));
  for (const { name, path, stats } of vaultFiles) {
    if (!kept.has(path))
      damaged.push({
        what: "vault",
        name: `sha256:${name}`,
        path,
        problem: "is not the vault's entry of this key as it was written",
      });
    await progress.add(stats.size);
  }
  for (const [name, { digest, size }] of references.all()) {
    if (!blobs.looksPresent(digest, size))
      damaged.push({
        what: "reference",
        name,
        path: session.paths.index,
        problem: `leads to ${digest}, which is missing`,
      });
  }
  return {
    blobs: found.blobs.length,
    records: listed.records.length,
    checkouts: checkouts.trees.size,
    bytes: progress.bytes,
    damaged,
    incomplete,
    foreign: [...found.foreign, ...listed.foreign, ...checkouts.foreign],
  };
}

/** What is wrong with a checkout, compared file by file with its tree. */
async function checkoutProblem(
  { session, trees, checkouts }: VerifyParts,
  tree: Digest,
  progress: Progress,
): Promise<string | undefined> {
  if (!checkouts.isIntact(tree)) return "does not match its manifest";
  try {
    const root = session.paths.checkout(tree);
    const entries = trees.list(tree);
    const expected = new Map(
      entries.filter(({ type }) => type !== "directory").map((entry) => [entry.path, entry]),
    );
    for (const { path, stats } of listDeep(root)) {
      const relative = path.slice(root.length + 1);
      const entry = expected.get(relative);
      expected.delete(relative);
      if (entry === undefined) return `holds "${relative}", which its tree does not`;
      if (
        entry.target !== undefined
          ? readTarget(path, stats) !== entry.target
          : fileDigest(path) !== entry.digest
      ) {
        return `holds another "${relative}" than its tree`;
      }
      await progress.add(stats.size);
    }
    const [lost] = expected.keys();
    return lost === undefined ? undefined : `lacks "${lost}"`;
  } catch (error) {
    if (error instanceof MissingBlobError || error instanceof CorruptBlobError)
      return `has no sound tree: ${error.message}`;
    throw error;
  }
}

function readTarget(path: string, stats: Stats): string | undefined {
  return stats.isSymbolicLink() ? readlinkSync(path) : undefined;
}

function fileDigest(path: string): Digest | undefined {
  const file = openRegular(path);
  if (typeof file === "string") return undefined;
  try {
    const digest = new DigestStream();
    const buffer = Buffer.allocUnsafe(Math.min(1024 * 1024, Math.max(1, file.stats.size)));
    for (let count = readSync(file.fd, buffer); count > 0; count = readSync(file.fd, buffer))
      digest.update(buffer.subarray(0, count));
    return digest.digest();
  } catch (error) {
    if (errnoOf(error) === "EIO") return undefined;
    throw error;
  } finally {
    closeSync(file.fd);
  }
}

class Progress {
  files = 0;
  bytes = 0;
  readonly #options: VerifyOptions;
  #sinceTurn = 0;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  /** Counts a file; lets the event loop turn now and then, so that an abort is seen. */
  async add(bytes: number): Promise<void> {
    this.files++;
    this.bytes += bytes;
    this.#sinceTurn += bytes + 4096;
    this.#options.onProgress?.({ files: this.files, bytes: this.bytes });
    if (this.#sinceTurn < TURN_BYTES) return;
    this.#sinceTurn = 0;
    await new Promise((resolve) => setImmediate(resolve));
    this.#options.signal?.throwIfAborted();
  }
}
