/**
 * Runs one node: takes the lock of its key, dispatches to the executor of its kind, checks what
 * came out and stores the record. The only place where a result enters the action cache.
 */
import { rm } from "node:fs/promises";
import {
  resultDigest,
  type ActionRecord,
  type Digest,
  type Output,
  type Store,
} from "../../cache/index.js";
import type { Tools } from "../host/index.js";
import { assembleImage, assembleIndex, checkElf, ELF_HEADER_BYTES } from "../image/index.js";
import type { BuildEvent } from "../model/event.js";
import type { KeyInputs } from "../keys/index.js";
import { NodeFailure } from "../model/failure.js";
import type { BuildGraph } from "../model/graph.js";
import { assertNever, InternalError, invariant } from "../model/invariant.js";
import type { Address, NodeDefinition, SourceOrigin } from "../model/node.js";
import type { Platform } from "../model/platform.js";
import type { ProcessRunner } from "../model/ports.js";
import type { PlannedNode } from "../plan/plan.js";
import { runC } from "./actions/cc.js";
import { runBase } from "./actions/base.js";
import { runDebianIndex } from "./actions/debian-index.js";
import { runDockerfile } from "./actions/dockerfile.js";
import { runInstall } from "./actions/install.js";
import { runPackages } from "./actions/packages.js";
import { runRun } from "./actions/run.js";
import { runGenerate } from "./actions/generate.js";
import { runGo } from "./actions/go.js";
import { runModules } from "./actions/modules.js";
import { runPatch } from "./actions/patch.js";
import { runSource, valueNow } from "./actions/source.js";
import { runTest } from "./actions/test.js";
import { runToolchain } from "./actions/toolchain.js";
import { LogFile } from "./log-file.js";
import { fetchedOutputs } from "./vault-items.js";
import type { ActionContext, ActionOutcome, LockFacts, Perturbation } from "./context.js";

export interface RunnerOptions {
  readonly store: Store;
  readonly graph: BuildGraph;
  readonly processes: ProcessRunner;
  readonly tools: Tools;
  readonly environment: Readonly<Record<string, string>>;
  readonly lock: LockFacts;
  readonly builders: ActionContext["builders"];
  readonly testDriver: string;
  /** Processors that one node may use. */
  readonly jobs: number;
  readonly offline: boolean;
  readonly inputs: KeyInputs;
  readonly signal: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
  /** kmips version, for the record. */
  readonly producer: string;
}

/** Runs a node and stores its result, unless another process did so meanwhile. */
export async function runNode(
  planned: PlannedNode,
  key: Digest,
  results: (address: Address) => ActionRecord | undefined,
  options: RunnerOptions,
  forced = false,
): Promise<ActionRecord> {
  const { store } = options;
  await store.hold();
  const lock = isWorthWaiting(planned.node.definition) ? await store.lockAction(key) : undefined;
  try {
    const finished = forced ? undefined : store.getAction(key);
    if (finished !== undefined) return finished;
    const record = await produceRecord(planned, key, results, options, undefined);
    const { stored, diverged } = store.putAction(record);
    if (diverged !== undefined) {
      options.onEvent({
        type: "warning",
        message: `${planned.node.address} gave ${diverged.result} where ${stored.result} is stored under the same key: it is not reproducible; "kmips verify ${planned.node.address}" tells where`,
      });
    }
    return stored;
  } finally {
    await lock?.release();
  }
}

/**
 * Whether two processes should take turns at a node rather than both run it. A lock costs a child
 * process, which is more than it takes to read some files or to put an image together.
 */
function isWorthWaiting(definition: NodeDefinition): boolean {
  switch (definition.kind) {
    case "source":
      return definition.origin.type !== "files" && definition.origin.type !== "directory";
    case "image":
    case "index":
      return false;
    default:
      return true;
  }
}

