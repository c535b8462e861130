/**
 * Runs a plan: only invalidated nodes, as soon as their dependencies have results, the longest
 * way to the end first.
 *
 * Each node is decided again when it becomes ready, because it is keyed on the results of its
 * dependencies: a rebuilt dependency with the same result stops the wave here (early cut-off).
 * The states of a node are drawn in ARCHITECTURE.md.
 */
import PQueue from "p-queue";
import {
  CorruptBlobError,
  MissingBlobError,
  errnoOf,
  StorageError,
  type ActionRecord,
  type Digest,
} from "../../cache/index.js";
import type { BuildEvent, BuildReport, NodeOutcome } from "../model/event.js";
import { notLocked } from "../model/facts.js";
import { isFullDisk, NodeFailure, resourceFailure } from "../model/failure.js";
import { InternalError } from "../model/invariant.js";
import type { Address, NodeKind } from "../model/node.js";
import {
  planNode,
  withResults,
  type Plan,
  type PlannedNode,
  type PlanOptions,
} from "../plan/plan.js";
import { ReadyList } from "./ready-list.js";

export interface ScheduleOptions extends Omit<PlanOptions, "selection"> {
  readonly plan: Plan;
  /** How many nodes run at once. */
  readonly jobs: number;
  /** Go on with nodes that do not depend on a failed one. */
  readonly keepGoing: boolean;
  readonly signal: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
  /** Executes one node and stores its result. */
  readonly run: NodeRunner;
  /** Where the output of a node's last run stands. */
  readonly logPath: (key: Digest) => string;
}

export type NodeRunner = (
  planned: PlannedNode,
  key: Digest,
  results: (address: Address) => ActionRecord | undefined,
) => Promise<ActionRecord>;

/** Guesses for nodes that never ran, in ms: only their order of magnitude matters. */
const EXPECTED_MS: Readonly<Record<NodeKind, number>> = {
  source: 2_000,
  patch: 500,
  toolchain: 10_000,
  modules: 10_000,
  generate: 30_000,
  component: 30_000,
  "debian-index": 5_000,
  packages: 10_000,
  base: 15_000,
  install: 20_000,
  dockerfile: 10,
  run: 20_000,
  image: 300,
  index: 10,
  test: 2_000,
  group: 0,
};

/** How often one node may be tried again after a damaged input was rebuilt. */
const REPAIR_LIMIT = 3;

/**
 * Executes the plan. Resolves when nothing runs any more; a failed node is an outcome.
 * @throws whatever a runner threw that is neither NodeFailure nor StorageError: a bug of kmips.
 */
export async function executePlan(options: ScheduleOptions): Promise<BuildReport> {
  return new Scheduler(options).run();
}

