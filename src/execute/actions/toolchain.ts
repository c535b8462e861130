/**
 * Runs a toolchain node: brings a Go release into the store, or identifies the cross C compiler
 * that Debian installed on this machine.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { EntryInput } from "../../../cache/index.js";
import { goToolchainVersion } from "../../keys/index.js";
import { NodeFailure } from "../../model/failure.js";
import type { ToolchainDefinition } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import { downloadModule } from "../go-client.js";
import { commandFailure, runSandboxed } from "../run-tool.js";
import { fileContent, treeOutcome } from "../trees.js";

const GO_TOOLCHAIN_MODULE = "golang.org/toolchain";

/** Output: `tree` for Go, `identity` for C. @throws NodeFailure */
export function runToolchain(
  node: ToolchainDefinition,
  ctx: ActionContext,
): Promise<ActionOutcome> {
  return node.type === "go" ? runGoToolchain(node.version, ctx) : runCCompiler(node, ctx);
}

async function runGoToolchain(release: string, ctx: ActionContext): Promise<ActionOutcome> {
  const started = performance.now();
  const version = goToolchainVersion(release, ctx.tools.hostArch);
  const module = await downloadModule(ctx, GO_TOOLCHAIN_MODULE, version, undefined).catch(
    (error: unknown) => {
      if (!(error instanceof NodeFailure) || error.reason.type !== "network" || ctx.offline)
        throw error;
      throw new NodeFailure(
        { ...error.reason, what: `Go toolchain ${release}` },
        `List the releases that are served with: go list -m -versions ${GO_TOOLCHAIN_MODULE}`,
      );
    },
  );
  const tree = ctx.store.writeTree(toolchainEntries(module.directory));
  await checkGoRuns(await ctx.store.checkout(tree.digest), release, ctx);
  return treeOutcome(tree, started);
}

/**
 * The files of a release as the go tool arranges them on first use: module zips hold neither
 * execute bits nor nested go.mod files, so programs get the former and each `_go.mod` a twin.
 */
function toolchainEntries(directory: string): EntryInput[] {
  const entries: EntryInput[] = [];
  const walk = (relative: string): void => {
    for (const entry of readdirSync(join(directory, relative), { withFileTypes: true })) {
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) {
        walk(path);
        continue;
      }
      const content = fileContent(join(directory, path));
      entries.push({ path, type: "file", mode: isToolchainProgram(path) ? 0o755 : 0o644, content });
      if (entry.name === "_go.mod") {
        entries.push({
          path: path.replace(/_go\.mod$/, "go.mod"),
          type: "file",
          mode: 0o644,
          content,
        });
      }
    }
  };
  walk("");
  return entries;
}

/** The rule of cmd/go (internal/toolchain, `allowExec`). */
function isToolchainProgram(path: string): boolean {
  return /^(?:bin|pkg\/tool)\//.test(path) || /^lib\/(?:.*\/)?go_[^/]+_[^/]+_exec$/.test(path);
}

async function checkGoRuns(root: string, release: string, ctx: ActionContext): Promise<void> {
  const result = await runSandboxed(
    ctx,
    {
      mounts: [{ type: "ro", source: root, target: "/go" }],
      cwd: "/",
      argv: ["/go/bin/go", "version"],
      env: { GOROOT: "/go", GOENV: "off", GOTOOLCHAIN: "local", GOTELEMETRY: "off" },
    },
    { what: "go version", timeoutMs: 60_000 },
  );
  if (result.code !== 0) throw commandFailure(`go version (${release})`, result);
  const actual = /^go version (go\S+)/.exec(result.stdout)?.[1];
  if (actual !== release) {
    throw new NodeFailure({
      type: "checksum",
      what: "version of the Go toolchain",
      expected: release,
      actual: actual ?? result.stdout.trim(),
    });
  }
}

/**
 * The compiler is used where it lies; its identity is the versions of its packages and the digests
 * of its programs, which are also in the node's key.
 */
function runCCompiler(
  node: Extract<ToolchainDefinition, { type: "cc" }>,
  ctx: ActionContext,
): Promise<ActionOutcome> {
  const started = performance.now();
  const missing = node.packages.filter((name) => ctx.inputs.packageVersion(name) === undefined);
  const compiler = `${node.triplet}-gcc`;
  if (ctx.tools.find(compiler) === undefined) {
    const wanted = missing.length > 0 ? missing : node.packages;
    throw new NodeFailure({
      type: "tool",
      tool: compiler,
      why: `the C compiler for ${node.triplet} is not installed`,
      install: `apt-get install ${wanted.join(" ")}`,
    });
  }
  const packages = node.packages.map((name) => [
    name,
    ctx.inputs.packageVersion(name) ?? "not installed",
  ]);
  const programs = ctx.inputs
    .compilerPrograms(node.triplet)
    .map((path) => [path, ctx.inputs.fileDigest(path) ?? "absent"]);
  const identity = Buffer.from(
    `${JSON.stringify({ triplet: node.triplet, packages, programs }, undefined, 2)}\n`,
  );
  return Promise.resolve({
    outputs: [
      { name: "identity", digest: ctx.store.putBytes(identity), size: identity.byteLength },
    ],
    nativeMs: Math.round(performance.now() - started),
    emulatedMs: 0,
  });
}