/** Runs a node without consulting or filling the action cache: what `kmips verify` compares. */
export async function produceRecord(
  planned: PlannedNode,
  key: Digest,
  results: (address: Address) => ActionRecord | undefined,
  options: RunnerOptions,
  perturbation: Perturbation | undefined,
): Promise<ActionRecord> {
  const { store } = options;
  const { node, action } = planned;
  const log = new LogFile(store.paths.log(key));
  const temporary: string[] = [];
  const temporaryDirectory = (): string => {
    const path = store.temporaryDirectory();
    temporary.push(path);
    return path;
  };
  try {
    for (const bytes of action.attachments.values()) store.putBytes(bytes);
    const context: ActionContext = {
      ...contextOf(node.address, results, options, (chunk) => log.write(chunk), temporaryDirectory),
      ...(perturbation === undefined ? {} : { perturbation }),
    };
    const outcome = await dispatch(node.definition, context);
    if (node.definition.kind === "component")
      checkPrograms(outcome.outputs, node.definition.platform, store);
    for (const message of outcome.notes ?? [])
      options.onEvent({ type: "note", address: node.address, message });
    const fetched = [
      ...fetchedOutputs(node.definition, outcome.outputs),
      ...(outcome.fetched ?? []),
    ];
    // Before the record: what is kept must not hang on a result that another run may have stored.
    if (fetched.length > 0) store.putVault({ key, address: node.address, items: fetched });
    const closure = new Set<Digest>([
      ...outcome.outputs.map((output) => output.digest),
      ...action.attachments.keys(),
    ]);
    return {
      key,
      address: node.address,
      kind: node.definition.kind,
      fields: action.fields,
      outputs: outcome.outputs,
      result: resultDigest(outcome.outputs),
      closure: [...closure],
      nativeMs: Math.round(outcome.nativeMs),
      emulatedMs: Math.round(outcome.emulatedMs),
      producer: options.producer,
    };
  } finally {
    log.close();
    // What cannot be removed now goes with the process's own directory; it must not hide the outcome.
    for (const path of temporary)
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

function contextOf(
  address: Address,
  results: (address: Address) => ActionRecord | undefined,
  options: RunnerOptions,
  log: ActionContext["log"],
  temporaryDirectory: ActionContext["temporaryDirectory"],
): ActionContext {
  return {
    ...options,
    address,
    results: (other) => {
      const record = results(other);
      if (record === undefined) throw new InternalError(`"${address}" ran before "${other}"`);
      return record;
    },
    definition: (other) => definitionOf(options.graph, other),
    temporaryDirectory,
    log,
  };
}

/**
 * The value that the fact of a source has now, where it comes from: what `kmips update` locks.
 * @throws NodeFailure `network` when it cannot be had
 */
export function askForFact(
  address: Address,
  origin: SourceOrigin,
  options: RunnerOptions,
): Promise<string> {
  const nothing = (): undefined => undefined;
  const temporaryDirectory = (): string => options.store.temporaryDirectory();
  return valueNow(origin, contextOf(address, nothing, options, nothing, temporaryDirectory));
}

function definitionOf(graph: BuildGraph, address: Address): NodeDefinition {
  const node = graph.nodes.get(address);
  if (node === undefined) throw new InternalError(`The graph has no node "${address}"`);
  return node.definition;
}

async function dispatch(
  definition: NodeDefinition,
  context: ActionContext,
): Promise<ActionOutcome> {
  switch (definition.kind) {
    case "source":
      return runSource(definition, context);
    case "patch":
      return runPatch(definition, context);
    case "toolchain":
      return runToolchain(definition, context);
    case "modules":
      return runModules(definition, context);
    case "generate":
      return runGenerate(definition, context);
    case "component":
      return definition.type === "go" ? runGo(definition, context) : runC(definition, context);
    case "debian-index":
      return runDebianIndex(definition, context);
    case "packages":
      return runPackages(definition, context);
    case "base":
      return runBase(definition, context);
    case "install":
      return runInstall(definition, context);
    case "dockerfile":
      return runDockerfile(definition, context);
    case "run":
      return runRun(definition, context);
    case "image":
      invariant(
        definition.awaits === undefined,
        `"${context.address}" runs before its Dockerfile was read`,
      );
      return timed(() =>
        assembleImage(definition, {
          store: context.store,
          output: (address, name) => outputOf(context, address, name),
          tree: (address) => outputOf(context, address, "tree").digest,
          image: (address) => outputOf(context, address, "manifest").digest,
          ...(definition.base === undefined
            ? {}
            : { base: context.results(definition.base).outputs }),
        }),
      );
    case "index":
      return timed(() =>
        assembleIndex(
          definition.images.map((address) => outputOf(context, address, "manifest")),
          context.store,
        ),
      );
    case "test":
      return runTest(definition, context);
    case "group":
      throw new InternalError(`Group "${context.address}" has nothing to run`);
    default:
      return assertNever(definition);
  }
}

/** @throws NodeFailure `missing-input` when the dependency has no such output */
function outputOf(context: ActionContext, address: Address, name: string): Output {
  const { outputs } = context.results(address);
  const output = outputs.find((candidate) => candidate.name === name);
  if (output === undefined) {
    throw new NodeFailure({
      type: "missing-input",
      what: context.address,
      path: `${address}.${name}`,
      candidates: outputs.map((candidate) => candidate.name),
    });
  }
  return output;
}

async function timed(
  run: () => { outputs: readonly Output[] } | Promise<{ outputs: readonly Output[] }>,
): Promise<ActionOutcome> {
  const start = performance.now();
  const { outputs } = await run();
  return { outputs, nativeMs: performance.now() - start, emulatedMs: 0 };
}

/** Every program must be for the platform it was built for. @throws NodeFailure `elf` */
function checkPrograms(outputs: readonly Output[], platform: Platform, store: Store): void {
  for (const output of outputs) {
    if (output.executable !== true) continue;
    const checked = checkElf(readPrefix(store, output.digest), platform);
    if (!checked.ok) {
      throw new NodeFailure(
        { type: "elf", file: output.name, expected: checked.expected, actual: checked.actual },
        "check the target and the flags of the component",
      );
    }
  }
}

/** The part of a blob that holds the ELF header. The blob was hashed when it was put a moment ago. */
function readPrefix(store: Store, digest: Digest): Uint8Array {
  for (const chunk of store.readChunks(digest))
    return Buffer.from(chunk.subarray(0, ELF_HEADER_BYTES));
  return new Uint8Array();
}
