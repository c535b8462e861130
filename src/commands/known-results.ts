/**
 * Results of earlier builds that decide what the graph looks like: texts of Dockerfiles and names of
 * packages, read from the records of their nodes.
 *
 * The names are a few percent of the lists they come from, and every start wants them: they are kept
 * in short form in the project's state, under the digests of the lists.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CorruptBlobError,
  digestOf,
  hexOf,
  MissingBlobError,
  type ActionRecord,
  type Store,
} from "../../cache/index.js";
import type { KnownResults } from "../analyze/index.js";
import { parseNameList, readPackageNames, type PackageNameList } from "../debian/package-names.js";
import type { Address } from "../model/node.js";

export class StoredResults implements KnownResults {
  readonly #store: Store;
  readonly #directory: string;
  readonly #records = new Map<Address, ActionRecord>();
  readonly #texts = new Map<Address, string | undefined>();
  readonly #names = new Map<Address, PackageNameList | undefined>();

  /** `stateDirectory` is the project's own in the store. */
  constructor(store: Store, stateDirectory: string) {
    this.#store = store;
    this.#directory = join(stateDirectory, "names");
  }

  /** The record of a node's result, for the next analysis. */
  learn(address: Address, record: ActionRecord): void {
    this.#records.set(address, record);
    this.#texts.delete(address);
    this.#names.delete(address);
  }

  /** Whether the node's result is known and could be read. */
  has(address: Address): boolean {
    const record = this.#records.get(address);
    if (record === undefined) return false;
    const result =
      record.kind === "dockerfile" ? this.dockerfile(address) : this.packageNames(address);
    return result !== undefined;
  }

  /** Whether the node has a result that cannot be read: it must run again. */
  isDamaged(address: Address): boolean {
    return this.#records.has(address) && !this.has(address);
  }

  dockerfile(address: Address): string | undefined {
    if (!this.#texts.has(address))
      this.#texts.set(
        address,
        this.#read(address, (record) => this.#textOf(record, "text")[0]),
      );
    return this.#texts.get(address);
  }

  packageNames(address: Address): PackageNameList | undefined {
    if (!this.#names.has(address))
      this.#names.set(
        address,
        this.#read(address, (record) => this.#namesOf(address, record)),
      );
    return this.#names.get(address);
  }

  /** What `read` makes of the record; a damaged blob is a result that is not known. */
  #read<T>(address: Address, read: (record: ActionRecord) => T): T | undefined {
    const record = this.#records.get(address);
    if (record === undefined) return undefined;
    try {
      return read(record);
    } catch (error) {
      if (error instanceof CorruptBlobError || error instanceof MissingBlobError) return undefined;
      throw error;
    }
  }

  #textOf(record: ActionRecord, prefix: string): string[] {
    return record.outputs
      .filter((output) => output.name.startsWith(prefix))
      .map((output) => this.#store.readBytes(output.digest).toString());
  }

  #namesOf(address: Address, record: ActionRecord): PackageNameList {
    const path = join(this.#directory, hexOf(digestOf(address)).slice(0, 32));
    const lists = record.outputs.filter((output) => output.name.startsWith("packages/"));
    const title = `${NAMES_VERSION} ${lists.map((output) => output.digest).join(" ")}\n`;
    const kept = readIfThere(path);
    if (kept?.startsWith(title) === true) return parseNameList(kept.slice(title.length));
    const names = readPackageNames(this.#textOf(record, "packages/"));
    mkdirSync(this.#directory, { recursive: true });
    const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
    writeFileSync(temporary, title + names.format());
    renameSync(temporary, path);
    return names;
  }
}

/** Raised when the short form, or what is taken from a list, changes. */
const NAMES_VERSION = "names 1";

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
