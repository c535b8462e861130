/** Records for tests, with their blobs. Imported by a process without vitest: knows nothing of it. */
import {
  digestOf,
  resultDigest,
  type ActionRecord,
  type Digest,
  type Store,
} from "../../../cache/index.js";

/** A record with one output blob, which is stored too. */
export function makeRecordOf(store: Store, name: string, content: string): ActionRecord {
  return recordOf(name, store.putBytes(content), Buffer.byteLength(content));
}

export function recordOf(name: string, digest: Digest, size: number): ActionRecord {
  const outputs = [{ name: "tree", digest, size }];
  return {
    key: digestOf(`key of ${name}`),
    address: `component.${name}`,
    kind: "component",
    fields: [{ name: "name", value: { type: "text", text: name } }],
    outputs,
    result: resultDigest(outputs),
    closure: [digest],
    nativeMs: 1,
    emulatedMs: 0,
    producer: "0.0.0",
  };
}
