/**
 * Runs a packages node: apt chooses the set, and each `.deb` of it comes from the store or from
 * its archive, verified by the index's digest and by kmips.lock.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { compareUtf8, type Digest, type Output } from "../../../cache/index.js";
import { debFileName, packageLabel, type PackageId } from "../../debian/deb-file.js";
import { findStanzas, type PackageStanza } from "../../debian/package-stanza.js";
import { readLayers } from "../../image/index.js";
import { NodeFailure } from "../../model/failure.js";
import { assertNever, invariant } from "../../model/invariant.js";
import type { Address, DebianVariant, PackagesDefinition } from "../../model/node.js";
import { platformSpellings } from "../../model/platform.js";
import { downloadFiles, findMirrors, MIRROR_VARIABLE, type Download } from "../apt-client.js";
import { solve } from "../apt-solver.js";
import type { ActionContext, ActionOutcome } from "../context.js";

const STATUS = "var/lib/dpkg/status";
const EXTENDED_STATES = "var/lib/apt/extended_states";
/** A status of all of Debian would be as large as its package list: 50 MB. */
const STATUS_LIMIT_BYTES = 64 * 1024 * 1024;
/** Files named in one message. */
const SHOWN = 12;

/** A package list of the index. */
interface PackageList {
  readonly suite: string;
  readonly digest: Digest;
}

/** A package of the set, and the suite whose archive has it. */
interface ChosenPackage {
  readonly stanza: PackageStanza;
  readonly suite: string;
  readonly digest: Digest;
}

/** Outputs: `stanzas`, `deb/NAME_VERSION_ARCH.deb` sorted by name. @throws NodeFailure */
export async function runPackages(
  node: PackagesDefinition,
  ctx: ActionContext,
): Promise<ActionOutcome> {
  const started = performance.now();
  const lists = listsOf(node.index, ctx);
  const root = node.on === undefined ? undefined : readStatus(node.on, ctx);
  const packages = await solve(
    {
      lists: lists.map(({ digest }) => digest),
      status: root?.status ?? Buffer.alloc(0),
      extendedStates: root?.extendedStates ?? Buffer.alloc(0),
      names: [...(node.variant === undefined ? [] : variantNames(node.variant)), ...node.names],
      recommends: node.recommends,
      architecture: platformSpellings(node.platform).debian,
    },
    ctx,
  );
  const chosen = locate(packages, lists, ctx);
  for (const one of chosen) checkLocked(one, node, ctx);
  await bringFiles(chosen, node, ctx);
  const text = chosen.map(({ stanza }) => `${stanza.text}\n`).join("\n");
  const stanzas = ctx.store.putBytes(text);
  const debs = chosen
    .map(({ stanza, digest }): Output => {
      return { name: `deb/${debFileName(stanza)}`, digest, size: stanza.size };
    })
    .sort((a, b) => compareUtf8(a.name, b.name));
  return {
    outputs: [{ name: "stanzas", digest: stanzas, size: Buffer.byteLength(text) }, ...debs],
    nativeMs: Math.round(performance.now() - started),
    emulatedMs: 0,
  };
}

/** What mmdebstrap(1) installs for a variant, as apt's patterns; its merged-usr hook wants the last. */
function variantNames(variant: DebianVariant): string[] {
  switch (variant) {
    case "essential":
      return ["?essential", "usr-is-merged"];
    case "apt":
      return ["?essential", "apt", "usr-is-merged"];
    case "minbase":
      return ["?essential", "apt", "?priority(required)", "usr-is-merged"];
    default:
      return assertNever(variant);
  }
}

/** The index's lists in its order of preference. */
function listsOf(index: Address, ctx: ActionContext): PackageList[] {
  const definition = ctx.definition(index);
  invariant(definition.kind === "debian-index", `"${index}" is no index`);
  const { outputs } = ctx.results(index);
  return definition.suites.flatMap((suite) =>
    definition.components.flatMap((component) => {
      const list = outputs.find(({ name }) => name === `packages/${suite}/${component}`);
      return list === undefined ? [] : [{ suite, digest: list.digest }];
    }),
  );
}

/** What dpkg and apt know of an image. @throws NodeFailure when it has no dpkg */
function readStatus(
  image: Address,
  ctx: ActionContext,
): { readonly status: Buffer; readonly extendedStates: Buffer | undefined } {
  const layers = ctx
    .results(image)
    .outputs.filter(({ name }) => name.startsWith("layer/"))
    .sort((a, b) => Number(a.name.slice(6)) - Number(b.name.slice(6)));
  const { contents } = readLayers(
    ctx.store,
    layers.map(({ digest }) => digest),
    [STATUS, EXTENDED_STATES],
    STATUS_LIMIT_BYTES,
  );
  const status = contents.get(STATUS);
  if (status === undefined) {
    throw new NodeFailure(
      {
        type: "command",
        what: `Adding packages to ${image}`,
        exit: "it is no Debian root file system",
        excerpt: `it has no /${STATUS}`,
      },
      "Stand the image on a base node, or on an image that stands on one",
    );
  }
  return { status, extendedStates: contents.get(EXTENDED_STATES) };
}

