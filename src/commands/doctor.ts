/** `kmips doctor`: what this machine needs for a project, and one fixing command per gap. */
import { existsSync, statfsSync } from "node:fs";
import { userInfo } from "node:os";
import type { Store } from "../../cache/index.js";
import { chooseUserBuilder, type UserBuilder } from "../execute/index.js";
import { binfmtState, compilerPrograms, type Tools } from "../host/index.js";
import { NodeFailure } from "../model/failure.js";
import type { BuildGraph } from "../model/graph.js";
import type { NodeDefinition } from "../model/node.js";
import { platformName, platformSpellings, type Platform } from "../model/platform.js";
import type { Check } from "./check.js";
import { runLiveProgram } from "./live-program.js";
import { hasBuilder } from "./private-builder.js";
import type { Environment } from "./workspace.js";

/** What a project asks of the machine. */
export interface Needs {
  readonly go: boolean;
  readonly git: boolean;
  readonly compilers: readonly { readonly triplet: string; readonly packages: readonly string[] }[];
  /** Foreign platforms whose programs run, be it in tests alone. */
  readonly emulated: readonly Platform[];
  /** Those whose programs the kernel has to start by itself. */
  readonly started: readonly Platform[];
  /** Whether Debian packages are installed. */
  readonly debian: boolean;
  /** Keyrings of Debian archives beside the machine's own. */
  readonly keyrings: readonly string[];
  /** Whether RUN steps may come up. */
  readonly builder: boolean;
}

export interface DiagnoseOptions {
  readonly environment: Environment;
  readonly tools: Tools;
  /** The store, or undefined when there is none yet. */
  readonly store: Store | undefined;
  /** A directory of the disk that has the store or will have it. */
  readonly storeParent: string;
}

/** Free bytes below which a build is likely to fail. */
const WANTED_FREE_BYTES = 4 * 1024 ** 3;
/** Where debian-archive-keyring puts the keys of Debian's archive. */
const DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const KEYRING_PACKAGE = "debian-archive-keyring";

/** What the nodes of a graph need; a Dockerfile that was not read yet may need all of it. */
export function needsOf(graph: BuildGraph, hostArch: string): Needs {
  const definitions = [...graph.nodes.values()].map((node) => node.definition);
  const of = <K extends NodeDefinition["kind"]>(
    ...kinds: readonly K[]
  ): Extract<NodeDefinition, { kind: K }>[] =>
    definitions.filter((d): d is Extract<NodeDefinition, { kind: K }> =>
      (kinds as readonly string[]).includes(d.kind),
    );
  const unread = of("image").filter((image) => image.awaits !== undefined);
  const starting = [
    ...of("run", "install"),
    ...of("base").filter((base) => base.scripts === "emulated"),
    ...unread,
  ];
  const foreign = (nodes: readonly { readonly platform: Platform }[]): Platform[] => {
    const named = nodes.map(({ platform }) => [platformName(platform), platform] as const);
    return [...new Map(named).values()].filter(({ arch }) => arch !== hostArch);
  };
  return {
    go: of("toolchain").some((toolchain) => toolchain.type === "go"),
    git: of("source").some((source) => source.origin.type === "git"),
    compilers: of("toolchain").filter((toolchain) => toolchain.type === "cc"),
    emulated: foreign([...of("test"), ...starting]),
    started: foreign(starting),
    debian: unread.length > 0 || of("base", "packages").length > 0,
    keyrings: of("debian-index").flatMap(({ keyring }) => keyring ?? []),
    builder: unread.length > 0 || of("run").length > 0,
  };
}

/** Checks the machine; starts clients of builders, and one program per foreign platform. */
export async function diagnose(needs: Needs, options: DiagnoseOptions): Promise<Check[]> {
  const { environment, tools, storeParent } = options;
  const checks: Check[] = ["bwrap", "flock", "patch", "xz"].map((name) => checkTool(tools, name));
  if (needs.go || needs.builder) checks.push(checkTool(tools, "go"));
  if (needs.git) checks.push(checkTool(tools, "git"));
  for (const { triplet, packages } of needs.compilers)
    checks.push(checkCompiler(tools, triplet, packages));
  if (needs.debian) {
    for (const name of ["apt-get", "dpkg", "mmdebstrap"]) checks.push(checkTool(tools, name));
    checks.push(checkKeyring(DEBIAN_KEYRING), ...needs.keyrings.map(checkKeyring));
  }
  if (needs.builder) checks.push(...(await checkBuilder(options)));
  for (const platform of needs.emulated) {
    const check = checkTool(tools, platformSpellings(platform).qemu);
    checks.push({ ...check, name: `emulator for ${platformName(platform)}` });
  }
  for (const platform of needs.started) checks.push(checkHandler(platform));
  for (const platform of needs.emulated)
    checks.push(await runLiveProgram(platform, { tools, environment }));
  checks.push(checkDisk(storeParent));
  return [...new Map(checks.map((check) => [check.name, check])).values()];
}

