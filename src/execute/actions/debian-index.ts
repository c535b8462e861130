/**
 * Runs a debian-index node: brings the package lists of an archive's suites, signed and verified,
 * or exactly those that kmips.lock names.
 *
 * The lists are what binds a build. InRelease says who vouched for them; Debian signs some suites
 * anew without any change to their lists, so a later InRelease with the locked lists is as good.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  digestOf,
  isDigest,
  type Digest,
  type Output,
  type StoredBlob,
} from "../../../cache/index.js";
import { parseRelease, type Release } from "../../debian/release.js";
import { NodeFailure } from "../../model/failure.js";
import { invariant } from "../../model/invariant.js";
import type { DebianIndexDefinition } from "../../model/node.js";
import { platformSpellings } from "../../model/platform.js";
import {
  downloadFiles,
  fetchSuite,
  findMirrors,
  readKeyring,
  type MirrorFinder,
} from "../apt-client.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import { commandFailure, runSandboxed } from "../run-tool.js";
import { HOST_PROGRAMS } from "../sandbox.js";

/** What is known of one suite before anything is fetched. */
interface LockedSuite {
  readonly suite: string;
  readonly release: Digest | undefined;
  /** What the locked InRelease says, when the store has it. */
  readonly text: Release | undefined;
  /** Component → digest of its list, as far as kmips.lock or the locked InRelease binds it. */
  readonly lists: ReadonlyMap<string, Digest>;
}

/** Outputs: `release/SUITE`, `packages/SUITE/COMPONENT`. @throws NodeFailure */
export async function runDebianIndex(
  node: DebianIndexDefinition,
  ctx: ActionContext,
): Promise<ActionOutcome> {
  const started = performance.now();
  const outputs: Output[] = [];
  const notes: string[] = [];
  let mirrors: MirrorFinder | undefined;
  for (const suite of node.suites) {
    const locked = lockedSuite(suite, node, ctx);
    const known = fromStore(locked, node, ctx);
    if (known !== undefined) {
      outputs.push(...known);
    } else {
      if (ctx.offline) throw offlineFailure(locked, node, ctx);
      mirrors ??= await findMirrors(ctx);
      outputs.push(...(await fromMirror(locked, mirrors(suite), node, ctx)));
    }
    notes.push(...absences(suite, outputs, node, ctx));
  }
  return { outputs, nativeMs: Math.round(performance.now() - started), emulatedMs: 0, notes };
}

function lockedSuite(suite: string, node: DebianIndexDefinition, ctx: ActionContext): LockedSuite {
  const release = lockedDigest("deb-release", suite, ctx);
  const text =
    release !== undefined && ctx.store.has(release)
      ? parseRelease(ctx.store.readBytes(release).toString("utf8"))
      : undefined;
  const { debian } = platformSpellings(node.platform);
  const lists = node.components.flatMap((component): [string, Digest][] => {
    const named = text?.files.get(`${component}/binary-${debian}/Packages`);
    const digest =
      lockedDigest("deb-packages", `${suite}/${component}/${debian}`, ctx) ??
      (named === undefined || !offers(text!, component, debian)
        ? undefined
        : (`sha256:${named}` as const));
    return digest === undefined ? [] : [[component, digest]];
  });
  return { suite, release, text, lists: new Map(lists) };
}

function lockedDigest(kind: string, name: string, ctx: ActionContext): Digest | undefined {
  const value = ctx.lock.locked(kind, name);
  if (value === undefined) return undefined;
  invariant(isDigest(value), `The lock's ${kind} ${name} is no digest: ${value}`);
  return value;
}

/** Whether a suite has packages of the component for the architecture, by its own word. */
function offers(release: Release, component: string, architecture: string): boolean {
  return release.architectures.includes(architecture) && release.components.includes(component);
}

/** The suite's outputs when the store has all that is locked; undefined when something is to be fetched. */
function fromStore(
  locked: LockedSuite,
  node: DebianIndexDefinition,
  ctx: ActionContext,
): Output[] | undefined {
  const { suite, release, text, lists } = locked;
  const { debian } = platformSpellings(node.platform);
  if (release === undefined) return undefined;
  const outputs: Output[] = [];
  if (text !== undefined) outputs.push(stored(`release/${suite}`, release, ctx));
  for (const component of node.components) {
    const digest = lists.get(component);
    if (digest === undefined) {
      if (text === undefined || offers(text, component, debian)) return undefined;
    } else {
      if (!ctx.store.has(digest)) return undefined;
      outputs.push(stored(`packages/${suite}/${component}`, digest, ctx));
    }
  }
  return outputs;
}

function stored(name: string, digest: Digest, ctx: ActionContext): Output {
  let size = 0;
  for (const chunk of ctx.store.readChunks(digest)) size += chunk.byteLength;
  return { name, digest, size };
}

/** The suite's outputs from its archive, held against the lock. @throws NodeFailure */
async function fromMirror(
  locked: LockedSuite,
  mirror: string,
  node: DebianIndexDefinition,
  ctx: ActionContext,
): Promise<Output[]> {
  const { suite, lists } = locked;
  const { debian } = platformSpellings(node.platform);
  const keyring = readKeyring(node.keyring);
  const keyed = node.keyring === undefined ? undefined : ctx.inputs.fileDigest(node.keyring);
  if (keyed !== undefined && keyed !== digestOf(keyring)) {
    throw new NodeFailure(
      {
        type: "checksum",
        what: "the keyring, which changed while it was read,",
        expected: keyed,
        actual: digestOf(keyring),
      },
      "Build again once the file is at rest",
    );
  }
  const fetched = await fetchSuite(
    { mirror, suite, components: node.components, architecture: debian, keyring },
    ctx,
  );
  const packages: Output[] = [];
  for (const component of node.components) {
    const path = fetched.packages.get(component);
    const wanted = lists.get(component);
    let blob = path === undefined ? undefined : await ctx.store.putFile(path);
    if (wanted !== undefined && blob?.digest !== wanted) {
      blob = await earlierList(wanted, component, locked, mirror, node, ctx);
      if (blob === undefined)
        throw movedOn(`package list ${suite}/${component}`, mirror, wanted, ctx);
    }
    if (blob !== undefined) packages.push({ name: `packages/${suite}/${component}`, ...blob });
  }
  const release = await releaseOutput(fetched.release, locked, mirror, packages, ctx);
  return [...(release === undefined ? [] : [release]), ...packages];
}

