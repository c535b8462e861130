/**
 * Decides what a collection removes; removes nothing.
 *
 * Kept are: what references lead to, the records of the given keys, what the vault names, what live
 * leases pin, and whatever is younger than the grace period. All else goes when it is unreachable, unused for too
 * long, or, oldest use first, when the store is over its cap.
 */
import type { ActionCache } from "./action-cache.js";
import type { BlobStore } from "./blob-store.js";
import { MEDIA_TYPES, isDescriptor, type Descriptor } from "./descriptor.js";
import type { Digest } from "./digest.js";
import { CorruptBlobError, MissingBlobError } from "./errors.js";
import type { ActionRecord } from "./record.js";
import type { References } from "./references.js";
import type { Session } from "./session.js";
import type { Vault } from "./vault.js";
import {
  isYoung,
  list,
  listDeep,
  pinsIn,
  surveyActions,
  surveyBlobs,
  surveyBuilders,
  surveyCheckouts,
  surveyLeases,
  type Listed,
} from "./survey.js";

export interface CollectOptions {
  /** Action keys whose records (and blobs) stay: the last keys of the projects. */
  readonly roots?: Iterable<Digest>;
  /** Other records unused for longer than this go. Absent: none for age. */
  readonly olderThanMs?: number;
  /** Bytes that the store may hold afterwards. Absent: no cap. */
  readonly maxBytes?: number;
  /** Entries of the vault that are under none of the given keys go too. */
  readonly vault?: boolean;
  /** Nothing younger than this goes. Default one hour. */
  readonly graceMs?: number;
  /** Removes a directory whose files may belong to other users. */
  readonly removeTree?: (path: string) => Promise<void>;
}

export interface PlannedRecord {
  readonly key: Digest;
  readonly address: string;
  readonly kind: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly lastUsedMs: number;
  readonly reason: string;
}

export interface PlannedFile {
  readonly path: string;
  readonly size: number;
  readonly what:
    "log" | "gocache" | "temporary" | "lease" | "lock" | "tombstone" | "vault" | "builder";
}

/** What a collection would remove, each with its size in bytes. */
export interface CollectionPlan {
  readonly records: readonly PlannedRecord[];
  readonly blobs: readonly { readonly digest: Digest; readonly size: number }[];
  readonly checkouts: readonly { readonly tree: Digest; readonly size: number }[];
  readonly files: readonly PlannedFile[];
  /** Bytes before. */
  readonly storeBytes: number;
  readonly freedBytes: number;
  /** Bytes over `maxBytes` that remain because nothing more may go. */
  readonly overBytes: number;
}

export interface PlanParts {
  readonly session: Session;
  readonly blobs: BlobStore;
  readonly actions: ActionCache;
  readonly references: References;
  readonly vault: Vault;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** How long `why` can say what became of a record. */
const TOMBSTONES_KEPT_MS = 90 * DAY_MS;
const LOGS_KEPT_MS = 30 * DAY_MS;
const LOCKS_KEPT_MS = DAY_MS;
const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;

interface Candidate {
  readonly usedMs: number;
  /** Marks the thing as going and returns the bytes that frees. */
  readonly remove: () => number;
}

export async function planCollection(
  parts: PlanParts,
  options: CollectOptions,
): Promise<CollectionPlan> {
  const planner = new Planner(parts, options);
  return planner.plan();
}

class Planner {
  readonly #parts: PlanParts;
  readonly #session: Session;
  readonly #options: CollectOptions;
  readonly #graceMs: number;
  readonly #now: number;
  readonly #sizes = new Map<Digest, number>();
  /** How many kept things need a blob. */
  readonly #users = new Map<Digest, number>();
  readonly #records: PlannedRecord[] = [];
  readonly #checkouts: { tree: Digest; size: number }[] = [];
  /** Kept so far, but in use by nobody now. */
  readonly #idleCheckouts = new Map<Digest, number>();
  readonly #files: PlannedFile[] = [];
  readonly #candidates: Candidate[] = [];
  #bytes = 0;

  constructor(parts: PlanParts, options: CollectOptions) {
    this.#parts = parts;
    this.#session = parts.session;
    this.#options = options;
    this.#graceMs = options.graceMs ?? HOUR_MS;
    this.#now = parts.session.now();
  }

