/**
 * What the go tool sees in the sandbox: where the source, the toolchain, the module cache and
 * patched modules lie, and the environment that keeps the machine's configuration out.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { NodeFailure } from "../model/failure.js";
import type { Address, PatchedModule } from "../model/node.js";
import { goEnvironment, platformOf, type Arch, type Platform } from "../model/platform.js";
import type { ActionContext } from "./context.js";
import type { Mount } from "./sandbox.js";

/** Directories of the sandbox. `patched` is named in go.mod files, which are results: it is fixed. */
export interface GoPaths {
  readonly source: string;
  /** Holds go.mod and go.sum. */
  readonly work: string;
  readonly out: string;
}

export const GO_ROOT = "/kmips/go";
export const GO_MODULES = "/kmips/mod";
export const GO_BUILD_CACHE = "/kmips/gocache";
export const GO_PATCHED = "/patched";

/** Where a build lies; a perturbation moves it, which must not show in any result. */
export function goPaths(ctx: ActionContext): GoPaths {
  const base = ctx.perturbation?.directory ?? "/kmips";
  return { source: `${base}/src`, work: `${base}/work`, out: `${base}/out` };
}

/** Packages that a build loads. */
export interface GoPackages {
  readonly packages: readonly string[];
  /** Packages whose tests are built. */
  readonly tests?: readonly string[];
  readonly tags: readonly string[];
}

/** Arguments of `go list` that load all that the packages import, a command for each entry. */
export function listings({ packages, tests = [], tags }: GoPackages): string[][] {
  const common = ["-deps", ...(tags.length === 0 ? [] : [`-tags=${tags.join(",")}`])];
  return [
    ...(packages.length === 0 ? [] : [[...common, "--", ...packages]]),
    ...(tests.length === 0 ? [] : [[...common, "-test", "--", ...tests]]),
  ];
}

/** This machine, as a platform to build for. */
export function hostPlatform(ctx: ActionContext): Platform {
  return platformOf(ctx.tools.hostArch as Arch);
}

/** The digest of an output of a dependency. @throws NodeFailure when it has none of that name */
export function dependencyOutput(
  ctx: ActionContext,
  address: Address,
  name: string,
): `sha256:${string}` {
  const { outputs } = ctx.results(address);
  const output = outputs.find((candidate) => candidate.name === name);
  if (output === undefined) {
    throw new NodeFailure({
      type: "missing-input",
      what: "output",
      path: `${address}.${name}`,
      candidates: outputs.map((candidate) => candidate.name),
    });
  }
  return output.digest;
}

/** The shared, read-only directory of a dependency's tree. */
export function checkoutOf(ctx: ActionContext, address: Address): Promise<string> {
  return ctx.store.checkout(dependencyOutput(ctx, address, "tree"));
}

/**
 * The directory of a Go source. The go tool wants a go.mod at the root of the main module even
 * when another one is named by -modfile, so sources without one get a copy that has it.
 */
export async function goSourceDirectory(ctx: ActionContext, source: Address): Promise<string> {
  const tree = dependencyOutput(ctx, source, "tree");
  if (ctx.store.readTreeFile(tree, "go.mod") !== undefined) return ctx.store.checkout(tree);
  const copy = join(ctx.temporaryDirectory(), "source");
  ctx.store.extractTree(tree, copy);
  writeFileSync(join(copy, "go.mod"), "module placeholder\n");
  return copy;
}

/** The mounts of patched dependency modules, where their go.mod rows point. */
export async function patchedMounts(
  ctx: ActionContext,
  patched: readonly PatchedModule[],
): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const module of patched) {
    const source = await checkoutOf(ctx, module.tree);
    mounts.push({ type: "ro", source, target: `${GO_PATCHED}/${module.path}` });
  }
  return mounts;
}

/**
 * Everything that decides what the go tool does, spelled out: neither the user's go environment
 * file nor inherited flags nor another toolchain take part.
 */
export function goEnvironmentFor(platform: Platform): Record<string, string> {
  return {
    CGO_ENABLED: "0",
    GO111MODULE: "on",
    GOCACHE: GO_BUILD_CACHE,
    GOENV: "off",
    GOEXPERIMENT: "",
    GOFLAGS: "",
    GOMODCACHE: GO_MODULES,
    GOPATH: "/tmp/gopath",
    GOROOT: GO_ROOT,
    GOTELEMETRY: "off",
    GOTOOLCHAIN: "local",
    GOWORK: "off",
    ...goEnvironment(platform),
  };
}

/** Additions for steps that must not fetch anything. */
export const GO_NO_NETWORK: Readonly<Record<string, string>> = {
  GOPROXY: "off",
  GOSUMDB: "off",
  GOVCS: "*:off",
};
