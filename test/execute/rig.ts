/**
 * A store, tools and context for executors under test, in a directory of their own.
 */
import { execPath } from "node:process";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import {
  digestOf,
  openStore,
  resultDigest,
  type ActionRecord,
  type Store,
} from "../../cache/index.js";
import type { ActionContext, ActionOutcome } from "../../src/execute/context.js";
import { ChildProcessRunner, FlockLocker, Tools } from "../../src/host/index.js";
import type { KeyInputs, ListedFile } from "../../src/keys/index.js";
import type { Address, NodeDefinition } from "../../src/model/node.js";

export interface Rig {
  readonly store: Store;
  readonly tools: Tools;
  /** Everything that executors logged. */
  readonly log: () => string;
  /** Declares a node and what it gave, for dependents. */
  finish(address: Address, definition: NodeDefinition, outcome: ActionOutcome): void;
  context(address: Address, overrides?: Partial<ActionContext>): ActionContext;
}

/** A rig whose store is at `root`; close the store when done. */
export async function openRig(
  root: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Rig> {
  const tools = new Tools({ path: environment["PATH"] ?? "", node: execPath, nodeArch: arch() });
  const locker = new FlockLocker(tools.require("flock"), tools.require("cat"));
  const store = await openStore(root, { locker, durable: false });
  const definitions = new Map<Address, NodeDefinition>();
  const records = new Map<Address, ActionRecord>();
  const chunks: Buffer[] = [];
  const found = <T>(map: ReadonlyMap<Address, T>, address: Address): T => {
    const value = map.get(address);
    if (value === undefined) throw new Error(`The rig has no "${address}"`);
    return value;
  };
  return {
    store,
    tools,
    log: () => Buffer.concat(chunks).toString("utf8"),
    finish: (address, definition, outcome) => {
      definitions.set(address, definition);
      records.set(address, recordOf(address, definition.kind, outcome));
    },
    context: (address, overrides) => ({
      address,
      store,
      processes: new ChildProcessRunner(),
      tools,
      results: (name) => found(records, name),
      definition: (name) => found(definitions, name),
      temporaryDirectory: () => store.temporaryDirectory(),
      log: (chunk) => void chunks.push(Buffer.from(chunk)),
      signal: new AbortController().signal,
      jobs: 2,
      offline: false,
      inputs: diskInputs(tools),
      environment,
      builders: {
        use: () => Promise.reject(new Error("The rig has no builder")),
      },
      lock: { lockedSum: () => undefined, locked: () => undefined },
      testDriver: join(root, "test-driver.cjs"),
      ...overrides,
    }),
  };
}

function recordOf(address: Address, kind: string, outcome: ActionOutcome): ActionRecord {
  return {
    key: digestOf(address),
    address,
    kind,
    fields: [],
    outputs: outcome.outputs,
    result: resultDigest(outcome.outputs),
    closure: outcome.outputs.map((output) => output.digest),
    nativeMs: 0,
    emulatedMs: 0,
    producer: "test",
  };
}

/** Lists everything or exactly the named paths; globs are another module's business. */
function diskInputs(tools: Tools): KeyInputs {
  const list = (directory: string, include: readonly string[]): ListedFile[] | undefined => {
    if (!existsSync(directory)) return undefined;
    return (readdirSync(directory, { recursive: true }) as string[])
      .filter((path) => include.length === 0 || include.includes(path))
      .filter((path) => !lstatSync(join(directory, path)).isDirectory())
      .sort()
      .map((path) => {
        const full = join(directory, path);
        const stats = lstatSync(full);
        if (stats.isSymbolicLink()) {
          const link = readlinkSync(full);
          return { path, digest: digestOf(link), executable: false, link };
        }
        return {
          path,
          digest: digestOf(readFileSync(full)),
          executable: (stats.mode & 0o100) !== 0,
        };
      });
  };
  return {
    result: () => undefined,
    fileDigest: (path) => (existsSync(path) ? digestOf(readFileSync(path)) : undefined),
    fileBytes: (path) => readFileSync(path),
    list,
    emulator: () => undefined,
    isNative: () => false,
    packageVersion: (name) => tools.packageVersion(name),
    compilerPrograms: (triplet) => [`/usr/bin/${triplet}-gcc`],
    lockedSum: () => undefined,
    locked: () => undefined,
    hostArch: tools.hostArch,
  };
}