/** The paragraphs of the chosen packages, in install order. */
function locate(
  packages: readonly PackageId[],
  lists: readonly PackageList[],
  ctx: ActionContext,
): ChosenPackage[] {
  const found = new Map<string, ChosenPackage>();
  for (const { suite, digest } of lists) {
    const missing = packages.filter((one) => !found.has(packageLabel(one)));
    if (missing.length === 0) break;
    const text = ctx.store.readBytes(digest).toString("utf8");
    for (const [label, stanza] of findStanzas(text, missing))
      found.set(label, { stanza, suite, digest: `sha256:${stanza.sha256}` });
  }
  return packages.map((one) => {
    const chosen = found.get(packageLabel(one));
    invariant(chosen !== undefined, `apt chose ${packageLabel(one)}, which no list has`);
    return chosen;
  });
}

/** @throws NodeFailure `checksum` when kmips.lock knows the package by another digest */
function checkLocked(
  { stanza, digest }: ChosenPackage,
  node: PackagesDefinition,
  ctx: ActionContext,
): void {
  const label = packageLabel(stanza);
  const locked = ctx.lock.locked("deb", label);
  if (locked === undefined || locked === digest) return;
  throw new NodeFailure(
    { type: "checksum", what: `${label} in the index`, expected: locked, actual: digest },
    `kmips.lock names another file for this version: find out why, then "kmips update ${node.index}" takes the archive's`,
  );
}

/** Sees to it that the store has every file of the set. @throws NodeFailure */
async function bringFiles(
  chosen: readonly ChosenPackage[],
  node: PackagesDefinition,
  ctx: ActionContext,
): Promise<void> {
  const missing = chosen.filter(({ digest }) => !ctx.store.has(digest));
  if (missing.length === 0) return;
  if (ctx.offline) throw offlineFailure(missing, ctx);
  const mirrors = await findMirrors(ctx);
  const directory = ctx.temporaryDirectory();
  const files = missing.map(({ stanza, suite, digest }) => ({
    url: `${mirrors(suite)}/${stanza.path}`,
    digest,
    path: join(directory, debFileName(stanza)),
  }));
  const download = await downloadFiles(files, ctx);
  // What came is kept, whatever else went wrong: the next attempt need not fetch it again.
  for (const { path, digest } of files) {
    if (!existsSync(path)) continue;
    const blob = await ctx.store.putFile(path);
    if (blob.digest !== digest) throw wrongFile(path, digest, blob.digest);
  }
  const absent = missing.filter(({ digest }) => !ctx.store.has(digest));
  if (absent.length > 0) throw fetchFailure(absent, mirrors(absent[0]!.suite), download, node);
}

function wrongFile(path: string, expected: Digest, actual: string): NodeFailure {
  return new NodeFailure(
    { type: "checksum", what: path.slice(path.lastIndexOf("/") + 1), expected, actual },
    `The mirror serves another file than its signed index names: try again later, or name another mirror: ${MIRROR_VARIABLE}=URL`,
  );
}

function fetchFailure(
  absent: readonly ChosenPackage[],
  mirror: string,
  { faults, said }: Download,
  node: PackagesDefinition,
): NodeFailure {
  const first = absent[0]!;
  const spoilt = faults.find(({ said }) => said.startsWith("Hash Sum mismatch"));
  if (spoilt !== undefined) {
    const named = absent.find(({ stanza }) => sameFile(spoilt.uri, stanza.path)) ?? first;
    return wrongFile(
      debFileName(named.stanza),
      named.digest,
      `sha256:${spoilt.received ?? "unknown"}`,
    );
  }
  const dropped = faults.filter(({ said }) => said.startsWith("404"));
  if (dropped.length > 0) {
    const gone = absent.filter(({ stanza }) =>
      dropped.some(({ uri }) => sameFile(uri, stanza.path)),
    );
    const named = gone.length === 0 ? absent : gone;
    return new NodeFailure(
      {
        type: "network",
        what: named
          .map(({ stanza }) => debFileName(stanza))
          .slice(0, SHOWN)
          .join(", "),
        excerpt: `${mirror} answers 404: the live archive has dropped ${named.length === 1 ? "it" : "them"} since the index was locked\n${listed(named)}`,
      },
      `kmips update ${node.index} takes the archive's present versions; a store that built this before has the locked files`,
    );
  }
  return new NodeFailure(
    {
      type: "network",
      what: `${debFileName(first.stanza)}${absent.length === 1 ? "" : ` and ${String(absent.length - 1)} more files`} of ${mirror}`,
      excerpt: said,
    },
    `Try again later, or name another mirror: ${MIRROR_VARIABLE}=URL`,
  );
}

/** Whether apt's spelling of an address, which escapes more, names a path of the archive. */
function sameFile(uri: string, path: string): boolean {
  try {
    return decodeURIComponent(uri).endsWith(`/${decodeURIComponent(path)}`);
  } catch {
    return uri.endsWith(`/${path}`);
  }
}

function offlineFailure(missing: readonly ChosenPackage[], ctx: ActionContext): NodeFailure {
  const [first] = missing;
  const more = missing.length - 1;
  return new NodeFailure(
    {
      type: "network",
      what: `${debFileName(first!.stanza)}${more === 0 ? "" : ` and ${String(more)} more files`} for ${ctx.address}`,
      excerpt: `not in the store, and nothing may be fetched (--offline):\n${listed(missing)}`,
    },
    "Build once without --offline",
  );
}

function listed(packages: readonly ChosenPackage[]): string {
  const lines = packages.map(({ stanza, digest }) => `${debFileName(stanza)} ${digest}`);
  const rest = lines.length - SHOWN;
  return [...lines.slice(0, SHOWN), ...(rest > 0 ? [`… and ${String(rest)} more`] : [])].join("\n");
}
