/** Small graphs, stores and inputs for tests of keys, plans and the scheduler. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import {
  digestOf,
  openStore,
  resultDigest,
  type ActionRecord,
  type Locker,
  type Store,
} from "../../cache/index.js";
import type { KeyInputs, ListedFile } from "../../src/keys/index.js";
import type { BuildGraph } from "../../src/model/graph.js";
import type { Address, GraphNode, NodeDefinition } from "../../src/model/node.js";
import type { PlannedNode } from "../../src/plan/plan.js";

const file = { name: "test.kmips", text: "test" };

/** A graph of the definitions, with dependencies named beside them. Insertion order is topological. */
export function graphOf(
  nodes: Readonly<Record<Address, readonly [NodeDefinition, ...Address[]]>>,
): BuildGraph {
  const entries = Object.entries(nodes).map(
    ([address, [definition, ...dependencies]]): [Address, GraphNode] => [
      address,
      { address, definition, dependencies, at: { file, span: { start: 0, end: 4 } } },
    ],
  );
  return { nodes: new Map(entries), root: "/project", projectName: "test", recipes: [] };
}

/** Inputs over files in memory: path → text. */
export class MemoryInputs implements KeyInputs {
  readonly files = new Map<string, string>();
  readonly hostArch = "amd64";
  emulatorText = "emulator 1";
  result(): ActionRecord | undefined {
    return undefined;
  }
  fileDigest(path: string) {
    const text = this.files.get(path);
    return text === undefined ? undefined : digestOf(text);
  }
  fileBytes(path: string): Buffer {
    return Buffer.from(this.files.get(path) ?? "");
  }
  list(directory: string): ListedFile[] | undefined {
    const found = [...this.files].filter(([path]) => path.startsWith(`${directory}/`));
    return found.map(([path, text]) => ({
      path: path.slice(directory.length + 1),
      digest: digestOf(text),
      executable: false,
    }));
  }
  emulator() {
    return { path: "/emulator", digest: digestOf(this.emulatorText) };
  }
  isNative(): boolean {
    return false;
  }
  packageVersion(name: string): string | undefined {
    return `${name}-1.0`;
  }
  compilerPrograms(): string[] {
    return [];
  }
  lockedSum(): string | undefined {
    return undefined;
  }
  locked(): string | undefined {
    return undefined;
  }
}

/** A locker within one process: enough where no second process takes part. */
export const lonelyLocker: Locker = {
  acquire: async () => ({ release: async () => undefined }),
};

/** A new store below the system's directory for temporary files. */
export async function temporaryStore(): Promise<Store> {
  const root = mkdtempSync(join(tmpdir(), "kmips-store-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return openStore(join(root, "store"), { locker: lonelyLocker, durable: false });
}

/** The record of a run that gave `text` as its only output. */
export function recordFor(
  planned: PlannedNode,
  key: ActionRecord["key"],
  text: string,
  store: Store,
): ActionRecord {
  for (const bytes of planned.action.attachments.values()) store.putBytes(bytes);
  const output = { name: "tree", digest: store.putBytes(text), size: Buffer.byteLength(text) };
  return {
    key,
    address: planned.node.address,
    kind: planned.node.definition.kind,
    fields: planned.action.fields,
    outputs: [output],
    result: resultDigest([output]),
    closure: [output.digest, ...planned.action.attachments.keys()],
    nativeMs: 1,
    emulatedMs: 0,
    producer: "test",
  };
}
