/**
 * Runs a base node: mmdebstrap makes a Debian root file system from the set of a packages node.
 *
 * With scripts `chrootless` dpkg and the maintainer scripts run natively, told by DPKG_ROOT where
 * to work; with `emulated` they run in the new root under the emulator. The sandbox has no
 * network and none of this machine's configuration.
 */
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { layeredImage, rootChanges, storeChanges } from "../../image/index.js";
import { NodeFailure } from "../../model/failure.js";
import type { BaseDefinition } from "../../model/node.js";
import { platformSpellings } from "../../model/platform.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import { writeRepository } from "../debian-repository.js";
import {
  asRoot,
  checkInstalled,
  DPKG_CAPABILITIES,
  dpkgEnvironment,
  dpkgFailure,
  hostPrograms,
  refuseCrash,
  requireHandler,
  requireRoot,
} from "../debian-root.js";
import { withEmulatorRetry } from "../emulator-retry.js";
import { runSandboxed } from "../run-tool.js";
import { asNodeFailure } from "../tool-failure.js";

const REPOSITORY = "/kmips/packages";
const OUT = "/kmips/out";
const ROOT = `${OUT}/root`;
/** The accounts that every Debian system has: names of owners are looked up here at first. */
const ACCOUNTS = "/usr/share/base-passwd";
/** Makes /bin, /lib and /sbin links before anything is unpacked. */
const MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr";

const NEXT_STEP = "set `scripts = emulated` in the base's debian block";

/** Outputs: `manifest`, `config`, `layer/0`. @throws NodeFailure */
export async function runBase(node: BaseDefinition, ctx: ActionContext): Promise<ActionOutcome> {
  const started = performance.now();
  const emulated = node.scripts === "emulated";
  requireRoot(ctx);
  if (emulated) requireHandler(node.platform, ctx);
  let emulatedMs = 0;
  const notes: string[] = [];
  const layer = await withEmulatorRetry(async () => {
    const { root, elapsedMs } = await makeRoot(node, ctx.temporaryDirectory(), ctx);
    if (emulated) emulatedMs += elapsedMs;
    const changes = rootChanges(ctx.store, { root, layers: [], origin: "base" });
    return storeChanges(ctx.store, changes, node.epoch);
  }, notes);
  const { platform, epoch, config } = node;
  const { outputs } = layeredImage(ctx.store, {
    ...{ platform, epoch, config },
    ...(layer === undefined ? {} : { layer }),
  });
  return {
    outputs,
    nativeMs: Math.max(0, performance.now() - started - emulatedMs),
    emulatedMs,
    notes,
  };
}

async function makeRoot(
  node: BaseDefinition,
  directory: string,
  ctx: ActionContext,
): Promise<{ readonly root: string; readonly elapsedMs: number }> {
  const repository = join(directory, "packages");
  const stanzas = writeRepository(ctx, node, repository);
  const out = join(directory, "out");
  mkdirSync(out, { mode: 0o755 });
  const filters = pathFilters(node);
  const outside = join(directory, "outside");
  prepareOutside(outside, filters);
  const before = new Set(filesBelow(outside));
  const emulated = node.scripts === "emulated";
  const what = `mmdebstrap for ${ctx.address}`;
  const result = await runSandboxed(
    asRoot(ctx),
    {
      mounts: [
        { type: "rw", source: join(outside, "etc"), target: "/etc" },
        { type: "rw", source: join(outside, "var"), target: "/var" },
        ...hostPrograms(),
        { type: "ro", source: repository, target: REPOSITORY },
        { type: "rw", source: out, target: OUT },
      ],
      cwd: "/",
      env: dpkgEnvironment(node.epoch),
      realUsers: true,
      capabilities: [...DPKG_CAPABILITIES, ...(emulated ? ["CAP_SYS_ADMIN"] : [])],
      argv: [
        mmdebstrap(ctx),
        `--variant=${node.variant}`,
        `--architectures=${platformSpellings(node.platform).debian}`,
        `--mode=${emulated ? "root" : "chrootless"}`,
        `--hook-directory=${MERGED_USR}`,
        `--aptopt=APT::Install-Recommends "${String(node.recommends)}"`,
        ...filters.map((line) => `--dpkgopt=${line}`),
        ...(node.names.length === 0 ? [] : [`--include=${node.names.join(",")}`]),
        // What mmdebstrap was told is nothing that the image should go on with.
        `--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"`,
        node.suite,
        ROOT,
        `deb [trusted=yes] copy://${REPOSITORY} ./`,
      ],
    },
    { what },
  );
  if (result.code !== 0) {
    throw dpkgFailure(
      what,
      result,
      emulated,
      emulated ? undefined : `If a maintainer script cannot run outside of its root, ${NEXT_STEP}`,
    );
  }
  if (emulated) refuseCrash(what, result);
  const root = join(out, "root");
  if (!emulated) adoptStrayFiles(what, { outside, before, root });
  checkInstalled(root, stanzas, true);
  return { root, elapsedMs: result.elapsedMs };
}

