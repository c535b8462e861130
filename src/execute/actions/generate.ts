/**
 * Runs a generate node: builds a generator for this machine from a source's own module graph, runs
 * it in the source, and takes exactly the files that the recipe names.
 *
 * The generator sees the source and the modules read-only and has no network; what it writes goes
 * to an empty directory, so that a file too many shows as one that nobody declared.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Output } from "../../../cache/index.js";
import { readGoMod } from "../../golang/index.js";
import { NodeFailure } from "../../model/failure.js";
import type { GenerateDefinition, MarkedPackages } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import { openGoBuild, type GoBuild } from "../go-build.js";
import {
  dependencyOutput,
  GO_BUILD_CACHE,
  GO_MODULES,
  GO_ROOT,
  goPaths,
  hostPlatform,
} from "../go-workspace.js";
import { commandFailure, runSandboxed } from "../run-tool.js";

/** Outputs: one per declared path, named by it. @throws NodeFailure */
export async function runGenerate(
  node: GenerateDefinition,
  ctx: ActionContext,
): Promise<ActionOutcome> {
  const started = performance.now();
  const build = await openGoBuild(
    {
      ...node,
      patched: [],
      packages: [node.package, ...(node.packages?.of ?? [])],
      tags: [],
      platform: hostPlatform(ctx),
    },
    ctx,
  );
  const what = `go build ${node.package}`;
  const built = await build.go(
    [
      "build",
      ...build.flags,
      "-trimpath",
      "-buildvcs=false",
      `-p=${String(ctx.jobs)}`,
      `-o=${goPaths(ctx).out}/generator`,
      "--",
      node.package,
    ],
    { what },
  );
  if (built.code !== 0) throw commandFailure(what, built);
  const packages =
    node.packages === undefined ? [] : await markedPackages(node.packages, build, ctx);
  const written = await runGenerator(node, packages, build, ctx);
  const outputs: Output[] = [];
  for (const path of node.outputs) {
    const file = join(written, path);
    outputs.push({
      name: path,
      ...(await ctx.store.putFile(file)),
      ...((lstatSync(file).mode & 0o100) === 0 ? {} : { executable: true }),
    });
  }
  return { outputs, nativeMs: Math.round(performance.now() - started), emulatedMs: 0 };
}

/**
 * Import paths, sorted, of what `of` imports with the marker in a file of theirs that is compiled.
 * @throws NodeFailure when there is none: the marker is misspelled
 */
async function markedPackages(
  { of, marker }: MarkedPackages,
  build: GoBuild,
  ctx: ActionContext,
): Promise<readonly string[]> {
  const listed = await build.go(
    [
      "list",
      ...build.flags,
      "-deps",
      '-f={{if not .Standard}}{{.ImportPath}}\t{{.Dir}}\t{{join .GoFiles "\t"}}{{end}}',
      "--",
      ...of,
    ],
    { what: "go list", quiet: true },
  );
  if (listed.code !== 0) throw commandFailure("go list", listed);
  const { source } = goPaths(ctx);
  const isMarked = (line: string): boolean => {
    const [, directory = "", ...files] = line.split("\t");
    const real = directory.startsWith(`${GO_MODULES}/`)
      ? join(ctx.store.paths.goModules, relative(GO_MODULES, directory))
      : join(build.source, relative(source, directory));
    return files.some((file) => readFileSync(join(real, file), "utf8").includes(marker));
  };
  const found = listed.stdout.split("\n").filter((line) => line !== "" && isMarked(line));
  if (found.length === 0) {
    throw new NodeFailure(
      {
        type: "command",
        what: `looking for "${marker}"`,
        exit: `no package that ${of.join(", ")} imports has it`,
        excerpt: "",
      },
      "Correct the marker, or name other packages",
    );
  }
  return found.map((line) => line.slice(0, line.indexOf("\t"))).sort();
}

/** The directory of this machine with what the generator wrote. */
async function runGenerator(
  node: GenerateDefinition,
  packages: readonly string[],
  build: GoBuild,
  ctx: ActionContext,
): Promise<string> {
  const temporary = ctx.temporaryDirectory();
  const [written, workspace, scratch, cache] = ["written", "gopath", "scratch", "cache"].map(
    (name) => join(temporary, name),
  ) as [string, string, string, string];
  const base = dirname(goPaths(ctx).out);
  const inside = { out: `${base}/written`, gopath: `${base}/gopath` };
  const modulePath = moduleLine(node, ctx);
  for (const directory of [written, join(workspace, modulePath), scratch, cache])
    mkdirSync(directory, { recursive: true });
  for (const path of node.outputs) mkdirSync(dirname(join(written, path)), { recursive: true });
  const what = `generator ${node.package}`;
  const result = await runSandboxed(
    ctx,
    {
      mounts: [
        ...build.mounts,
        { type: "ro", source: join(build.out, "generator"), target: `${base}/generator` },
        { type: "rw", source: written, target: inside.out },
        { type: "rw", source: workspace, target: inside.gopath },
        { type: "rw", source: written, target: `${inside.gopath}/${modulePath}` },
        { type: "rw", source: cache, target: GO_BUILD_CACHE },
        { type: "rw", source: scratch, target: "/tmp" },
      ],
      cwd: goPaths(ctx).source,
      argv: [`${base}/generator`, ...node.args.flatMap((arg) => expand(arg, packages, inside))],
      env: {
        ...build.environment,
        // Generators load packages by the go tool, which they find by name.
        PATH: `${GO_ROOT}/bin`,
        GOFLAGS: build.flags.join(" "),
      },
    },
    { what },
  );
  if (result.code !== 0) throw commandFailure(what, result);
  const files = new Set([
    ...writtenPaths(written),
    ...writtenPaths(workspace).map((path) => `{gopath}/${path}`),
  ]);
  const missing = node.outputs.filter((path) => !files.delete(path));
  if (missing.length > 0 || files.size > 0) {
    throw new NodeFailure({
      type: "generated",
      generator: node.package,
      missing,
      undeclared: [...files].sort(),
    });
  }
  return written;
}

/**
 * One argument with its placeholders filled in. `{packages}` alone becomes a word for each package;
 * inside of a word it is the list with commas.
 */
function expand(
  arg: string,
  packages: readonly string[],
  directories: Readonly<Record<"out" | "gopath", string>>,
): readonly string[] {
  if (arg === "{packages}") return packages;
  return [
    arg.replace(/\{(out|gopath|packages)\}/g, (_, name: "out" | "gopath" | "packages") =>
      name === "packages" ? packages.join(",") : directories[name],
    ),
  ];
}

/** The path that the source's packages are imported by. */
function moduleLine(node: GenerateDefinition, ctx: ActionContext): string {
  const text = ctx.store.readBytes(dependencyOutput(ctx, node.modules, "go.mod")).toString("utf8");
  return readGoMod(text).module || "main";
}

/**
 * Paths, relative to the directory, of all that is no directory. What is no regular file, and so no
 * output, has words behind its path that say it.
 */
export function writtenPaths(directory: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => {
      const path = relative(directory, join(entry.parentPath, entry.name));
      return entry.isFile() ? path : `${path} (not a regular file)`;
    });
}
