/**
 * Node → action: the named fields that can change its result, in a fixed order.
 *
 * Not keyed, on purpose: reasons and upstream links of patches, documentation, the tag an image
 * gets, log settings, parallelism, time limits, absolute paths, mtimes, and the place a pinned
 * source is fetched from (its digest is keyed).
 */
import { actionKey } from "../../cache/index.js";
import type { Digest, Field } from "../../cache/index.js";
import type { Fact } from "../model/facts.js";
import { assertNever } from "../model/invariant.js";
import type { Address, GraphNode, NodeDefinition } from "../model/node.js";
import {
  describeComponent,
  describeGenerate,
  describeModules,
  describeSource,
  describeToolchain,
} from "./describe-build.js";
import {
  describeBase,
  describeIndex,
  describeInstall,
  describePackages,
  describeRun,
} from "./describe-debian.js";
import { describeImage, describeTest } from "./describe-image.js";
import { FieldSink, outputDigest } from "./field-sink.js";
import type { KeyInputs } from "./inputs.js";

/** Raised when the way a kind computes its result changes: every node of the kind is keyed anew. */
const KIND_VERSIONS: Readonly<Record<NodeDefinition["kind"], number>> = {
  source: 1,
  patch: 1,
  toolchain: 1,
  modules: 2,
  generate: 1,
  component: 1,
  "debian-index": 1,
  packages: 1,
  base: 2,
  install: 3,
  dockerfile: 1,
  run: 1,
  image: 1,
  index: 1,
  test: 2,
  group: 1,
};

export interface Action {
  readonly kind: NodeDefinition["kind"];
  readonly version: number;
  readonly fields: readonly Field[];
  /** Texts behind the fields of type `blob`, stored when the node runs. */
  readonly attachments: ReadonlyMap<Digest, Buffer>;
  /** Declared files that are not there: the node cannot run. */
  readonly missing: readonly string[];
  /** Facts that the lock does not have: the node must not run. */
  readonly unlocked: readonly Fact[];
  /** Dependencies whose result is not known yet; the key is known only when this is empty. */
  readonly pending: readonly Address[];
  /** Field name → the dependency whose result it holds. */
  readonly followed: ReadonlyMap<string, Address>;
}

/** The key of an action whose dependencies all have results. */
export function keyOf(action: Action): Digest {
  return actionKey(action.kind, action.version, action.fields);
}

/** The action of a node, as far as its dependencies' results are known. */
export function describeAction(node: GraphNode, inputs: KeyInputs): Action {
  const sink = new FieldSink(inputs);
  describe(node.definition, sink, inputs);
  return {
    kind: node.definition.kind,
    version: KIND_VERSIONS[node.definition.kind],
    fields: sink.fields,
    attachments: sink.attachments,
    missing: sink.missing,
    unlocked: sink.unlocked,
    pending: sink.pending,
    followed: sink.followed,
  };
}

function describe(definition: NodeDefinition, sink: FieldSink, inputs: KeyInputs): void {
  switch (definition.kind) {
    case "source":
      return describeSource(definition, sink, inputs);
    case "patch":
      sink.result("source", definition.source);
      for (const patch of definition.series) sink.file(`patch ${patch.label}`, patch.path);
      return;
    case "toolchain":
      return describeToolchain(definition, sink, inputs);
    case "modules":
      return describeModules(definition, sink, inputs);
    case "generate":
      return describeGenerate(definition, sink);
    case "component":
      return describeComponent(definition, sink);
    case "debian-index":
      return describeIndex(definition, sink, inputs);
    case "packages":
      return describePackages(definition, sink, inputs);
    case "base":
      return describeBase(definition, sink, inputs);
    case "install":
      return describeInstall(definition, sink, inputs);
    case "dockerfile":
      sink.result("source", definition.source);
      sink.text("path", definition.path);
      return;
    case "run":
      return describeRun(definition, sink, inputs);
    case "image":
      return describeImage(definition, sink, inputs);
    case "index":
      for (const image of definition.images)
        sink.result(`image ${image}`, image, outputDigest("manifest"));
      return;
    case "test":
      return describeTest(definition, sink, inputs);
    case "group":
      return;
    default:
      assertNever(definition);
  }
}
