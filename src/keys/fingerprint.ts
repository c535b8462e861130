/**
 * Fingerprints: everything that decides a node and everything it is made from, as far as it is known
 * without building and without looking at this machine.
 *
 * A fingerprint says whether a recorded digest is of the recipe as it is now. It is made of what keys
 * are made of, with the fingerprints of dependencies in place of their results, and without emulator,
 * tools and their versions.
 */
import { actionKey, digestOf, type ActionRecord, type Digest } from "../../cache/index.js";
import type { BuildGraph } from "../model/graph.js";
import type { Address, GraphNode } from "../model/node.js";
import { describeAction } from "./action.js";
import { describeFiles } from "./describe-image.js";
import { FieldSink } from "./field-sink.js";
import type { KeyInputs } from "./inputs.js";

/** Grows when fingerprints are made in another way: every recorded digest is then of another recipe. */
const FINGERPRINT_VERSION = "1";

export class Fingerprints {
  readonly #graph: BuildGraph;
  readonly #inputs: KeyInputs;
  readonly #known = new Map<Address, Digest>();
  /** Declaration → its cells. */
  #cells: Map<Address, Address[]> | undefined;

  /** `graph` must be one that no result of an earlier build decides. */
  constructor(graph: BuildGraph, inputs: KeyInputs) {
    this.#graph = graph;
    this.#inputs = inputs;
  }

  /** The fingerprint of a node of the graph. */
  of(address: Address): Digest {
    let fingerprint = this.#known.get(address);
    if (fingerprint === undefined) {
      // A node that may come in may name this one: a circle ends with the name.
      this.#known.set(address, digestOf(address));
      const node = this.#graph.nodes.get(address);
      fingerprint = node === undefined ? digestOf(address) : this.#make(node);
      this.#known.set(address, fingerprint);
    }
    return fingerprint;
  }

  #make(node: GraphNode): Digest {
    const inputs = withoutMachine(this.#inputs, (address) => this.of(address));
    const { kind, version, fields, missing } = describeAction(node, inputs);
    const sink = new FieldSink(inputs);
    const { definition, dependencies } = node;
    const undecided = definition.kind === "image" ? definition.undecided : undefined;
    if (undecided !== undefined) describeFiles(undecided.files, sink, inputs);
    const others = (undecided?.nodes ?? []).flatMap((address) => this.#cellsOf(address));
    const parts = [
      FINGERPRINT_VERSION,
      actionKey(kind, version, fields),
      actionKey(kind, version, sink.fields),
      undecided?.text ?? "",
      ...[...missing, ...sink.missing].map(() => "missing"),
      ...[...dependencies, ...others].map((address) => this.of(address)),
    ];
    return digestOf(JSON.stringify(parts));
  }

  #cellsOf(declaration: Address): readonly Address[] {
    if (this.#graph.nodes.has(declaration)) return [declaration];
    if (this.#cells === undefined) {
      this.#cells = new Map();
      for (const address of this.#graph.nodes.keys()) {
        const owner = /^([^[/]+)\[[^\]]*\]$/.exec(address)?.[1];
        if (owner === undefined) continue;
        const cells = this.#cells.get(owner);
        if (cells === undefined) this.#cells.set(owner, [address]);
        else cells.push(address);
      }
    }
    return this.#cells.get(declaration) ?? [];
  }
}

function withoutMachine(inputs: KeyInputs, fingerprint: (address: Address) => Digest): KeyInputs {
  return {
    result: (address): ActionRecord => ({
      key: fingerprint(address),
      address,
      kind: "",
      fields: [],
      outputs: [],
      result: fingerprint(address),
      closure: [],
      nativeMs: 0,
      emulatedMs: 0,
      producer: "",
    }),
    fileDigest: (path) => inputs.fileDigest(path),
    fileBytes: (path) => inputs.fileBytes(path),
    list: (directory, include, exclude) => inputs.list(directory, include, exclude),
    lockedSum: (path, version) => inputs.lockedSum(path, version),
    locked: (kind, name) => inputs.locked(kind, name),
    emulator: () => undefined,
    isNative: () => false,
    packageVersion: () => undefined,
    compilerPrograms: () => [],
    hostArch: "any",
  };
}