function mmdebstrap(ctx: ActionContext): string {
  try {
    return ctx.tools.require("mmdebstrap");
  } catch (error) {
    throw asNodeFailure(error, ctx.tools, "making a Debian root file system");
  }
}

/**
 * What scripts that run natively find beside the root: the accounts, the paths that dpkg leaves
 * out, and, where they look without regard to DPKG_ROOT for what they are to enable, the root's.
 */
function prepareOutside(outside: string, filters: readonly string[]): void {
  for (const path of ["etc/alternatives", "etc/dpkg/dpkg.cfg.d", "var/lib/dpkg", "var/tmp"]) {
    mkdirSync(join(outside, path), { recursive: true, mode: 0o755 });
  }
  for (const name of ["passwd", "group"]) {
    copyFileSync(`${ACCOUNTS}/${name}.master`, join(outside, "etc", name));
  }
  symlinkSync(`${ROOT}/etc/init.d`, join(outside, "etc/init.d"));
  const configuration = filters.map((line) => `${line}\n`).join("");
  writeFileSync(join(outside, "etc/dpkg/dpkg.cfg.d/kmips"), configuration);
}

/**
 * Moves what a script without regard to DPKG_ROOT made in /etc to where it was meant, as netbase's
 * does with /etc/hosts.
 * @throws NodeFailure for anything else that was written beside the root, where it would be lost
 */
function adoptStrayFiles(
  what: string,
  places: {
    readonly outside: string;
    readonly before: ReadonlySet<string>;
    readonly root: string;
  },
): void {
  const { outside, before, root } = places;
  const refused: string[] = [];
  for (const path of filesBelow(outside)) {
    if (before.has(path)) continue;
    const [from, to] = [join(outside, path), join(root, path)];
    const isNew = lstatSync(to, { throwIfNoEntry: false }) === undefined;
    if (/^etc\/[^/]+$/.test(path) && isNew && lstatSync(from).isFile()) renameSync(from, to);
    else refused.push(path);
  }
  if (refused.length === 0) return;
  throw new NodeFailure(
    {
      type: "command",
      what,
      exit: "a maintainer script wrote outside of the new root",
      excerpt: refused.map((path) => `/${path}`).join("\n"),
    },
    `It does not know DPKG_ROOT: ${NEXT_STEP}`,
  );
}

/** Files and directories below a directory, sorted; links are not followed. */
function filesBelow(directory: string): string[] {
  return (readdirSync(directory, { recursive: true }) as string[]).sort();
}

/**
 * dpkg's spelling of the paths that are not unpacked. They stay in the image's dpkg.cfg.d, so that
 * packages added later are treated alike. dpkg's `*` matches any characters, slashes included.
 */
function pathFilters({ excludePaths, keepPaths }: BaseDefinition): string[] {
  const pattern = (glob: string): string => glob.replaceAll(/\*+/g, "*");
  return [
    ...excludePaths.map((glob) => `path-exclude=${pattern(glob)}`),
    ...keepPaths.map((glob) => `path-include=${pattern(glob)}`),
  ];
}
