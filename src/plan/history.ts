/**
 * What each node of a project was last built as: address → key, kept per project in the store.
 *
 * An append-only text, one line a fact, so that a build killed at any moment leaves what it knew;
 * a torn last line is ignored, and a rewrite drops what later lines replaced.
 */
import {
  appendFileSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { isDigest, type Digest } from "../../cache/index.js";
import type { Address } from "../model/node.js";

export interface LastBuild {
  readonly key: Digest;
  /** Whether the last attempt under this key failed. */
  readonly failed: boolean;
}

/** Enough to find out what a dependent was last built with, a few builds of its inputs later. */
const KEPT_KEYS = 4;

const LINE = /^(ok|failed) (sha256:[0-9a-f]{64}) (.+)$/;

export class History {
  readonly #path: string;
  readonly #last = new Map<Address, LastBuild>();
  /** Successful keys, the last one at the end: differences are taken against them. */
  readonly #built = new Map<Address, Digest[]>();
  readonly #usual: History | undefined;
  #pending: string[] = [];

  private constructor(path: string, usual: History | undefined) {
    this.#path = path;
    this.#usual = usual;
  }

  /**
   * Reads the history at `path`; an absent or unreadable line is as if it was never written. What it
   * does not know is compared with the builds of `usual`.
   */
  static open(path: string, usual?: History): History {
    const history = new History(path, usual);
    let text = "";
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    for (const line of text.split("\n")) {
      const [, state, key, address] = LINE.exec(line) ?? [];
      if (key !== undefined && address !== undefined && isDigest(key)) {
        history.#remember(address, key, state === "failed");
      }
    }
    return history;
  }

  /** The last attempt of a node, or undefined when there was none. */
  last(address: Address): LastBuild | undefined {
    return this.#last.get(address);
  }

  /** The key of the last successful build of a node. */
  lastBuilt(address: Address): Digest | undefined {
    return this.#built.get(address)?.at(-1);
  }

  /** The key to compare a node with: of its last successful build, else of the usual one. */
  comparedWith(address: Address): Digest | undefined {
    return this.lastBuilt(address) ?? this.#usual?.lastBuilt(address);
  }

  /** Keys of a node's last few successful builds, the latest first, the usual ones last. */
  recentlyBuilt(address: Address): readonly Digest[] {
    const own = (this.#built.get(address) ?? []).toReversed();
    return [...own, ...(this.#usual?.recentlyBuilt(address) ?? [])];
  }

  /** Every key that is the last successful one of its node: what collection keeps. */
  lastKeys(): Set<Digest> {
    return new Set([...this.#built.values()].flatMap((keys) => keys.slice(-1)));
  }

  record(address: Address, key: Digest, failed: boolean): void {
    const last = this.#last.get(address);
    if (last?.key === key && last.failed === failed) return;
    this.#remember(address, key, failed);
    this.#pending.push(`${failed ? "failed" : "ok"} ${key} ${address}\n`);
    if (this.#pending.length >= 256) this.flush();
  }

  /** Appends what was recorded since the last flush. */
  flush(): void {
    if (this.#pending.length === 0) return;
    mkdirSync(dirname(this.#path), { recursive: true });
    appendFileSync(this.#path, this.#pending.join(""));
    this.#pending = [];
  }

  /** Rewrites the file with one line a fact: temporary file, fsync, rename. */
  compact(): void {
    mkdirSync(dirname(this.#path), { recursive: true });
    const lines: string[] = [];
    for (const [address, keys] of this.#built) {
      for (const key of keys) lines.push(`ok ${key} ${address}\n`);
    }
    for (const [address, { key, failed }] of this.#last) {
      if (failed) lines.push(`failed ${key} ${address}\n`);
    }
    const temporary = `${this.#path}.${randomBytes(8).toString("hex")}.tmp`;
    const fd = openSync(temporary, "w", 0o644);
    try {
      writeSync(fd, lines.join(""));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, this.#path);
    this.#pending = [];
  }

  #remember(address: Address, key: Digest, failed: boolean): void {
    this.#last.set(address, { key, failed });
    if (failed) return;
    const earlier = (this.#built.get(address) ?? []).filter((other) => other !== key);
    this.#built.set(address, [...earlier, key].slice(-KEPT_KEYS));
  }
}
