/**
 * Runs an install node: adds the set of a packages node to an image and keeps what changed.
 *
 * apt always solves and orders natively. With scripts `split` dpkg runs natively too, and only
 * maintainer scripts run under the emulator (see maintainer-scripts.ts); with `emulated` it is the
 * target's own dpkg. What scripts call may be this machine's (native-programs.ts). The sandbox has no network and none of this machine's configuration.
 */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compareUtf8 } from "../../../cache/index.js";
import {
  layeredImage,
  manifestOf,
  readImage,
  rootChanges,
  rootFileSystem,
  snapshotRoot,
  storeChanges,
} from "../../image/index.js";
import type { InstallDefinition } from "../../model/node.js";
import { PACKAGES_LABEL } from "../../model/labels.js";
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
import {
  aptConfiguration,
  DRIVER,
  EMULATED_LINE,
  PLACES,
  RELAY,
  RELAYED,
  SERVER,
  SOURCES_LIST,
} from "../maintainer-scripts.js";
import { nativePrograms } from "../native-programs.js";
import { runSandboxed } from "../run-tool.js";
import type { Mount } from "../sandbox.js";

/** Outputs as an image's. @throws NodeFailure */
export async function runInstall(
  node: InstallDefinition,
  ctx: ActionContext,
): Promise<ActionOutcome> {
  const started = performance.now();
  requireRoot(ctx);
  requireHandler(node.platform, ctx);
  const { store } = ctx;
  const base = ctx.results(node.base).outputs;
  const layers = readImage(store, manifestOf(base)).manifest.layers.map(({ digest }) => digest);
  let emulatedMs = 0;
  let installed: readonly string[] = [];
  const notes: string[] = [];
  const layer = await withEmulatorRetry(async () => {
    const directory = ctx.temporaryDirectory();
    const root = join(directory, "root");
    mkdirSync(root);
    chmodSync(root, 0o755);
    rootFileSystem(store, manifestOf(base), root);
    const snapshot = snapshotRoot(root);
    const added = await addPackages(node, directory, root, ctx);
    emulatedMs += added.emulatedMs;
    installed = added.versions;
    const changes = rootChanges(store, { root, layers, origin: "install", snapshot });
    return storeChanges(store, changes, node.epoch);
  }, notes);
  const { platform, epoch } = node;
  const { outputs } = layeredImage(store, {
    ...{ platform, epoch, base },
    labels: (below) => ({ [PACKAGES_LABEL]: packagesLabel(below[PACKAGES_LABEL], installed) }),
    ...(layer === undefined ? {} : { layer }),
  });
  return {
    outputs,
    nativeMs: Math.max(0, performance.now() - started - emulatedMs),
    emulatedMs,
    notes,
  };
}

function packagesLabel(below: string | undefined, added: readonly string[]): string {
  const nameOf = (entry: string): string => entry.slice(0, entry.indexOf("="));
  const names = new Set(added.map(nameOf));
  const kept = (below ?? "")
    .split(" ")
    .filter((entry) => entry !== "" && !names.has(nameOf(entry)));
  return [...kept, ...added].sort(compareUtf8).join(" ");
}

/**
 * Adds the set to the root file system. Gives how long the emulator worked, in milliseconds, and
 * the versions of what was asked for.
 */
async function addPackages(
  node: InstallDefinition,
  directory: string,
  root: string,
  ctx: ActionContext,
): Promise<{ readonly emulatedMs: number; readonly versions: readonly string[] }> {
  const repository = join(directory, "packages");
  const stanzas = writeRepository(ctx, { ...node, suite: "kmips" }, repository);
  const tools = join(directory, "tools");
  const architecture = platformSpellings(node.platform).debian;
  const configuration = aptConfiguration({ architecture, recommends: node.recommends });
  writeTools(tools, configuration);
  const isSplit = node.scripts === "split";
  const isEmulated = !ctx.inputs.isNative(node.platform);
  const changing = new Set(stanzas.map(({ name }) => name));
  const native =
    isSplit && isEmulated ? nativePrograms(root, PLACES.root, changing, ctx) : undefined;
  const what = `adding packages to ${node.base}`;
  const result = await runSandboxed(
    asRoot(ctx),
    {
      mounts: [
        ...mounts({ root, repository, tools, isSplit }, ctx),
        ...(native === undefined ? [] : native.mounts),
      ],
      cwd: "/",
      env: {
        ...dpkgEnvironment(node.epoch),
        APT_CONFIG: `${PLACES.tools}/apt.conf`,
      },
      realUsers: true,
      capabilities: [...DPKG_CAPABILITIES, "CAP_KILL"],
      argv: [PLACES.shell, `${PLACES.tools}/driver`, node.scripts, ...node.names],
    },
    { what },
  );
  native?.cleanUp();
  if (result.code !== 0) throw dpkgFailure(what, result, isEmulated);
  if (isEmulated) refuseCrash(what, result);
  checkInstalled(root, stanzas, false);
  const asked = new Set(node.names.map((name) => name.replace(/=.*/, "")));
  return {
    emulatedMs: isEmulated ? Number(EMULATED_LINE.exec(result.stdout)?.[1] ?? 0) : 0,
    versions: stanzas
      .filter(({ name }) => asked.has(name))
      .map(({ name, version }) => `${name}=${version}`),
  };
}

function writeTools(directory: string, configuration: string): void {
  mkdirSync(directory, { mode: 0o755 });
  for (const [name, text] of Object.entries({
    "apt.conf": configuration,
    driver: DRIVER,
    relay: RELAY,
    server: SERVER,
    "sources.list": SOURCES_LIST,
  })) {
    writeFileSync(join(directory, name), text, { mode: 0o755 });
  }
  mkdirSync(join(directory, "none"), { mode: 0o755 });
}

function mounts(
  places: {
    readonly root: string;
    readonly repository: string;
    readonly tools: string;
    readonly isSplit: boolean;
  },
  ctx: ActionContext,
): Mount[] {
  const { root, repository, tools, isSplit } = places;
  const relay = join(tools, "relay");
  return [
    ...hostPrograms(),
    ...(isSplit ? RELAYED : [])
      .filter((interpreter) => existsSync(interpreter))
      .map((target): Mount => ({ type: "ro", source: relay, target })),
    { type: "ro", source: ctx.tools.require("sh"), target: PLACES.shell },
    { type: "ro", source: tools, target: PLACES.tools },
    { type: "rw", source: root, target: PLACES.root },
    { type: "proc", target: `${PLACES.root}/proc` },
    { type: "dev", target: `${PLACES.root}/dev` },
    { type: "tmpfs", target: `${PLACES.root}/tmp`, mode: "1777" },
    // One path for both sides of a change of root.
    { type: "ro", source: repository, target: PLACES.packages },
    { type: "ro", source: repository, target: `${PLACES.root}${PLACES.packages}` },
    // Names of owners, and which paths are not unpacked, are the image's affair.
    ...["passwd", "group", "dpkg"].map((name): Mount => {
      return { type: "link", source: `${PLACES.root}/etc/${name}`, target: `/etc/${name}` };
    }),
  ];
}
