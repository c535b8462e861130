/**
 * Steps between a base and an image: installs of packages and commands that run.
 */
import type { Diagnostic, Location } from "../../grammar/index.js";
import { isPackageName, type PackageNames } from "../debian/package-names.js";
import type {
  Address,
  DebianIndexDefinition,
  InstallDefinition,
  RunDefinition,
} from "../model/node.js";
import type { Platform } from "../model/platform.js";
import { Needs } from "./emit.js";
import type { Lowering } from "./lowering.js";
import { didYouMean } from "./types.js";

/** The image that steps belong to. */
export interface StepOwner {
  /** `image.nginx[mips64le]`. */
  readonly address: Address;
  readonly platform: Platform;
  /** Seconds since the epoch: every time stamp of what the steps make. */
  readonly epoch: number;
  /** Of an instruction's nodes: `3` makes `image.x/3:install`; they have its text as doc. */
  readonly instruction?: { readonly number: number; readonly text: string };
}

/** What a step stands on, and where the recipe says so. */
export interface StepBase {
  readonly address: Address;
  readonly at: Location;
}

/** A package that a recipe or a Dockerfile asks for by Debian's name, or `NAME=VERSION`. */
export interface PackageRequest {
  readonly text: string;
  /** Where the recipe says so: a name, a rule, a row of a table. */
  readonly at: Location;
  /** What else led here, such as the line of a Dockerfile. */
  readonly notes?: Diagnostic["notes"];
}

export interface InstallStep {
  readonly base: StepBase;
  readonly packages: readonly PackageRequest[];
  readonly scripts: InstallDefinition["scripts"];
  readonly recommends: boolean;
  readonly at: Location;
}

export type RunStep = Omit<RunDefinition, "kind" | "base" | "platform" | "epoch"> & {
  readonly base: StepBase;
  /** Unique for its owner: `stamp` makes `image.x/run:stamp`. */
  readonly label: string;
  readonly at: Location;
};

/** What a chain of images stands on at its bottom. */
export type Ground =
  | { readonly type: "debian"; readonly index: Address }
  | { readonly type: "scratch" }
  /** An image whose Dockerfile is not read yet. */
  | { readonly type: "awaits"; readonly dockerfile: Address };

/** The ground under a node that can be a base; undefined when a node of the chain has faults. */
export function groundOf(address: Address, { emitter }: Lowering): Ground | undefined {
  const seen = new Set<Address>();
  for (let current = address; !seen.has(current);) {
    seen.add(current);
    const definition = emitter.nodes.get(current)?.node.definition;
    if (definition === undefined) return undefined;
    if (definition.kind === "base") {
      const packages = emitter.nodes.get(definition.packages)?.node.definition;
      return packages?.kind === "packages" ? { type: "debian", index: packages.index } : undefined;
    }
    if (definition.kind === "dockerfile") return { type: "awaits", dockerfile: current };
    if (definition.kind === "image") {
      if (definition.awaits !== undefined) return { type: "awaits", dockerfile: definition.awaits };
      if (definition.base === undefined) return { type: "scratch" };
      current = definition.base;
    } else if (definition.kind === "install" || definition.kind === "run")
      current = definition.base;
    else return undefined;
  }
  return undefined;
}

/**
 * The lists of packages that installs on a base draw from; without one a fault is reported at `at`,
 * unless the base has faults of its own or stands on an awaited Dockerfile.
 */
export function indexUnder(
  base: StepBase | undefined,
  owner: Pick<StepOwner, "address">,
  at: Location,
  lowering: Lowering,
): Address | undefined {
  const ground: Ground | undefined =
    base === undefined ? { type: "scratch" } : groundOf(base.address, lowering);
  if (ground?.type === "debian") return ground.index;
  if (ground?.type === "scratch")
    lowering.session.findings.error(
      "KM0354",
      at,
      `${owner.address} installs packages, but does not stand on a Debian base`,
      { help: "write from = base.NAME, or an image that stands on one" },
    );
  return undefined;
}

/**
 * Emits `OWNER/packages` and `OWNER/install`, the second ones as `OWNER/packages:2` and so on.
 * Checks the names when the index is known. The base must not stand on an awaited Dockerfile.
 * Returns the address of the install node; undefined after a reported fault.
 */
