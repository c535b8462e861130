/**
 * Brings exactly one commit of a git repository.
 *
 * Only what the commit's digest covers gets into the tree: attributes that rewrite files on their
 * way out (line ends, `$Format$`, filters, export-ignore) are switched off.
 */
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Digest, StoredBlob, VaultItem } from "../../../cache/index.js";
import { NodeFailure } from "../../model/failure.js";
import type { SourceOrigin } from "../../model/node.js";
import type { ProcessResult } from "../../model/ports.js";
import { excerpt } from "../excerpt.js";
import type { ActionContext } from "../context.js";
import { commandFailure, runClient } from "../run-tool.js";
import { unpackTar } from "../unpack.js";

const NO_REWRITING =
  "* -text -eol -filter -ident -working-tree-encoding -export-ignore -export-subst\n";

/** Under which the vault keeps a commit: its objects as one pack. */
const VAULT_KIND = "git";

/** The tree of the commit, and its pack for the vault. @throws NodeFailure `network` or `checksum` */
export async function fetchCommit(
  origin: Extract<SourceOrigin, { type: "git" }>,
  ctx: ActionContext,
): Promise<{ readonly tree: StoredBlob; readonly fetched: readonly VaultItem[] }> {
  const { url, commit } = origin;
  const directory = ctx.store.temporaryDirectory();
  const repository = join(directory, "repository.git");
  await initialize(repository, ctx);
  const kept = ctx.store.findVaulted(VAULT_KIND, commit);
  const pack =
    kept === undefined
      ? await ctx.store.putFile(await fetchPack(origin, repository, ctx))
      : await unpackKept(kept, repository, ctx);
  const found = await git(
    repository,
    ["rev-parse", "--verify", "--quiet", `${commit}^{commit}`],
    ctx,
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
  const archived = await git(
    repository,
    ["archive", "--format=tar", `--output=${tar}`, commit],
    ctx,
  );
  if (archived.code !== 0) throw commandFailure("git archive", archived);
  return {
    tree: await unpackTar(ctx, tar, 0, url),
    fetched: [{ kind: VAULT_KIND, name: commit, digest: pack.digest, size: pack.size }],
  };
}

/** Brings the commit into the repository; the path of the pack that holds it and nothing older. */
async function fetchPack(
  { url, commit }: Extract<SourceOrigin, { type: "git" }>,
  repository: string,
  ctx: ActionContext,
): Promise<string> {
  const local = url.startsWith("/") || url.startsWith("file:");
  if (ctx.offline && !local) {
    throw new NodeFailure(
      {
        type: "network",
        what: `commit ${commit} of ${url}`,
        excerpt: "not in the store, and nothing may be fetched (--offline)",
      },
      "Build once without --offline",
    );
  }
  const shallow = ["fetch", "--quiet", "--no-tags", "--depth=1", "--"];
  const fetched = await git(repository, [...shallow, url, commit], ctx, `fetching ${url}`);
  if (fetched.code !== 0) {
    // Servers may refuse to serve a commit by its digest; then take all and look for it.
    const whole = `${repository}.whole`;
    await initialize(whole, ctx);
    const all = await git(
      whole,
      ["fetch", "--quiet", "--no-tags", "--", url, "+refs/*:refs/kmips/*"],
      ctx,
      `fetching ${url}`,
    );
    if (all.code !== 0) {
      throw new NodeFailure({ type: "network", what: url, excerpt: excerpt(all.stderr) });
    }
    const allow = ["-c", "uploadpack.allowAnySHA1InWant=true"];
    const cut = await git(repository, [...allow, ...shallow, `file://${whole}`, commit], ctx);
    if (cut.code !== 0) {
      throw new NodeFailure({
        type: "checksum",
        what: `commit of ${url}`,
        expected: commit,
        actual: "no such commit in the repository",
      });
    }
  }
  const packs = join(repository, "objects", "pack");
  const [pack] = readdirSync(packs).filter((name) => name.endsWith(".pack"));
  if (pack === undefined) throw commandFailure("git fetch left no pack", fetched);
  return join(packs, pack);
}

/** Gives the repository the objects of a kept pack; git computes every object's digest anew. */
async function unpackKept(
  digest: Digest,
  repository: string,
  ctx: ActionContext,
): Promise<StoredBlob> {
  const pack = join(repository, "objects", "pack", `pack-${digest.slice(7, 47)}.pack`);
  mkdirSync(dirname(pack), { recursive: true });
  ctx.store.copyTo(digest, pack, 0o444);
  const indexed = await git(repository, ["index-pack", pack], ctx);
  if (indexed.code !== 0) throw commandFailure("git index-pack", indexed);
  return { digest, size: statSync(pack).size };
}

async function initialize(repository: string, ctx: ActionContext): Promise<void> {
  const made = await git(repository, ["init", "--quiet", "--bare", "--template="], ctx);
  if (made.code !== 0) throw commandFailure("git init", made);
}

function git(
  repository: string,
  args: readonly string[],
  ctx: ActionContext,
  what = `git ${args.find((word) => !word.startsWith("-")) ?? ""}`,
): Promise<ProcessResult> {
  return runClient(
    ctx,
    {
      argv: ["git", `--git-dir=${repository}`, ...GIT_RULES, ...args],
      cwd: dirname(repository),
      env: { GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" },
    },
    { what },
  );
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
  // Every fetch leaves one pack, however few its objects are: that is what the vault keeps.
  "-c",
  "transfer.unpackLimit=1",
];
