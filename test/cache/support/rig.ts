/** A store in a temporary directory, and the small things that tests put into it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import {
  openStore,
  type ActionRecord,
  type Store,
  type StoreOptions,
} from "../../../cache/index.js";
import { MemoryLocker } from "./memory-locker.js";
import { makeRecordOf } from "./records.js";

/** A fresh directory that goes when the test ends. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "kmips-cache-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export interface Rig {
  readonly root: string;
  readonly locker: MemoryLocker;
  readonly warnings: string[];
  readonly store: Store;
  /** Another process's view of the same store. */
  readonly open: (options?: Partial<StoreOptions>) => Promise<Store>;
}

export async function makeRig(options: Partial<StoreOptions> = {}): Promise<Rig> {
  const root = join(temporaryDirectory(), "store");
  const locker = new MemoryLocker();
  const warnings: string[] = [];
  const open = async (more: Partial<StoreOptions> = {}): Promise<Store> => {
    const store = await openStore(root, {
      locker,
      durable: false,
      onWarning: (text) => warnings.push(text),
      ...options,
      ...more,
    });
    onTestFinished(() => store.close());
    return store;
  };
  return { root, locker, warnings, store: await open(), open };
}

/** A record with one output blob, which is stored too. */
export function makeRecord(store: Store, name: string, content = name): ActionRecord {
  return makeRecordOf(store, name, content);
}