  async plan(): Promise<CollectionPlan> {
    const leases = await surveyLeases(this.#session, this.#graceMs);
    const live = leases.filter(({ isLive }) => isLive);
    const pins = new Set(
      live.flatMap(({ path }) => pinsIn(path)).map((hex): Digest => `sha256:${hex}`),
    );
    const survey = surveyBlobs(this.#session).blobs;
    for (const { digest, stats } of survey) this.#sizes.set(digest, stats.size);
    for (const digest of pins) this.#use(digest);
    for (const digest of this.#reachable()) this.#use(digest);
    for (const { digest, stats } of survey) if (this.#isYoung(stats)) this.#use(digest);
    const roots = new Set([...(this.#options.roots ?? []), ...pins]);
    this.#planVault(roots);
    this.#planRecords(roots);
    this.#planCheckouts(pins);
    this.#planFiles(
      leases.filter(({ isLive }) => !isLive),
      new Set(live.map(({ id }) => id)),
    );
    await this.#planBuilders();
    for (const [digest, size] of this.#sizes) if (this.#users.has(digest)) this.#bytes += size;
    const storeBytes = this.#bytes + this.#plannedBytes();
    this.#obeyCap();
    // Nobody asks for a checkout whose tree is gone.
    for (const tree of [...this.#idleCheckouts.keys()])
      if (!this.#users.has(tree)) this.#bytes -= this.#dropCheckout(tree);
    const freedBytes = this.#plannedBytes();
    const overBytes = Math.max(
      0,
      this.#bytes - (this.#options.maxBytes ?? Number.POSITIVE_INFINITY),
    );
    return {
      records: this.#records,
      blobs: this.#unused(),
      checkouts: this.#checkouts,
      files: this.#files,
      storeBytes,
      freedBytes,
      overBytes,
    };
  }

  #planRecords(roots: ReadonlySet<Digest>): void {
    const { olderThanMs } = this.#options;
    const kept: { item: Listed; record: ActionRecord }[] = [];
    for (const item of surveyActions(this.#session).records) {
      const record = this.#parts.actions.read(item.key);
      if (record === undefined) continue;
      const isFixed = roots.has(item.key) || this.#isYoung(item.stats);
      const isWhole = record.closure.every((digest) => this.#sizes.has(digest));
      if (!isFixed && !isWhole) {
        this.#dropRecord(item, record, "some of its blobs are gone");
      } else if (
        !isFixed &&
        olderThanMs !== undefined &&
        this.#now - item.stats.mtimeMs >= olderThanMs
      ) {
        this.#dropRecord(
          item,
          record,
          olderThanMs === 0 ? "no project uses it" : `unused for ${spanOf(olderThanMs)}`,
        );
      } else {
        for (const digest of blobsOf(record)) this.#use(digest);
        this.#bytes += item.stats.size;
        if (!isFixed) kept.push({ item, record });
      }
    }
    for (const { item, record } of kept) {
      this.#candidates.push({
        usedMs: item.stats.mtimeMs,
        remove: () => this.#evict(item, record),
      });
    }
  }

  /** What was fetched stays, whatever its age and however little room there is, until it is disowned. */
  #planVault(roots: ReadonlySet<Digest>): void {
    for (const { entry, file } of this.#parts.vault.survey()) {
      const { path, stats } = file;
      if (this.#options.vault === true && !roots.has(entry.key) && !this.#isYoung(stats)) {
        this.#files.push({ path, size: stats.size, what: "vault" });
        continue;
      }
      for (const { digest } of entry.items) this.#use(digest);
      this.#bytes += stats.size;
    }
  }

  #evict(item: Listed, record: ActionRecord): number {
    this.#dropRecord(item, record, `the cap of ${bytesOf(this.#options.maxBytes ?? 0)}`);
    let freed = item.stats.size;
    for (const digest of blobsOf(record)) freed += this.#release(digest);
    return freed;
  }

  #dropRecord(item: Listed, { key, address, kind }: ActionRecord, reason: string): void {
    this.#records.push({
      key,
      address,
      kind,
      size: item.stats.size,
      lastUsedMs: item.stats.mtimeMs,
      reason,
    });
  }

  #planCheckouts(pins: ReadonlySet<Digest>): void {
    for (const [tree, items] of surveyCheckouts(this.#session).trees) {
      const size = items.reduce(
        (sum, { path, stats }) => sum + (stats.isDirectory() ? sizeOf(listDeep(path)) : stats.size),
        0,
      );
      const usedMs = Math.max(...items.map(({ stats }) => stats.mtimeMs));
      if (pins.has(tree) || items.some(({ stats }) => this.#isYoung(stats))) {
        this.#bytes += size;
      } else if (!this.#users.has(tree) || this.#isOld(usedMs)) {
        this.#checkouts.push({ tree, size });
      } else {
        this.#bytes += size;
        this.#idleCheckouts.set(tree, size);
        this.#candidates.push({ usedMs, remove: () => this.#dropCheckout(tree) });
      }
    }
  }

  #dropCheckout(tree: Digest): number {
    const size = this.#idleCheckouts.get(tree) ?? 0;
    if (this.#idleCheckouts.delete(tree)) this.#checkouts.push({ tree, size });
    return size;
  }

  #planFiles(
    dead: readonly { readonly id: string; readonly path: string }[],
    live: ReadonlySet<string>,
  ): void {
    const { paths } = this.#session;
    const logsKeptMs = this.#options.olderThanMs ?? LOGS_KEPT_MS;
    this.#planByAge(listDeep(paths.logs), "log", logsKeptMs);
    this.#planByAge(listDeep(paths.goCache), "gocache", this.#options.olderThanMs);
    this.#planByAge(surveyActions(this.#session).tombstones, "tombstone", TOMBSTONES_KEPT_MS);
    this.#planByAge(
      list(paths.locks).filter(({ name }) => name !== "gc"),
      "lock",
      LOCKS_KEPT_MS,
    );
    for (const { path } of dead) this.#files.push({ path, size: 0, what: "lease" });
    for (const item of list(paths.tmp)) {
      if (live.has(item.name) || this.#isYoung(item.stats)) continue;
      const size = item.stats.isDirectory() ? sizeOf(listDeep(item.path)) : item.stats.size;
      this.#files.push({ path: item.path, size, what: "temporary" });
    }
  }

  /** The state of a private builder only saves time; one that runs now is left alone. */
  async #planBuilders(): Promise<void> {
    for (const { path, size, stats, isLive } of await surveyBuilders(this.#session)) {
      const file = { path, size, what: "builder" } as const;
      if (!isLive && !this.#isYoung(stats) && this.#isOld(stats.mtimeMs)) {
        this.#files.push(file);
        continue;
      }
      this.#bytes += size;
      if (isLive || this.#isYoung(stats)) continue;
      this.#candidates.push({
        usedMs: stats.mtimeMs,
        remove: () => (this.#files.push(file), size),
      });
    }
  }

  #planByAge(
    items: readonly Listed[],
    what: PlannedFile["what"],
    keptMs: number | undefined,
  ): void {
    for (const { path, stats } of items) {
      const file = { path, size: stats.size, what };
      if (keptMs !== undefined && this.#now - stats.mtimeMs >= keptMs && !this.#isYoung(stats)) {
        this.#files.push(file);
        continue;
      }
      this.#bytes += stats.size;
      if (what !== "gocache" || this.#isYoung(stats)) continue;
      this.#candidates.push({
        usedMs: stats.mtimeMs,
        remove: () => (this.#files.push(file), stats.size),
      });
    }
  }

  /** Over the cap, what was used longest ago goes first, whatever it is. */
  #obeyCap(): void {
    const { maxBytes } = this.#options;
    if (maxBytes === undefined) return;
    this.#candidates.sort((a, b) => a.usedMs - b.usedMs);
    for (const { remove } of this.#candidates) {
      if (this.#bytes <= maxBytes) return;
      this.#bytes -= remove();
    }
  }

  /** Every blob that a reference leads to: manifests are opened, configs and layers are not. */
  #reachable(): Set<Digest> {
    const seen = new Set<Digest>();
    const pending: Descriptor[] = [...this.#parts.references.descriptors()];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (seen.has(next.digest)) continue;
      seen.add(next.digest);
      if (next.mediaType === MEDIA_TYPES.index || next.mediaType === MEDIA_TYPES.manifest)
        pending.push(...this.#children(next.digest));
    }
    return seen;
  }

  #children(digest: Digest): Descriptor[] {
    try {
      const text = this.#parts.blobs.readBytes(digest, MAX_MANIFEST_BYTES).toString("utf8");
      const { config, layers, manifests } = JSON.parse(text) as Record<string, unknown>;
      return [config, layers, manifests].flat().filter(isDescriptor);
    } catch (error) {
      if (!(
        error instanceof MissingBlobError ||
        error instanceof CorruptBlobError ||
        error instanceof SyntaxError
      ))
        throw error;
      this.#session.warn(`Image ${digest} is incomplete: ${error.message}`);
      return [];
    }
  }

  #use(digest: Digest): void {
    this.#users.set(digest, (this.#users.get(digest) ?? 0) + 1);
  }

