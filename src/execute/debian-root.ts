/**
 * What making a Debian root file system and adding packages to one have in common: who may do it,
 * what the sandbox shows of this machine, what dpkg's failures mean, and whether the right
 * packages are in it at the end.
 */
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../cache/index.js";
import { parseParagraph, splitParagraphs } from "../debian/control.js";
import { packageLabel } from "../debian/deb-file.js";
import type { PackageStanza } from "../debian/package-stanza.js";
import { binfmtState } from "../host/index.js";
import { NodeFailure } from "../model/failure.js";
import { InternalError } from "../model/invariant.js";
import type { Platform } from "../model/platform.js";
import { platformName } from "../model/platform.js";
import type { ProcessResult } from "../model/ports.js";
import type { ActionContext } from "./context.js";
import { crashSignal } from "./driver/crash.js";
import { lastLines } from "./excerpt.js";
import { commandFailure, exitText } from "./run-tool.js";
import { HOST_PROGRAMS, type Mount } from "./sandbox.js";

/**
 * What dpkg needs to give files their owners. Without CAP_SETFCAP no file gets capabilities, which
 * a layer could not hold: the packages that want some fall back to set-user-ID.
 */
export const DPKG_CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_MKNOD",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/** The environment of apt, dpkg and maintainer scripts. */
export function dpkgEnvironment(epoch: number): Readonly<Record<string, string>> {
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/root",
    DEBIAN_FRONTEND: "noninteractive",
    DEBCONF_NONINTERACTIVE_SEEN: "true",
    SOURCE_DATE_EPOCH: String(epoch),
  };
}

/** The choices of this machine's administrator by which `awk` and others are found. */
const ALTERNATIVES = "/etc/alternatives";

/** This machine's programs, and none of its configuration of apt and dpkg. */
export function hostPrograms(): Mount[] {
  return [
    ...HOST_PROGRAMS,
    ...(existsSync(ALTERNATIVES)
      ? [{ type: "ro", source: ALTERNATIVES, target: ALTERNATIVES } as const]
      : []),
  ];
}

/** `kmips verify`'s circumstances without another user: root's rights are what dpkg works with. */
export function asRoot(ctx: ActionContext): ActionContext {
  if (ctx.perturbation === undefined) return ctx;
  const { directory, timezone, locale, processors, coldCaches } = ctx.perturbation;
  return {
    ...ctx,
    perturbation: {
      ...{ directory, timezone, locale, coldCaches, umask: 0o022 },
      ...(processors === undefined ? {} : { processors }),
    },
  };
}

/** @throws NodeFailure unless kmips runs as root: the files of a root file system have many owners. */
export function requireRoot(ctx: ActionContext): void {
  if (userInfo().uid === 0) return;
  throw new NodeFailure(
    {
      ...{ type: "resource", errno: "EPERM", path: ctx.store.root },
      what: `${ctx.address} gives files to users of the image`,
    },
    "Run kmips as root, e.g. in a container, to make Debian root file systems",
  );
}

/**
 * Sees to it that the kernel starts the platform's programs by the very emulator that the node's
 * key names.
 * @throws NodeFailure `tool`, with the command that mends it
 */
export function requireHandler(platform: Platform, ctx: ActionContext): void {
  if (ctx.inputs.isNative(platform)) return;
  const state = binfmtState(platform);
  if (!state.usable) {
    throw new NodeFailure({
      type: "tool",
      tool: `a binfmt_misc handler for ${platformName(platform)}`,
      why: `${ctx.address} runs programs of the target, and ${state.why}`,
      install: state.fix,
    });
  }
  const { interpreter, name } = state.handler;
  const keyed = ctx.inputs.emulator(platform);
  const path = existsSync(interpreter) ? realpathSync(interpreter) : interpreter;
  if (keyed === undefined || path === keyed.path) return;
  if (existsSync(path) && digestOf(readFileSync(path)) === keyed.digest) return;
  throw new NodeFailure({
    type: "tool",
    tool: `the binfmt_misc handler "${name}"`,
    why: `it starts ${interpreter}, and the node is keyed on ${keyed.path}`,
    install: `echo -1 > /proc/sys/fs/binfmt_misc/${name}, then "kmips doctor" names the command that registers the right one`,
  });
}

