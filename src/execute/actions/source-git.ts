/**
 * Brings exactly one commit of a git repository.
 *
 * Only what the commit's digest covers gets into the tree: attributes that rewrite files on their
 * way out (line ends, `$Format$`, filters, export-ignore) are switched off.
 */
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Digest, StoredBlob, VaultItem } from "../../../cache/index.js";
import { nearest } from "../../../grammar/index.js";
import { NodeFailure } from "../../model/failure.js";
import { invariant } from "../../model/invariant.js";
import type { SourceOrigin } from "../../model/node.js";
import type { ProcessResult } from "../../model/ports.js";
import { excerpt } from "../excerpt.js";
import type { ActionContext } from "../context.js";
import { commandFailure, runClient } from "../run-tool.js";
import { lockedValue } from "../locked-value.js";
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
  const wanted = {
    url: origin.url,
    tag: origin.tag,
    commit: origin.commit ?? lockedValue(origin, ctx),
  };
  const { url, commit } = wanted;
  const directory = ctx.temporaryDirectory();
  const repository = join(directory, "repository.git");
  await initialize(repository, ctx);
  const kept = ctx.store.findVaulted(VAULT_KIND, commit);
  const pack =
    kept === undefined
      ? await ctx.store.putFile(await fetchPack(wanted, repository, ctx))
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

/** A commit of a repository, and the tag that must name it. */
interface WantedCommit {
  readonly url: string;
  readonly commit: string;
  readonly tag: string | undefined;
}

/** Brings the commit into the repository; the path of the pack that holds it and nothing older. */
async function fetchPack(
  wanted: WantedCommit,
  repository: string,
  ctx: ActionContext,
): Promise<string> {
  const { url, commit, tag } = wanted;
  refuseOffline(url, `commit ${commit} of ${url}`, ctx);
  if (tag === undefined) await fetchByCommit(wanted, repository, ctx);
  else await fetchByTag(wanted, tag, repository, ctx);
  const packs = join(repository, "objects", "pack");
  const [pack] = readdirSync(packs).filter((name) => name.endsWith(".pack"));
  invariant(pack !== undefined, "git fetch left no pack");
  return join(packs, pack);
}

function refuseOffline(url: string, what: string, ctx: ActionContext): void {
  if (!ctx.offline || url.startsWith("/") || url.startsWith("file:")) return;
  throw new NodeFailure(
    {
      type: "network",
      what,
      excerpt: "not in the store, and nothing may be fetched (--offline)",
    },
    "Build once without --offline",
  );
}

const SHALLOW = ["fetch", "--quiet", "--no-tags", "--depth=1", "--"];

/** Every server serves a tag; what it names must be the commit. */
async function fetchByTag(
  { url, commit }: WantedCommit,
  tag: string,
  repository: string,
  ctx: ActionContext,
): Promise<void> {
  const fetched = await git(
    repository,
    [...SHALLOW, url, `refs/tags/${tag}`],
    ctx,
    `fetching ${url}`,
  );
  if (fetched.code !== 0)
    throw new NodeFailure({
      type: "network",
      what: `tag ${tag} of ${url}`,
      excerpt: excerpt(fetched.stderr),
    });
  const named = await git(repository, ["rev-parse", "--verify", "FETCH_HEAD^{commit}"], ctx);
  const actual = named.stdout.trim();
  if (actual === commit) return;
  throw new NodeFailure(
    { type: "checksum", what: `tag ${tag} of ${url}`, expected: commit, actual },
    `The tag was moved: ask upstream why; kmips update '${ctx.address}' takes what it names now`,
  );
}

async function fetchByCommit(
  { url, commit }: WantedCommit,
  repository: string,
  ctx: ActionContext,
): Promise<void> {
  const fetched = await git(repository, [...SHALLOW, url, commit], ctx, `fetching ${url}`);
  if (fetched.code === 0) return;
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
  const cut = await git(repository, [...allow, ...SHALLOW, `file://${whole}`, commit], ctx);
  if (cut.code !== 0) {
    throw new NodeFailure({
      type: "checksum",
      what: `commit of ${url}`,
      expected: commit,
      actual: "no such commit in the repository",
    });
  }
}

/** The commit that a tag of a repository names now. @throws NodeFailure `network` */
export async function resolveTag(url: string, tag: string, ctx: ActionContext): Promise<string> {
  const what = `tag ${tag} of ${url}`;
  refuseOffline(url, what, ctx);
  const repository = join(ctx.temporaryDirectory(), "repository.git");
  await initialize(repository, ctx);
  const listed = await git(repository, ["ls-remote", "--tags", "--", url], ctx, `asking ${url}`);
  if (listed.code !== 0)
    throw new NodeFailure({ type: "network", what, excerpt: excerpt(listed.stderr) });
  const tags = new Map<string, string>();
  for (const line of listed.stdout.split("\n")) {
    const [commit = "", name] = line.split("\t");
    // Of an annotated tag the second line, with ^{}, has the commit.
    if (name !== undefined) tags.set(name.replace(/^refs\/tags\//, "").replace("^{}", ""), commit);
  }
  const commit = tags.get(tag);
  if (commit !== undefined) return commit;
  const near = nearest(tag, [...tags.keys()]);
  throw new NodeFailure(
    { type: "network", what, excerpt: `the repository has no such tag among its ${tags.size}` },
    near.length === 0 ? "correct the tag in the recipe" : `did you mean ${near.join(" or ")}?`,
  );
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