  /** One user less; the blob's size when it was the last. */
  #release(digest: Digest): number {
    const users = (this.#users.get(digest) ?? 0) - 1;
    if (users > 0) {
      this.#users.set(digest, users);
      return 0;
    }
    this.#users.delete(digest);
    return this.#sizes.get(digest) ?? 0;
  }

  #unused(): { digest: Digest; size: number }[] {
    return [...this.#sizes]
      .filter(([digest]) => !this.#users.has(digest))
      .map(([digest, size]) => ({ digest, size }));
  }

  #plannedBytes(): number {
    return [this.#records, this.#unused(), this.#checkouts, this.#files]
      .flat()
      .reduce((sum, { size }) => sum + size, 0);
  }

  #isYoung(stats: Listed["stats"]): boolean {
    return isYoung(stats, this.#now, this.#graceMs);
  }

  #isOld(usedMs: number): boolean {
    return (
      this.#options.olderThanMs !== undefined && this.#now - usedMs >= this.#options.olderThanMs
    );
  }
}

function blobsOf(record: ActionRecord): Set<Digest> {
  return new Set([...record.closure, ...record.outputs.map(({ digest }) => digest)]);
}

function sizeOf(items: readonly Listed[]): number {
  return items.reduce((sum, { stats }) => sum + stats.size, 0);
}

/** `20 GiB`, `512 B`: the largest unit that leaves a whole number. */
function bytesOf(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && bytes % 1024 === 0 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${bytes} ${units[unit]}`;
}

function spanOf(ms: number): string {
  if (ms % DAY_MS === 0) return ms === DAY_MS ? "a day" : `${ms / DAY_MS} days`;
  if (ms % HOUR_MS === 0) return ms === HOUR_MS ? "an hour" : `${ms / HOUR_MS} hours`;
  return `${Math.round(ms / 1000)} s`;
}