class Scheduler {
  readonly #options: ScheduleOptions;
  readonly #planOptions: Omit<PlanOptions, "selection" | "graph">;
  readonly #queue: PQueue;
  readonly #ready = new ReadyList();
  readonly #records = new Map<Address, ActionRecord>();
  readonly #outcomes = new Map<Address, NodeOutcome>();
  readonly #executed: Address[] = [];
  readonly #missing = new Map<Address, number>();
  readonly #dependents = new Map<Address, Address[]>();
  readonly #priority: ReadonlyMap<Address, number>;
  #stopped = false;
  #active = 0;
  #finish: () => void = () => undefined;
  /** The first error that is no failure of a node: a bug of kmips. */
  #bug: Error | undefined;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#planOptions = {
      ...options,
      inputs: withResults(options.inputs, (address) => this.#records.get(address)),
    };
    this.#queue = new PQueue({ concurrency: options.jobs });
    for (const { node } of options.plan.nodes.values()) {
      this.#missing.set(node.address, node.dependencies.length);
      for (const dependency of node.dependencies) {
        const list = this.#dependents.get(dependency);
        if (list === undefined) this.#dependents.set(dependency, [node.address]);
        else list.push(node.address);
      }
    }
    this.#priority = criticalPaths(options.plan, this.#dependents);
  }

  async run(): Promise<BuildReport> {
    const start = [...this.#missing].filter(([, count]) => count === 0).map(([address]) => address);
    this.#decide(start);
    await new Promise<void>((resolve) => {
      this.#finish = resolve;
      this.#fill();
    });
    this.#options.history.flush();
    if (this.#bug !== undefined) throw this.#bug;
    for (const address of this.#options.plan.nodes.keys()) {
      if (!this.#outcomes.has(address)) this.#outcomes.set(address, this.#whySkipped(address));
    }
    return {
      outcomes: this.#outcomes,
      executed: this.#executed,
      interrupted: this.#options.signal.aborted,
    };
  }

  /** Decides nodes whose dependencies all have outcomes, and what becomes ready because of them. */
  #decide(addresses: readonly Address[]): void {
    const stack = [...addresses].reverse();
    for (let address = stack.pop(); address !== undefined; address = stack.pop()) {
      const planned = this.#replan(address);
      const { decision } = planned;
      switch (decision.state) {
        case "cached": {
          const cutOff = this.#options.plan.nodes.get(address)?.decision.state === "waits";
          this.#settle(address, decision.record, {
            kind: "cached",
            result: decision.record.result,
            cutOff,
          });
          stack.push(...this.#freed(address));
          break;
        }
        case "group":
          this.#outcomes.set(address, { kind: "cached", result: "", cutOff: false });
          stack.push(...this.#freed(address));
          break;
        case "invalidated":
          this.#ready.push(address, this.#priority.get(address) ?? 0);
          break;
        case "waits":
          throw new InternalError(
            `"${address}" became ready while it waits for ${decision.on.join(", ")}`,
          );
      }
    }
  }

  #replan(address: Address): PlannedNode {
    const planned = this.#planned(address);
    // Only a node that waited can have another decision now.
    return planned.decision.state === "waits" ? planNode(planned.node, this.#planOptions) : planned;
  }

  #planned(address: Address): PlannedNode {
    const planned = this.#options.plan.nodes.get(address);
    if (planned === undefined) throw new InternalError(`The plan has no node "${address}"`);
    return planned;
  }

  /** Starts ready nodes while there are free slots; tells `run` when nothing runs any more. */
  #fill(): void {
    while (!this.#stopped && !this.#options.signal.aborted && this.#active < this.#options.jobs) {
      const address = this.#ready.pop();
      if (address === undefined) break;
      this.#active++;
      void this.#queue.add(async () => {
        await this.#execute(address);
        this.#active--;
        this.#fill();
      });
    }
    if (this.#active === 0) this.#finish();
  }

  async #execute(address: Address): Promise<void> {
    try {
      const { record, ran } = await this.#runWithRepair(address);
      if (ran) this.#settle(address, record, builtOutcome(record));
      else {
        const outcome = { kind: "cached", result: record.result, cutOff: false } as const;
        this.#settle(address, record, outcome);
        this.#finished(address, outcome, record.key);
      }
      this.#decide(this.#freed(address));
    } catch (error) {
      this.#fail(address, error);
    }
  }

  async #runWithRepair(address: Address): Promise<{ record: ActionRecord; ran: boolean }> {
    for (let attempt = 0; ; attempt++) {
      const planned = planNode(this.#planned(address).node, this.#planOptions);
      const { decision } = planned;
      // Another process, or a node with the same key, may have finished it since it was planned.
      if (decision.state === "cached") return { record: decision.record, ran: false };
      if (decision.state !== "invalidated")
        throw new InternalError(`"${address}" runs in state ${decision.state}`);
      if (decision.key === undefined) throw missingInput(planned);
      this.#options.onEvent({
        type: "started",
        address,
        cause: decision.causes.map((c) => `${c.code}: ${c.summary}`).join("; "),
      });
      this.#executed.push(address);
      try {
        const record = await this.#options.run(planned, decision.key, (dependency) =>
          this.#records.get(dependency),
        );
        this.#options.history.record(address, decision.key, false);
        return { record, ran: true };
      } catch (error) {
        if (
          !(error instanceof CorruptBlobError || error instanceof MissingBlobError) ||
          attempt >= REPAIR_LIMIT
        ) {
          if (error instanceof NodeFailure && error.reason.type !== "interrupted") {
            this.#options.history.record(address, decision.key, true);
          }
          throw error;
        }
        this.#options.onEvent({ type: "warning", message: `${error.message}; building it again` });
        await this.#rebuildProducers(address, error.digest);
      }
    }
  }

  /** Runs the dependencies again whose results contained a blob that is damaged or gone. */
  async #rebuildProducers(address: Address, digest: Digest): Promise<void> {
    const node = this.#options.plan.nodes.get(address)?.node;
    const producers = (node?.dependencies ?? []).filter((dependency) =>
      this.#records.get(dependency)?.closure.includes(digest),
    );
    if (producers.length === 0)
      throw new InternalError(`No dependency of "${address}" has blob ${digest}`);
    for (const producer of producers) {
      this.#records.delete(producer);
      const { record } = await this.#runWithRepair(producer);
      this.#settle(producer, record, builtOutcome(record));
    }
  }

  #settle(address: Address, record: ActionRecord, outcome: NodeOutcome): void {
    this.#records.set(address, record);
    this.#outcomes.set(address, outcome);
    this.#options.history.record(address, record.key, false);
    const ran = outcome.kind === "built" || (outcome.kind === "cached" && outcome.cutOff);
    if (ran) this.#finished(address, outcome, record.key);
  }

  #fail(address: Address, error: unknown): void {
    const failure = toFailure(error, this.#options.store.root);
    if (failure === undefined) {
      this.#bug ??= error instanceof Error ? error : new InternalError(String(error));
      this.#stopped = true;
      return;
    }
    const outcome: NodeOutcome = {
      kind: "failed",
      reason: failure.reason,
      ...(failure.help === undefined ? {} : { help: failure.help }),
    };
    this.#outcomes.set(address, outcome);
    this.#finished(address, outcome, this.#options.history.last(address)?.key);
    if (!this.#options.keepGoing) this.#stopped = true;
  }

  #finished(address: Address, outcome: NodeOutcome, key: Digest | undefined): void {
    const log = key === undefined ? {} : { log: this.#options.logPath(key) };
    this.#options.onEvent({ type: "finished", address, outcome, ...log });
  }

  /** Dependents whose last missing dependency this was. */
  #freed(address: Address): Address[] {
    const freed: Address[] = [];
    for (const dependent of this.#dependents.get(address) ?? []) {
      const missing = (this.#missing.get(dependent) ?? 0) - 1;
      this.#missing.set(dependent, missing);
      if (missing === 0) freed.push(dependent);
    }
    return freed;
  }

  #whySkipped(address: Address): NodeOutcome {
    const failed = this.#options.plan.nodes.get(address)?.node.dependencies.find((dependency) => {
      const kind = this.#outcomes.get(dependency)?.kind;
      return kind === "failed" || kind === "skipped";
    });
    if (failed === undefined) return { kind: "skipped", because: undefined };
    const cause = this.#outcomes.get(failed);
    return { kind: "skipped", because: cause?.kind === "skipped" ? cause.because : failed };
  }
}

