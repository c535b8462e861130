/**
 * The go tool on a source with its modules, in a sandbox without network whose root holds nothing
 * but the toolchain, the modules and the source.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Address, PatchedModule } from "../model/node.js";
import type { Platform } from "../model/platform.js";
import type { ProcessResult } from "../model/ports.js";
import type { ActionContext } from "./context.js";
import { restoreModules } from "./go-modules.js";
import {
  checkoutOf,
  dependencyOutput,
  GO_BUILD_CACHE,
  GO_MODULES,
  GO_NO_NETWORK,
  GO_ROOT,
  goEnvironmentFor,
  goPaths,
  goSourceDirectory,
  listings,
  patchedMounts,
  type GoPackages,
} from "./go-workspace.js";
import { commandFailure, runSandboxed } from "./run-tool.js";
import type { Mount } from "./sandbox.js";

export interface GoInputs extends GoPackages {
  /** The source or its patch node. */
  readonly source: Address;
  readonly modules: Address;
  readonly toolchain: Address;
  readonly patched: readonly PatchedModule[];
  readonly platform: Platform;
}

export interface GoBuild {
  /** Directories of this machine: of the source, and of what is built (`goPaths().out` inside). */
  readonly source: string;
  readonly out: string;
  /** What commands see beside `out` and the scratch directory, all of it read-only. */
  readonly mounts: readonly Mount[];
  readonly environment: Readonly<Record<string, string>>;
  /** Flags that every command needs which loads packages. */
  readonly flags: readonly string[];
  /** Runs the go tool. @throws NodeFailure unless it ran to its end */
  go(argv: readonly string[], options: { what: string; quiet?: boolean }): Promise<ProcessResult>;
}

/** Lays everything out and makes the modules available. @throws NodeFailure */
export async function openGoBuild(inputs: GoInputs, ctx: ActionContext): Promise<GoBuild> {
  const { store } = ctx;
  const temporary = ctx.temporaryDirectory();
  const make = (name: string): string => {
    const directory = join(temporary, name);
    mkdirSync(directory);
    return directory;
  };
  const work = make("work");
  const out = make("out");
  const tmp = make("tmp");
  for (const name of ["go.mod", "go.sum"])
    writeFileSync(join(work, name), store.readBytes(dependencyOutput(ctx, inputs.modules, name)));
  const buildCache =
    ctx.perturbation?.coldCaches === true ? join(temporary, "gocache") : store.paths.goCache;
  mkdirSync(buildCache, { recursive: true });
  mkdirSync(store.paths.goModules, { recursive: true });

  const paths = goPaths(ctx);
  const toolchain = await checkoutOf(ctx, inputs.toolchain);
  const source = await goSourceDirectory(ctx, inputs.source);
  const mountsWith = (modules: "ro" | "rw"): Mount[] => [
    { type: "ro", source: toolchain, target: GO_ROOT },
    { type: modules, source: store.paths.goModules, target: GO_MODULES },
    { type: "ro", source, target: paths.source },
    { type: "ro", source: work, target: paths.work },
    ...patched,
  ];
  const patched = await patchedMounts(ctx, inputs.patched);
  const environment = {
    ...goEnvironmentFor(inputs.platform),
    ...GO_NO_NETWORK,
    GOMAXPROCS: String(ctx.jobs),
  };
  const flags = ["-mod=readonly", `-modfile=${paths.work}/go.mod`];
  const tags = inputs.tags.length === 0 ? [] : [`-tags=${inputs.tags.join(",")}`];
  const run = (
    modules: "ro" | "rw",
    argv: readonly string[],
    options: { what: string; quiet?: boolean },
  ): Promise<ProcessResult> =>
    runSandboxed(
      ctx,
      {
        mounts: [
          ...mountsWith(modules),
          { type: "rw", source: buildCache, target: GO_BUILD_CACHE },
          { type: "rw", source: out, target: paths.out },
          // The linker's scratch files are larger than a directory in memory should be.
          { type: "rw", source: tmp, target: "/tmp" },
        ],
        cwd: paths.source,
        argv: [`${GO_ROOT}/bin/go`, ...argv],
        env: environment,
      },
      options,
    );

  await restoreModules(ctx, inputs.modules, async () => {
    for (const listing of listings(inputs)) {
      const listed = await run("rw", ["list", ...flags, ...listing], {
        what: "go list",
        quiet: true,
      });
      if (listed.code !== 0) throw commandFailure("go list", listed);
    }
  });
  return {
    source,
    out,
    mounts: mountsWith("ro"),
    environment,
    flags: [...flags, ...tags],
    go: (argv, options) => run("ro", argv, options),
  };
}
