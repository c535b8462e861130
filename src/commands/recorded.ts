/**
 * The digests that `kmips.lock` records of images, each with the fingerprint of the recipe that it is
 * of: so that a build elsewhere can be compared, and what was not built again can be trusted.
 */
import type { Digest } from "../../cache/index.js";
import { Fingerprints, type Action } from "../keys/index.js";
import type { BuildGraph } from "../model/graph.js";
import { InternalError } from "../model/invariant.js";
import type { Address } from "../model/node.js";
import { platformName } from "../model/platform.js";
import { closureOf, planBuild, type Plan } from "../plan/plan.js";
import { digestIn, isNamed, type NamedDefinition } from "./built-image.js";
import { openProject, type Workspace } from "./workspace.js";

/** The kind of a recorded image's facts. */
export const IMAGE_FACT = "image";
/** The kind of the facts that say what tools results were recorded with. */
export const TOOL_FACT = "tool";

export type RecordedState =
  /** The record is of the recipe as it is, and of what the store has, if that has it. */
  | "current"
  /** There is a record, but of another recipe. */
  | "changed"
  | "never recorded"
  /** The store has another digest for the same recipe. */
  | "not as recorded";

export interface RecordedImage {
  readonly address: Address;
  readonly reference: string;
  readonly platform: string;
  readonly state: RecordedState;
  /** The recipe's fingerprint as it is now. */
  readonly fingerprint: Digest;
  /** The digest that is recorded for it. */
  readonly recorded: string | undefined;
  /** The digest that the store has of the recipe as it is now. */
  readonly built: Digest | undefined;
  /** With `not as recorded`: what may be the reason. */
  readonly reasons: readonly string[];
}

/** Compares the named images among `selection` with their records. Builds nothing. */
export function recordedImages(
  workspace: Workspace,
  selection: readonly Address[],
): RecordedImage[] {
  const { facts } = workspace.inputs.lock;
  const fingerprints = fingerprintsOf(workspace);
  const plan = planBuild({ ...workspace, selection });
  const known = new Set(
    [...facts.keys()].flatMap((fact) => {
      const [kind, reference = "", platform = ""] = fact.split(" ");
      return kind === IMAGE_FACT ? [`${reference} ${platform}`] : [];
    }),
  );
  return selection.flatMap((address): RecordedImage[] => {
    const definition = workspace.graph.nodes.get(address)?.definition;
    if (definition === undefined || !isNamed(definition)) return [];
    const { reference } = definition;
    const platform = recordedPlatform(definition);
    const fingerprint = fingerprints.of(address);
    const recorded = facts.get(imageFact(reference, platform, fingerprint));
    const built = digestIn(plan, address);
    const differs = recorded !== undefined && built !== undefined && built !== recorded;
    const state = differs
      ? "not as recorded"
      : recorded !== undefined
        ? "current"
        : known.has(`${reference} ${platform}`)
          ? "changed"
          : "never recorded";
    const reasons = differs ? reasonsOf(workspace, plan, address) : [];
    return [{ address, reference, platform, state, fingerprint, recorded, built, reasons }];
  });
}

/** The name of an image's fact. */
export function imageFact(reference: string, platform: string, fingerprint: string): string {
  return `${IMAGE_FACT} ${reference} ${platform} ${fingerprint}`;
}

/** The platform as records spell it; an index has several. */
function recordedPlatform(definition: NamedDefinition): string {
  return definition.kind === "index" ? "any" : platformName(definition.platform);
}

/** `REFERENCE PLATFORM` of every image that a graph can have a record of, optional cells included. */
export function recordableNames({ nodes }: BuildGraph): ReadonlySet<string> {
  const names = [...nodes.values()].flatMap(({ definition }) =>
    isNamed(definition) ? [`${definition.reference} ${recordedPlatform(definition)}`] : [],
  );
  return new Set(names);
}

/** Of the graph as the recipes alone decide it: what was built before must not matter. */
function fingerprintsOf({ environment, inputs }: Workspace): Fingerprints {
  return new Fingerprints(openProject(environment).graph, inputs);
}

/** Tool → version of everything of this machine that the keys of the `wanted` nodes hold. */
export function toolsOf(plan: Plan, wanted: ReadonlySet<Address>): Map<string, string> {
  const tools = new Map<string, string>();
  for (const [address, { action, node }] of plan.nodes) {
    if (!wanted.has(address)) continue;
    const { definition } = node;
    for (const [name, version] of machineFields(action)) {
      const own = "platform" in definition ? definition.platform : undefined;
      const platform = own === undefined ? "" : `/${platformName(own)}`;
      tools.set(name === "emulator" ? `emulator${platform}` : name, version);
    }
  }
  return tools;
}

function machineFields({ kind, fields }: Action): (readonly [string, string])[] {
  return fields.flatMap(({ name, value }): (readonly [string, string])[] => {
    if (name === "emulator" && value.type === "text") return [[name, value.text]];
    if (value.type !== "map") return [];
    if (name === "tools") return [...value.entries];
    return kind === "toolchain" && name === "packages" ? [...value.entries] : [];
  });
}

/** What differs between this machine and those that results were recorded on. */
function reasonsOf(workspace: Workspace, plan: Plan, address: Address): string[] {
  const recorded = new Map<string, string[]>();
  for (const fact of workspace.inputs.lock.facts.keys()) {
    const [kind, name, version] = fact.split(" ");
    if (kind !== TOOL_FACT || name === undefined || version === undefined) continue;
    recorded.set(name, [...(recorded.get(name) ?? []), version]);
  }
  const wanted = closureOf(workspace.graph, [address]);
  return [...toolsOf(plan, wanted)].flatMap(([name, version]) => {
    const versions = recorded.get(name);
    const now = word(version);
    if (versions?.includes(now) === true) return [];
    return [`${name} is ${now}, recorded with ${versions?.join(" or ") ?? "none"}`];
  });
}

/** A text as one word of a fact. */
export function word(text: string): string {
  return text.replaceAll(/\s+/g, "_");
}

/** The addresses of the named images of a selection. */
export function namedImages({ graph }: Workspace, selection: readonly Address[]): Address[] {
  return selection.filter((address) => {
    const node = graph.nodes.get(address);
    if (node === undefined) throw new InternalError(`The graph has no node "${address}"`);
    return isNamed(node.definition);
  });
}
