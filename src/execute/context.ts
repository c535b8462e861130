/**
 * What an executor is given and what it hands back. The scheduler's side is `run-node.ts`.
 */
import type { ActionRecord, Output, Store, VaultItem } from "../../cache/index.js";
import type { Tools } from "../host/index.js";
import type { KeyInputs } from "../keys/index.js";
import type { Address, NodeDefinition } from "../model/node.js";
import type { ProcessRunner } from "../model/ports.js";
import type { BuilderSource } from "./builder/buildx-client.js";

export interface ActionContext {
  readonly address: Address;
  readonly store: Store;
  readonly processes: ProcessRunner;
  readonly tools: Tools;
  /** The result of a dependency. */
  readonly results: (address: Address) => ActionRecord;
  /** The definition of any node of the graph. */
  readonly definition: (address: Address) => NodeDefinition;
  /** A fresh directory, removed when the node has ended. */
  readonly temporaryDirectory: () => string;
  /** Receives everything that tools print, for the node's log. */
  readonly log: (chunk: string | Buffer) => void;
  readonly signal: AbortSignal;
  /** How many processors the node may use. */
  readonly jobs: number;
  /** Nothing may be fetched. */
  readonly offline: boolean;
  /** `kmips verify`: run under changed circumstances that must not change the result. */
  readonly perturbation?: Perturbation;
  /** The user's own environment. Only network clients see it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly lock: LockFacts;
  /** Where RUN steps run. */
  readonly builders: BuilderSource;
  /** Path of the built `test-driver.cjs`. */
  readonly testDriver: string;
  /** What the node's key was computed from; bytes that differ from it by now are refused. */
  readonly inputs: KeyInputs;
}

/** What `kmips.lock` says. */
export interface LockFacts {
  /** The `h1:` hash of a Go module; for a go.mod alone, `version` ends in `/go.mod` as in go.sum. */
  lockedSum(path: string, version: string): string | undefined;
  /** The value of any fact, e.g. of `("deb", "curl 7.88.1-10 mips64el")`. */
  locked(kind: string, name: string): string | undefined;
}

export interface ActionOutcome {
  readonly outputs: readonly Output[];
  readonly nativeMs: number;
  readonly emulatedMs: number;
  /** What was fetched beside the outputs, for the vault; its blobs are in the store. */
  readonly fetched?: readonly VaultItem[];
  /** Facts for the report, such as a retired patch; not part of the result. */
  readonly notes?: readonly string[];
}

/** Circumstances that a reproducible action does not notice. */
export interface Perturbation {
  /** Stands before the build's directories in the sandbox: `/perturbed/elsewhere`. */
  readonly directory: string;
  readonly umask: number;
  readonly timezone: string;
  readonly locale: string;
  readonly uid?: number;
  /** The processors that it may use; undefined: all that kmips may. */
  readonly processors?: readonly number[];
  /** Use no compiler cache that another build filled. */
  readonly coldCaches: boolean;
}