/**
 * The InRelease to keep: the locked one if it can be had. A later one vouches for the same lists
 * when each of them is locked by itself; it is no result then, since the lock names another.
 */
async function releaseOutput(
  path: string,
  { suite, release, lists }: LockedSuite,
  mirror: string,
  packages: readonly Output[],
  ctx: ActionContext,
): Promise<Output | undefined> {
  const name = `release/${suite}`;
  if (release === undefined || digestOf(readFileSync(path)) === release)
    return { name, ...(await ctx.store.putFile(path)) };
  if (packages.length > lists.size) throw movedOn(`suite ${suite}`, mirror, release, ctx);
  return ctx.store.has(release) ? stored(name, release, ctx) : undefined;
}

/** A list of an earlier state of the archive: from the store, or by the digest that the locked InRelease has for it. */
async function earlierList(
  wanted: Digest,
  component: string,
  { suite, text }: LockedSuite,
  mirror: string,
  node: DebianIndexDefinition,
  ctx: ActionContext,
): Promise<StoredBlob | undefined> {
  if (ctx.store.has(wanted)) return { digest: wanted, size: stored("", wanted, ctx).size };
  const directory = `${component}/binary-${platformSpellings(node.platform).debian}`;
  const hex = text?.files.get(`${directory}/Packages.xz`);
  if (hex === undefined) return undefined;
  const work = ctx.temporaryDirectory();
  const { said } = await downloadFiles(
    [
      {
        url: `${mirror}/dists/${suite}/${directory}/by-hash/SHA256/${hex}`,
        digest: `sha256:${hex}`,
        path: join(work, "Packages.xz"),
      },
    ],
    ctx,
  );
  if (said !== "") return undefined;
  const unpacked = await runSandboxed(
    ctx,
    {
      mounts: [...HOST_PROGRAMS, { type: "rw", source: work, target: "/work" }],
      cwd: "/work",
      argv: ["/usr/bin/xz", "--decompress", "Packages.xz"],
    },
    { what: "unpacking Packages.xz" },
  );
  if (unpacked.code !== 0) throw commandFailure("unpacking Packages.xz", unpacked);
  const blob = await ctx.store.putFile(join(work, "Packages"));
  return blob.digest === wanted ? blob : undefined;
}

function movedOn(what: string, mirror: string, wanted: Digest, ctx: ActionContext): NodeFailure {
  return new NodeFailure(
    {
      type: "network",
      what: `The locked ${what}`,
      excerpt: `the archive has moved on: ${mirror} has another one than\n${wanted} of kmips.lock, and the store has none`,
    },
    `kmips update ${ctx.address} takes the archive's present state; a store that built this before has the locked one`,
  );
}

function offlineFailure(
  { suite, release, lists }: LockedSuite,
  node: DebianIndexDefinition,
  ctx: ActionContext,
): NodeFailure {
  const { debian } = platformSpellings(node.platform);
  const missing = [
    ...(release === undefined || !ctx.store.has(release)
      ? [`InRelease of ${suite}: ${release ?? "not in kmips.lock yet"}`]
      : []),
    ...node.components.flatMap((component) => {
      const digest = lists.get(component);
      if (digest !== undefined && ctx.store.has(digest)) return [];
      return [`Packages of ${suite}/${component}/${debian}: ${digest ?? "not in kmips.lock yet"}`];
    }),
  ];
  return new NodeFailure(
    {
      type: "network",
      what: `Suite "${suite}" for ${ctx.address}`,
      excerpt: `not in the store, and nothing may be fetched (--offline):\n${missing.join("\n")}`,
    },
    "Build once without --offline",
  );
}

/**
 * What a suite lacks. Other suites than the first only add to it: that they have nothing for an
 * architecture is a note.
 * @throws NodeFailure when the first suite lacks a component
 */
function absences(
  suite: string,
  outputs: readonly Output[],
  node: DebianIndexDefinition,
  ctx: ActionContext,
): string[] {
  const { debian } = platformSpellings(node.platform);
  const missing = node.components.filter(
    (component) => !outputs.some(({ name }) => name === `packages/${suite}/${component}`),
  );
  if (missing.length === 0) return [];
  const words = missing.map((component) => `"${component}"`).join(", ");
  if (suite !== node.suites[0])
    return [`suite "${suite}" has no packages of ${words} for ${debian}`];
  const release = outputs.find(({ name }) => name === `release/${suite}`);
  const offered =
    release === undefined
      ? undefined
      : parseRelease(ctx.store.readBytes(release.digest).toString("utf8"));
  throw new NodeFailure(
    {
      type: "command",
      what: `Looking for packages of ${words} for ${debian} in suite "${suite}"`,
      exit: "the archive has none",
      excerpt:
        offered === undefined
          ? ""
          : `architectures: ${offered.architectures.join(" ")}\ncomponents: ${offered.components.join(" ")}`,
    },
    "Name a suite that was released for the architecture, and components that it has",
  );
}
