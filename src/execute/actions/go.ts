/**
 * Runs a Go component node: cross-compiles its programs natively, without network, in a sandbox
 * whose root holds nothing but the toolchain, the modules and the source.
 */
import { lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Output } from "../../../cache/index.js";
import { NodeFailure } from "../../model/failure.js";
import { invariant } from "../../model/invariant.js";
import type { GoComponent } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import { restoreModules } from "../go-modules.js";
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
  patchedMounts,
} from "../go-workspace.js";
import { commandFailure, runSandboxed } from "../run-tool.js";
import type { SandboxSpec } from "../sandbox.js";

/** Outputs: one per program, executable. @throws NodeFailure */
export async function runGo(node: GoComponent, ctx: ActionContext): Promise<ActionOutcome> {
  const started = performance.now();
  const { store } = ctx;
  const temporary = store.temporaryDirectory();
  const [work, out, tmp] = ["work", "out", "tmp"].map((name) => join(temporary, name));
  invariant(work !== undefined && out !== undefined && tmp !== undefined, "three directories");
  for (const directory of [work, out, tmp]) mkdirSync(directory);
  for (const name of ["go.mod", "go.sum"]) {
    writeFileSync(join(work, name), store.readBytes(dependencyOutput(ctx, node.modules, name)));
  }
  const buildCache =
    ctx.perturbation?.coldCaches === true ? join(temporary, "gocache") : store.paths.goCache;
  mkdirSync(buildCache, { recursive: true });
  mkdirSync(store.paths.goModules, { recursive: true });

  const paths = goPaths(ctx);
  const sandbox = (writableModules: boolean, argv: readonly string[]): SandboxSpec => ({
    mounts: [
      { type: "ro", source: toolchain, target: GO_ROOT },
      { type: writableModules ? "rw" : "ro", source: store.paths.goModules, target: GO_MODULES },
      { type: "ro", source, target: paths.source },
      { type: "ro", source: work, target: paths.work },
      ...patched,
      { type: "rw", source: buildCache, target: GO_BUILD_CACHE },
      { type: "rw", source: out, target: paths.out },
      // The linker's scratch files are larger than a directory in memory should be.
      { type: "rw", source: tmp, target: "/tmp" },
    ],
    cwd: paths.source,
    argv: [`${GO_ROOT}/bin/go`, ...argv],
    env: {
      ...goEnvironmentFor(node.platform),
      ...GO_NO_NETWORK,
      GOMAXPROCS: String(ctx.jobs),
    },
  });
  const toolchain = await checkoutOf(ctx, node.toolchain);
  const source = await goSourceDirectory(ctx, node.source);
  const patched = await patchedMounts(ctx, node.patched);
  const common = [
    "-mod=readonly",
    `-modfile=${paths.work}/go.mod`,
    ...(node.tags.length === 0 ? [] : [`-tags=${node.tags.join(",")}`]),
  ];

  await restoreModules(ctx, node.modules, async () => {
    const listed = await runSandboxed(
      ctx,
      sandbox(true, ["list", ...common, "-deps", "--", ...Object.values(node.packages)]),
      { what: "go list", quiet: true },
    );
    if (listed.code !== 0) throw commandFailure("go list", listed);
  });

  const outputs: Output[] = [];
  for (const [program, packagePath] of Object.entries(node.packages)) {
    const result = await runSandboxed(
      ctx,
      sandbox(false, [
        "build",
        ...common,
        "-trimpath",
        "-buildvcs=false",
        `-p=${String(ctx.jobs)}`,
        `-ldflags=${joinLdflags([...node.ldflags, "-buildid="])}`,
        `-o=${paths.out}/${program}`,
        "--",
        packagePath,
      ]),
      { what: `go build ${packagePath}` },
    );
    if (result.code !== 0) throw commandFailure(`go build ${packagePath}`, result);
    outputs.push(await storeProgram(program, join(out, program), ctx));
  }
  return { outputs, nativeMs: Math.round(performance.now() - started), emulatedMs: 0 };
}

/**
 * Flags as the go tool splits them again: by blanks, with quotes around words that have any.
 * @throws NodeFailure for a word with a blank and both kinds of quotes, which cannot be written
 */
export function joinLdflags(flags: readonly string[]): string {
  return flags
    .map((flag) => {
      if (flag !== "" && !/[\s'"]/.test(flag)) return flag;
      if (!flag.includes("'")) return `'${flag}'`;
      if (!flag.includes('"')) return `"${flag}"`;
      throw new NodeFailure({
        type: "command",
        what: "go build",
        exit: "refused",
        excerpt: `ldflags: a word cannot hold both kinds of quotes: ${flag}`,
      });
    })
    .join(" ");
}

/** Takes a built program into the store. @throws NodeFailure unless it is a regular file */
export async function storeProgram(
  name: string,
  path: string,
  ctx: ActionContext,
): Promise<Output> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new NodeFailure(
      { type: "missing-input", what: "program", path: name, candidates: [] },
      "Is the package a `main` package?",
    );
  }
  return { name, ...(await ctx.store.putFile(path)), executable: true };
}
