/**
 * Brings exactly one commit of a git repository.
 *
 * Only what the commit's digest covers gets into the tree: attributes that rewrite files on their
 * way out (line ends, `$Format$`, filters, export-ignore) are switched off.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NodeFailure } from "../../model/failure.js";
import type { SourceOrigin } from "../../model/node.js";
import { excerpt } from "../excerpt.js";
import type { ActionContext } from "../context.js";
import { commandFailure, runClient } from "../run-tool.js";
import { unpackTar } from "../unpack.js";

const NO_REWRITING =
  "* -text -eol -filter -ident -working-tree-encoding -export-ignore -export-subst\n";

/** The tree of the commit. @throws NodeFailure `network` or `checksum` */
export async function fetchCommit(
  origin: Extract<SourceOrigin, { type: "git" }>,
  ctx: ActionContext,
): Promise<{ digest: `sha256:${string}`; size: number }> {
  const { url, commit } = origin;
  const directory = ctx.store.temporaryDirectory();
  const repository = join(directory, "repository.git");
  const git = (args: readonly string[], what: string) =>
    runClient(
      ctx,
      {
        argv: ["git", `--git-dir=${repository}`, ...GIT_RULES, ...args],
        cwd: directory,
        env: { GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" },
      },
      { what },
    );
  const initialized = await git(["init", "--quiet", "--bare", "--template="], "git init");
  if (initialized.code !== 0) throw commandFailure("git init", initialized);
  const local = url.startsWith("/") || url.startsWith("file:");
  if (ctx.offline && !local) {
    throw new NodeFailure({
      type: "network",
      what: url,
      excerpt: "nothing may be fetched (--offline)",
    });
  }
  const fetched = await git(
    ["fetch", "--quiet", "--no-tags", "--depth=1", "--", url, commit],
    `fetching ${url}`,
  );
  if (fetched.code !== 0) {
    // Servers may refuse to serve a commit by its digest; then take all and look for it.
    const all = await git(
      ["fetch", "--quiet", "--no-tags", "--", url, "+refs/*:refs/kmips/*"],
      `fetching ${url}`,
    );
    if (all.code !== 0) {
      throw new NodeFailure({ type: "network", what: url, excerpt: excerpt(all.stderr) });
    }
  }
  const found = await git(
    ["rev-parse", "--verify", "--quiet", `${commit}^{commit}`],
    "git rev-parse",
  );
  if (found.code !== 0 || found.stdout.trim() !== commit) {
    throw new NodeFailure({
      type: "checksum",
      what: `commit of ${url}`,
      expected: commit,
      actual: found.stdout.trim() || "no such commit in the repository",
    });
  }
  mkdirSync(join(repository, "info"), { recursive: true });
  writeFileSync(join(repository, "info", "attributes"), NO_REWRITING);
  const tar = join(directory, "commit.tar");
  const archived = await git(["archive", "--format=tar", `--output=${tar}`, commit], "git archive");
  if (archived.code !== 0) throw commandFailure("git archive", archived);
  return unpackTar(ctx, tar, 0, url);
}

const GIT_RULES: readonly string[] = [
  "-c",
  "protocol.ext.allow=never",
  "-c",
  "core.autocrlf=false",
  "-c",
  "core.attributesFile=/dev/null",
  "-c",
  "gc.auto=0",
  "-c",
  "transfer.fsckObjects=true",
];