function checkTool(tools: Tools, name: string): Check {
  const tool = tools.find(name);
  if (tool !== undefined) {
    return {
      name,
      ok: true,
      detail: `${tool.path}${tool.version === undefined ? "" : ` (${tool.version})`}`,
    };
  }
  const fix = tools.installHint(name);
  return { name, ok: false, detail: "not installed", fix, package: fix.split(" ").at(-1) ?? name };
}

function checkCompiler(tools: Tools, triplet: string, packages: readonly string[]): Check {
  const name = `C compiler for ${triplet}`;
  const missing = packages.filter((candidate) => tools.packageVersion(candidate) === undefined);
  if (missing.length === 0 && compilerPrograms(triplet).length > 0) {
    return {
      name,
      ok: true,
      detail: packages.map((p) => `${p} ${tools.packageVersion(p) ?? ""}`).join(", "),
    };
  }
  return {
    name,
    ok: false,
    detail: `not installed: ${missing.join(" ")}`,
    fix: `apt-get install ${missing.join(" ")}`,
    package: missing.join(" "),
  };
}

function checkKeyring(path: string): Check {
  const name = `keyring ${path}`;
  if (existsSync(path)) return { name, ok: true, detail: "found" };
  if (path !== DEBIAN_KEYRING)
    return { name, ok: false, detail: "not there", fix: "correct `keyring` of the base" };
  return {
    name,
    ok: false,
    detail: "not there",
    fix: `apt-get install ${KEYRING_PACKAGE}`,
    package: KEYRING_PACKAGE,
  };
}

/** The user's own builder, or the private one with what it stands on. */
async function checkBuilder(options: DiagnoseOptions): Promise<Check[]> {
  const { environment, tools, store } = options;
  const name = "builder";
  let own: UserBuilder | undefined;
  try {
    own = await findUserBuilder(options);
  } catch (error) {
    if (!(error instanceof NodeFailure)) throw error;
    const { reason } = error;
    const detail = reason.type === "builder" ? `"${reason.builder}" ${reason.why}` : reason.type;
    const fix = reason.type === "builder" ? reason.tried : (error.help ?? "kmips setup");
    return [{ name, ok: false, detail, fix }];
  }
  if (own !== undefined)
    return [{ name, ok: true, detail: `buildx builder "${own.name}" (${own.driver})` }];
  const built = store !== undefined && (await hasBuilder({ environment, store, tools }));
  const checks = [checkTool(tools, "runc")];
  if (userInfo().uid !== 0) checks.push(checkTool(tools, "newuidmap"));
  checks.push(
    ...["buildkitd", "buildx"].map((program) =>
      built
        ? { name: program, ok: true, detail: "private, in the store" }
        : { name: program, ok: false, detail: "not built yet", fix: "kmips setup" },
    ),
  );
  return checks;
}

/** The builder of the user's that a build would use. @throws NodeFailure when a named one does not do */
export function findUserBuilder({
  environment,
  tools,
}: Pick<DiagnoseOptions, "environment" | "tools">): Promise<UserBuilder | undefined> {
  return chooseUserBuilder({
    tools,
    processes: environment.processes,
    environment: environment.variables,
  });
}

function checkHandler(platform: Platform): Check {
  const name = `binfmt_misc for ${platformName(platform)}`;
  const state = binfmtState(platform);
  if (!state.usable) return { name, ok: false, detail: state.why, fix: state.fix };
  const { handler } = state;
  return {
    name,
    ok: true,
    detail: `${handler.name}: ${handler.interpreter}, flags ${handler.flags}`,
  };
}

function checkDisk(path: string): Check {
  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  const ok = free >= WANTED_FREE_BYTES;
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
  return ok
    ? { name: "disk", ok, detail }
    : {
        name: "disk",
        ok,
        detail,
        fix: "kmips gc --plan shows what can go; --store names another disk",
      };
}
