/**
 * Collects the named fields of one action, with the texts behind them and what is still unknown.
 */
import { digestOf } from "../../cache/index.js";
import type { ActionRecord, Digest, Field, FieldValue } from "../../cache/index.js";
import { wantedFact, type Fact } from "../model/facts.js";
import type { Address, SourceOrigin } from "../model/node.js";
import type { Platform } from "../model/platform.js";
import type { KeyInputs } from "./inputs.js";

export class FieldSink {
  readonly fields: Field[] = [];
  readonly attachments = new Map<Digest, Buffer>();
  readonly missing: string[] = [];
  readonly unlocked: Fact[] = [];
  readonly pending: Address[] = [];
  readonly followed = new Map<string, Address>();
  readonly #inputs: KeyInputs;

  constructor(inputs: KeyInputs) {
    this.#inputs = inputs;
  }

  text(name: string, text: string): void {
    this.#add(name, { type: "text", text });
  }
  list(name: string, items: readonly string[]): void {
    this.#add(name, { type: "list", items });
  }
  map(name: string, entries: Readonly<Record<string, string>>): void {
    const pairs = Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1));
    this.#add(name, { type: "map", entries: pairs });
  }
  /** What the lock says of the fact that an origin wants; undefined when it wants none, or has none. */
  locked(origin: SourceOrigin): string | undefined {
    const fact = wantedFact(origin);
    if (fact === undefined) return undefined;
    const value = this.#inputs.locked(fact.kind, fact.name);
    if (value === undefined) this.unlocked.push(fact);
    return value;
  }
  /** A long text, kept as a blob so that later builds can be compared with it line by line. */
  blob(name: string, bytes: Buffer): void {
    const digest = digestOf(bytes);
    this.attachments.set(digest, bytes);
    this.#add(name, { type: "blob", digest, size: bytes.length });
  }
  file(name: string, path: string): void {
    const digest = this.#inputs.fileDigest(path);
    if (digest === undefined) this.missing.push(path);
    else this.blob(name, this.#inputs.fileBytes(path));
  }
  /** The result of a dependency: its digest, so that an identical rebuild stops the wave. */
  result(
    name: string,
    address: Address,
    pick: (record: ActionRecord) => string = (r) => r.result,
  ): void {
    const record = this.#inputs.result(address);
    this.followed.set(name, address);
    if (record === undefined) this.#wait(address);
    this.text(name, record === undefined ? "" : pick(record));
  }
  /** As `result`, for a part of it that is a list. */
  resultList(
    name: string,
    address: Address,
    pick: (record: ActionRecord) => readonly string[],
  ): void {
    const record = this.#inputs.result(address);
    this.followed.set(name, address);
    if (record === undefined) this.#wait(address);
    this.list(name, record === undefined ? [] : pick(record));
  }
  #wait(address: Address): void {
    if (!this.pending.includes(address)) this.pending.push(address);
  }
  #add(name: string, value: FieldValue): void {
    this.fields.push({ name, value });
  }
}

/** The digest of one output of a record, as a part of a field. */
export function outputDigest(name: string): (record: ActionRecord) => string {
  return (record) => record.outputs.find((output) => output.name === name)?.digest ?? "absent";
}

/** `NAME DIGEST` of every output below a prefix, such as `deb/`. */
export function outputLines(prefix: string): (record: ActionRecord) => string[] {
  return (record) =>
    record.outputs
      .filter((output) => output.name.startsWith(prefix))
      .map((output) => `${output.name.slice(prefix.length)} ${output.digest}`);
}

/** Package → its version on this machine. */
export function versionsOf(packages: readonly string[], inputs: KeyInputs): Record<string, string> {
  return Object.fromEntries(
    packages.map((name) => [name, inputs.packageVersion(name) ?? "not installed"]),
  );
}

/** What runs programs of a platform here. */
export function emulatorDigest(platform: Platform, inputs: KeyInputs): string {
  if (inputs.isNative(platform)) return "none: native";
  return inputs.emulator(platform)?.digest ?? "not installed";
}
