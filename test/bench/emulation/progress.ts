/** What buildx and kmips say about a build, as JSON lines. */

/** A step of `buildx build --progress rawjson`, as far as it is needed. */
interface Vertex {
  readonly digest: string;
  readonly name: string;
  readonly started?: string;
  readonly completed?: string;
}

/** `[2/6] RUN …`, `[build 3/4] RUN …`, and with a target of a bake file before that. */
const RUN_STEP = /^\[[^\]]*\d+\/\d+\] RUN /;

/** The JSON objects among the lines of a text. */
function* objects(text: string): Generator<Record<string, unknown>, void, undefined> {
  for (const line of text.split("\n")) {
    if (line.startsWith("{")) yield JSON.parse(line) as Record<string, unknown>;
  }
}

/** What the RUN steps of a build took. @throws Error when one of them came from a cache */
export function runSteps(rawjson: string): { readonly count: number; readonly seconds: number } {
  const intervals = new Map<string, number>();
  const steps = new Set<string>();
  for (const { vertexes } of objects(rawjson)) {
    for (const vertex of (vertexes ?? []) as (Vertex & { readonly cached?: boolean })[]) {
      const { digest, name, started, completed, cached } = vertex;
      if (!RUN_STEP.test(name)) continue;
      if (cached === true) throw new Error(`${name} was cached`);
      steps.add(digest);
      if (started === undefined || completed === undefined) continue;
      // The same end is told several times.
      intervals.set(`${digest} ${started}`, Date.parse(completed) - Date.parse(started));
    }
  }
  const total = [...intervals.values()].reduce((sum, each) => sum + each, 0);
  return { count: steps.size, seconds: total / 1000 };
}

/** A node that a build of kmips executed. */
export interface BuiltNode {
  readonly address: string;
  readonly emulatedSeconds: number;
}

/** The nodes that `kmips build --progress json` built, by its events. @throws Error for a failure */
export function builtNodes(events: string): BuiltNode[] {
  const nodes: BuiltNode[] = [];
  for (const event of objects(events)) {
    if (event["type"] !== "finished") continue;
    const address = String(event["address"]);
    const outcome = event["outcome"] as { readonly kind: string; readonly emulatedMs?: number };
    if (outcome.kind === "failed") throw new Error(`${address} failed: ${JSON.stringify(outcome)}`);
    if (outcome.kind === "built") {
      nodes.push({ address, emulatedSeconds: (outcome.emulatedMs ?? 0) / 1000 });
    }
  }
  return nodes;
}