function builtOutcome({ result, nativeMs, emulatedMs }: ActionRecord): NodeOutcome {
  return { kind: "built", result, nativeMs, emulatedMs };
}

function missingInput(planned: PlannedNode): NodeFailure {
  const [fact] = planned.action.unlocked;
  if (fact !== undefined) return notLocked(fact, planned.node.address);
  const [path = ""] = planned.action.missing;
  return new NodeFailure(
    { type: "missing-input", what: planned.node.address, path, candidates: [] },
    "create the file, or correct its path in the recipe",
  );
}

/** What a runner threw, as a failure of its node; `storeRoot` is where its scratch files lie. */
function toFailure(error: unknown, storeRoot: string): NodeFailure | undefined {
  if (error instanceof NodeFailure) return error;
  if (error instanceof StorageError) return resourceFailure(error.errno, error.path, error.message);
  // Scratch files of executors do not go through the store.
  const errno = errnoOf(error);
  if (errno !== undefined && isFullDisk(errno)) {
    const { path, message } = error as NodeJS.ErrnoException;
    return resourceFailure(errno, path ?? storeRoot, message);
  }
  return undefined;
}

/** Expected ms from the start of each node to the end of the build behind it. */
function criticalPaths(
  plan: Plan,
  dependents: ReadonlyMap<Address, readonly Address[]>,
): ReadonlyMap<Address, number> {
  const lengths = new Map<Address, number>();
  for (const [address, planned] of [...plan.nodes].reverse()) {
    let longest = 0;
    for (const dependent of dependents.get(address) ?? [])
      longest = Math.max(longest, lengths.get(dependent) ?? 0);
    const { expectedMs } = planned;
    const own =
      planned.decision.state === "cached"
        ? 0
        : expectedMs === undefined
          ? EXPECTED_MS[planned.node.definition.kind]
          : expectedMs.native + expectedMs.emulated;
    lengths.set(address, longest + own);
  }
  return lengths;
}
