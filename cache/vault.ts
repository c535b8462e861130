/**
 * What was fetched, by the action that fetched it: kept when records go, so that everything can be
 * built again without a network and without an action cache.
 *
 * An entry names blobs; the blobs lie where all do. Knows nothing of what the items are for.
 */
import type { BlobStore } from "./blob-store.js";
import { checkedText, parseCheckedText } from "./checked-text.js";
import { isDigest, type Digest } from "./digest.js";
import { readSmallFile } from "./files.js";
import type { Session } from "./session.js";
import { list, type Listed } from "./survey.js";

const ENTRY = "kmips vault 1";
const MAX_ENTRY_BYTES = 16 * 1024 * 1024;
const HEX = /^[0-9a-f]{64}$/;

/** One thing that was fetched and can be found again by its kind and name. */
export interface VaultItem {
  /** `deb`, `deb-packages`, `deb-release`, `archive`, `git`. */
  readonly kind: string;
  /** Within the kind, e.g. `curl 7.88.1-10 mips64el` or a commit. */
  readonly name: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface VaultEntry {
  /** The key of the action that fetched the items. */
  readonly key: Digest;
  /** The node that ran first under this key; for messages only. */
  readonly address: string;
  readonly items: readonly VaultItem[];
}

export class Vault {
  readonly #session: Session;
  readonly #blobs: BlobStore;

  constructor(session: Session, blobs: BlobStore) {
    this.#session = session;
    this.#blobs = blobs;
  }

  /** Notes what an action fetched, in place of what it noted before. The items' blobs are in the store. */
  put(entry: VaultEntry): void {
    this.#session.lease.pin(entry.items.map(({ digest }) => digest));
    this.#session.syncNames();
    this.#session.replace(this.#session.paths.vaultEntry(entry.key), checkedText(ENTRY, entry));
  }

  /** Every entry, sorted by key. A damaged one goes to quarantine. */
  all(): VaultEntry[] {
    return this.survey().map(({ entry }) => entry);
  }

  /** As `all`, with the files that hold the entries. */
  survey(): { readonly entry: VaultEntry; readonly file: Listed }[] {
    return list(this.#session.paths.vault).flatMap((file) => {
      if (!HEX.test(file.name)) return [];
      const entry = this.#read(`sha256:${file.name}`, file.path);
      return entry === undefined ? [] : [{ entry, file }];
    });
  }

  /** The blob of an item, pinned, present and sound; undefined when there is none. */
  find(kind: string, name: string): Digest | undefined {
    for (const { items } of this.all()) {
      const item = items.find((candidate) => candidate.kind === kind && candidate.name === name);
      if (item === undefined || !this.#blobs.has(item.digest, item.size)) continue;
      if (this.#blobs.check(item.digest) === undefined) return item.digest;
    }
    return undefined;
  }

  /** Whether the item's blob is there, judged by its size. Nothing is pinned. */
  holds({ digest, size }: VaultItem): boolean {
    return this.#blobs.looksPresent(digest, size);
  }

  #read(key: Digest, path: string): VaultEntry | undefined {
    if (this.#session.isShunned(path)) return undefined;
    const bytes = readSmallFile(path, MAX_ENTRY_BYTES);
    if (bytes === undefined) return undefined;
    const entry = bytes === "unusable" ? undefined : parseCheckedText(ENTRY, bytes);
    if (isEntry(entry) && entry.key === key) return entry;
    this.#session.quarantine(
      path,
      "vault",
      "is not the vault's entry of this key as it was written",
    );
    return undefined;
  }
}

function isEntry(value: unknown): value is VaultEntry {
  if (typeof value !== "object" || value === null) return false;
  const { key, address, items } = value as Partial<VaultEntry>;
  return (
    typeof key === "string" &&
    typeof address === "string" &&
    Array.isArray(items) &&
    (items as readonly Partial<VaultItem>[]).every(
      ({ kind, name, digest, size }) =>
        typeof kind === "string" &&
        typeof name === "string" &&
        typeof digest === "string" &&
        isDigest(digest) &&
        typeof size === "number",
    )
  );
}