export function emitInstall(
  owner: StepOwner,
  step: InstallStep,
  lowering: Lowering,
): Address | undefined {
  const { emitter } = lowering;
  const index = indexUnder(step.base, owner, step.at, lowering);
  if (index === undefined) return undefined;
  const names = checkedNames(step.packages, index, owner.address, lowering);
  if (names === undefined) return undefined;
  const doc = owner.instruction?.text;
  const packages = freeAddress(stepAddress(owner, "packages"), lowering);
  const packageNeeds = new Needs();
  packageNeeds.add(index, step.base.at);
  packageNeeds.add(step.base.address, step.base.at);
  emitter.emit(
    packages,
    {
      kind: "packages",
      index,
      on: step.base.address,
      names,
      recommends: step.recommends,
      platform: owner.platform,
    },
    packageNeeds,
    step.at,
    doc,
  );
  const install = freeAddress(stepAddress(owner, "install"), lowering);
  const needs = new Needs();
  needs.add(step.base.address, step.base.at);
  needs.add(packages, step.at);
  emitter.emit(
    install,
    {
      kind: "install",
      base: step.base.address,
      packages,
      names,
      recommends: step.recommends,
      scripts: step.scripts,
      platform: owner.platform,
      epoch: owner.epoch,
    },
    needs,
    step.at,
    doc,
  );
  return install;
}

/** Emits `OWNER/run:LABEL`, or `OWNER/NUMBER:run` for an instruction, and returns its address. */
export function emitRun(owner: StepOwner, step: RunStep, lowering: Lowering): Address {
  const { base, label, at, ...command } = step;
  const { emitter } = lowering;
  const address =
    owner.instruction === undefined
      ? `${owner.address}/run:${label}`
      : freeAddress(stepAddress(owner, "run"), lowering);
  const needs = new Needs();
  needs.add(base.address, base.at);
  emitter.emit(
    address,
    {
      kind: "run",
      base: base.address,
      ...command,
      platform: owner.platform,
      epoch: owner.epoch,
    },
    needs,
    at,
    owner.instruction?.text,
  );
  return address;
}

/** The address of a part of the owner's, or of an instruction's. */
export function stepAddress({ address, instruction }: StepOwner, part: string): Address {
  return `${address}/${instruction === undefined ? "" : `${instruction.number}:`}${part}`;
}

/** `address`, or with `:2`, `:3`, … when a node has it. */
export function freeAddress(address: Address, { emitter }: Lowering): Address {
  if (!emitter.nodes.has(address)) return address;
  let number = 2;
  while (emitter.nodes.has(`${address}:${number}`)) number++;
  return `${address}:${number}`;
}

/**
 * The requests' texts, each once; undefined when one is no name or names no package of the index. In an
 * optional cell the latter is a warning, for other cells can be built without it; apt refuses it.
 */
export function checkedNames(
  requests: readonly PackageRequest[],
  index: Address,
  owner: Address,
  lowering: Lowering,
): readonly string[] | undefined {
  const { findings } = lowering.session;
  const isOptional = [...lowering.sets.values()].some(({ optional }) => optional.has(owner));
  const known = lowering.known?.packageNames(index);
  if (known === undefined) lowering.unknown.add(index);
  let failed = false;
  for (const { text, at, notes } of requests) {
    const { name, version } = splitRequest(text);
    if (!isPackageName(name) || version === "") {
      findings.error("KM0351", at, `"${text}" is not the name of a Debian package`, {
        help: name.includes(":")
          ? "leave out the architecture: it is the image's"
          : 'write "curl" or "curl=7.88.1-10"',
        notes,
      });
      failed = true;
      continue;
    }
    if (known === undefined) continue;
    const fault = faultOf(name, version, known, where(index, lowering));
    if (fault === undefined) continue;
    const details = { help: fault.help, notes };
    if (isOptional) findings.warning("KM0350", at, fault.message, details);
    else {
      findings.error("KM0350", at, fault.message, details);
      failed = true;
    }
  }
  return failed ? undefined : [...new Set(requests.map(({ text }) => text))];
}

/** The parts of `NAME=VERSION`. */
export function splitRequest(text: string): { readonly name: string; readonly version?: string } {
  const equals = text.indexOf("=");
  return equals === -1
    ? { name: text }
    : { name: text.slice(0, equals), version: text.slice(equals + 1) };
}

function faultOf(
  name: string,
  version: string | undefined,
  known: PackageNames,
  archive: string,
): { readonly message: string; readonly help: string | undefined } | undefined {
  if (!known.has(name)) {
    const near = known.near(name);
    return {
      message: `${archive} has no package "${name}"`,
      help: near.length > 0 ? `it has ${near.join(", ")}` : undefined,
    };
  }
  const versions = known.versions(name);
  if (version === undefined || versions.includes(version)) return undefined;
  return {
    message: `${archive} has no version ${version} of "${name}"`,
    help:
      didYouMean(version, versions).help ??
      (versions.length > 0 ? `it has ${versions.join(", ")}` : "only other packages provide it"),
  };
}

/** `bookworm, bookworm-updates for mips64el`. */
function where(index: Address, { emitter }: Lowering): string {
  const definition = emitter.nodes.get(index)?.node.definition as DebianIndexDefinition;
  return `${definition.suites.join(", ")} for ${definition.platform.arch}`;
}
