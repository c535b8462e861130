/**
 * Where everything in a store lies.
 *
 * The root is an OCI image layout (`oci-layout`, `index.json`, `blobs/sha256`); all that the
 * layout does not know of is below `kmips/`. Paths only: nothing here touches the disk.
 */
import { join } from "node:path";
import { hexOf, type Digest } from "./digest.js";

/** The store format this version reads and writes. */
export const STORE_FORMAT = 1;

/** Every path of one store; README.md in this folder says what each holds. */
export class StorePaths {
  readonly root: string;
  readonly ociLayout: string;
  readonly index: string;
  /** All blobs, one flat directory: its entries are named by 64 hex digits. */
  readonly blobs: string;
  /** The part of the store that the OCI layout does not know. */
  readonly own: string;
  readonly format: string;
  readonly reserve: string;
  readonly generation: string;
  readonly actions: string;
  readonly leases: string;
  readonly tmp: string;
  readonly trash: string;
  readonly quarantine: string;
  readonly checkouts: string;
  readonly projects: string;
  readonly logs: string;
  readonly goCache: string;
  readonly goModules: string;
  readonly locks: string;
  readonly vault: string;
  readonly files: string;
  /** State directories of private builders, `0`, `1`, …, one per process, each with its `.lock`. */
  readonly builder: string;

  constructor(root: string) {
    this.root = root;
    this.ociLayout = join(root, "oci-layout");
    this.index = join(root, "index.json");
    this.blobs = join(root, "blobs", "sha256");
    this.own = join(root, "kmips");
    this.format = join(this.own, "FORMAT");
    this.reserve = join(this.own, "RESERVE");
    this.generation = join(this.own, "generation");
    this.actions = join(this.own, "actions", "v1");
    this.leases = join(this.own, "leases");
    this.tmp = join(this.own, "tmp");
    this.trash = join(this.own, "trash");
    this.quarantine = join(this.own, "quarantine");
    this.checkouts = join(this.own, "checkouts");
    this.projects = join(this.own, "projects");
    this.logs = join(this.own, "logs");
    this.goCache = join(this.own, "gocache");
    this.goModules = join(this.own, "gomod");
    this.locks = join(this.own, "locks");
    this.vault = join(this.own, "vault");
    this.files = join(this.own, "files");
    this.builder = join(this.own, "builder");
  }

  blob(digest: Digest): string {
    return `${this.blobs}/${hexOf(digest)}`;
  }

  /** The directory of an action's record: one of 256. */
  actionDirectory(key: Digest): string {
    return `${this.actions}/${key.slice(7, 9)}`;
  }

  action(key: Digest): string {
    return `${this.actionDirectory(key)}/${hexOf(key)}`;
  }

  /** What remains of a record that was removed. */
  tombstone(key: Digest): string {
    return `${this.action(key)}.gone`;
  }

  checkout(tree: Digest): string {
    return `${this.checkouts}/${hexOf(tree)}`;
  }

  checkoutManifest(tree: Digest): string {
    return `${this.checkout(tree)}.ok`;
  }

  /** The whole output of the node that ran under `key`. */
  log(key: Digest): string {
    return `${this.logs}/${hexOf(key)}.log`;
  }

  /** What the action of `key` fetched. */
  vaultEntry(key: Digest): string {
    return `${this.vault}/${hexOf(key)}`;
  }

  lock(name: string): string {
    return `${this.locks}/${name}`;
  }

  /** What a private builder keeps between builds; whoever holds `builderLock` may touch it. */
  builderState(number: number): string {
    return `${this.builder}/${number}`;
  }

  builderLock(number: number): string {
    return `${this.builder}/${number}.lock`;
  }

  project(id: string): string {
    return `${this.projects}/${id}`;
  }

  /** The directories that a new store is made of. */
  skeleton(): readonly string[] {
    return [
      this.blobs,
      this.actions,
      this.leases,
      this.tmp,
      this.trash,
      this.quarantine,
      this.checkouts,
      this.projects,
      this.logs,
      this.goCache,
      this.goModules,
      this.locks,
      this.vault,
      this.files,
    ];
  }
}