/** Lines that tell what dpkg or apt stumbled over. */
const DPKG_FAULT = /^(?:dpkg(?:-\w+)?: (?:error|unrecoverable)|E: |mmdebstrap: )/;
const LINES_BEFORE = 8;
const LINES_AFTER = 4;

/**
 * What a run of apt, dpkg or mmdebstrap that failed means.
 * `emulated`: whether programs of the target ran.
 */
export function dpkgFailure(
  what: string,
  result: ProcessResult,
  emulated: boolean,
  help?: string,
): NodeFailure {
  const output = `${result.stdout}\n${result.stderr}`;
  const signal = emulated ? crashOf(output) : undefined;
  const excerpt = dpkgExcerpt(output);
  if (signal !== undefined) {
    return new NodeFailure({ type: "emulator-crash", signal, excerpt: `${what}\n${excerpt}` });
  }
  if (excerpt === "") return commandFailure(what, result, help);
  return new NodeFailure({ type: "command", what, exit: exitText(result), excerpt }, help);
}

/**
 * A crash of the emulator that a maintainer script survived leaves a root file system that lacks
 * something.
 * @throws NodeFailure `emulator-crash`
 */
export function refuseCrash(what: string, result: ProcessResult): void {
  const output = `${result.stdout}\n${result.stderr}`;
  const signal = crashOf(output);
  if (signal === undefined) return;
  const lines = output.split("\n");
  const at = lines.findIndex((line) => line.includes("uncaught target signal"));
  const excerpt = lastLines(lines.slice(0, at + 1).join("\n"), LINES_BEFORE);
  throw new NodeFailure({ type: "emulator-crash", signal, excerpt: `${what}\n${excerpt}` });
}

function crashOf(output: string): string | undefined {
  const status = /subprocess returned error exit status (\d+)/.exec(output)?.[1];
  return crashSignal(output, status === undefined ? undefined : Number(status));
}

/** What stands around the first fault; empty when there is none. */
function dpkgExcerpt(output: string): string {
  const lines = output.split("\n");
  const at = lines.findIndex((line) => DPKG_FAULT.test(line));
  if (at === -1) return "";
  const shown = lines.slice(Math.max(0, at - LINES_BEFORE), at + LINES_AFTER);
  return lastLines(shown.join("\n"), shown.length);
}

/**
 * Compares what dpkg has at `root` with the set: all of it installed in these versions, nothing
 * half done, and with `exactly` nothing else.
 * @throws InternalError naming what differs
 */
export function checkInstalled(
  root: string,
  stanzas: readonly PackageStanza[],
  exactly: boolean,
): void {
  const installed = new Set<string>();
  const unfinished: string[] = [];
  for (const paragraph of splitParagraphs(
    readFileSync(join(root, "var/lib/dpkg/status"), "utf8"),
  )) {
    const fields = parseParagraph(paragraph);
    const field = (name: string): string => fields.get(name) ?? "";
    const label = packageLabel({
      ...{ name: field("package"), version: field("version") },
      architecture: field("architecture"),
    });
    if (field("status").endsWith(" installed")) installed.add(label);
    else if (!/ (?:config-files|not-installed)$/.test(field("status"))) unfinished.push(label);
  }
  const wanted = new Set(stanzas.map(packageLabel));
  const differences = [
    ...[...wanted].filter((label) => !installed.has(label)).map((label) => `${label} is absent`),
    ...unfinished.map((label) => `${label} is not configured`),
    ...(exactly ? [...installed] : [])
      .filter((label) => !wanted.has(label))
      .map((label) => `${label} is too many`),
  ];
  if (differences.length === 0) return;
  throw new InternalError(
    `The installed packages are not those that were chosen: ${differences.join(", ")}`,
  );
}
