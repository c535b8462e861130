/**
 * Programs of this machine that stand in for the target's while maintainer scripts run: shells,
 * perl and the small tools that scripts spend their time in, when both sides have the same
 * upstream version of them. They do the same work without an emulator.
 *
 * Left to the target is everything that says what machine it is (`uname`, dpkg's own programs),
 * that its packages bring, or that is itself to be installed. An install under these circumstances
 * is tested to equal one that is emulated as a whole.
 */
import { existsSync, lstatSync, readFileSync, realpathSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseParagraph, splitParagraphs } from "../debian/control.js";
import { ELF_HEADER_BYTES, readElfHeader } from "../image/index.js";
import { NATIVE_PROGRAM_PACKAGES } from "../keys/index.js";
import { platformOf, platformSpellings, type Arch } from "../model/platform.js";
import type { ActionContext } from "./context.js";
import type { Mount } from "./sandbox.js";

type NativePackage = (typeof NATIVE_PROGRAM_PACKAGES)[number];

/** Package → its programs that take part, all in /usr/bin. */
const PROGRAMS: Readonly<Record<NativePackage, readonly string[]>> = {
  coreutils: [
    ...["basename", "cat", "chgrp", "chmod", "chown", "comm", "cp", "cut", "date", "dirname"],
    ...["env", "expr", "head", "id", "install", "join", "ln", "ls", "md5sum", "mkdir", "mkfifo"],
    ...["mknod", "mktemp", "mv", "paste", "printf", "readlink", "realpath", "rm", "rmdir", "seq"],
    ...["sha256sum", "sleep", "sort", "stat", "sync", "tail", "tee", "test", "touch", "tr", "true"],
    ...["false", "uniq", "wc", "["],
  ],
  dash: ["dash"],
  findutils: ["find", "xargs"],
  grep: ["grep"],
  mawk: ["mawk"],
  "perl-base": ["perl"],
  sed: ["sed"],
};

/** The programs' mounts, and what removes the places that were made for them. */
export interface NativePrograms {
  readonly mounts: readonly Mount[];
  readonly cleanUp: () => void;
}

const NONE: NativePrograms = { mounts: [], cleanUp: () => undefined };

/**
 * The programs that may stand in for those at `root`, which the sandbox has at `target`; none when
 * the root has no place for this machine's libraries. `changing` are the packages to be installed.
 */
export function nativePrograms(
  root: string,
  target: string,
  changing: ReadonlySet<string>,
  ctx: ActionContext,
): NativePrograms {
  const shell = realpathSync(ctx.tools.require("sh"));
  const named = readElfHeader(readFileSync(shell).subarray(0, ELF_HEADER_BYTES))?.interpreter;
  if (named === undefined) return NONE;
  // /lib64 is a link to /usr/lib64 on both sides, or this machine's programs find no loader there.
  const loader = join("/usr", named);
  const { gnu } = platformSpellings(platformOf(ctx.tools.hostArch as Arch));
  const libraries = `/usr/lib/${gnu}`;
  const hasPlaces = ["/usr", "/usr/bin", "/usr/lib", dirname(loader)].every(
    (path) => lstatSync(join(root, path), { throwIfNoEntry: false })?.isDirectory() === true,
  );
  if (!hasPlaces || !existsSync(loader) || !existsSync(libraries)) return NONE;
  if (existsSync(join(root, loader)) || existsSync(join(root, libraries))) return NONE;

  const versions = installedVersions(root);
  const programs = NATIVE_PROGRAM_PACKAGES.filter((name) => {
    const here = ctx.tools.packageVersion(name);
    const there = versions.get(name);
    if (here === undefined || there === undefined || changing.has(name)) return false;
    return upstream(here) === upstream(there);
  }).flatMap((name) => PROGRAMS[name].map((program) => `/usr/bin/${program}`));
  const usable = programs.filter(
    (path) =>
      existsSync(path) && lstatSync(join(root, path), { throwIfNoEntry: false })?.isFile() === true,
  );
  if (usable.length === 0) return NONE;
  return {
    mounts: [loader, libraries, ...usable].map((path): Mount => {
      return { type: "ro", source: realpathSync(path), target: `${target}${path}` };
    }),
    cleanUp: () => {
      rmSync(join(root, loader), { force: true });
      // Not empty when a package put something there: then it is the package's.
      if (existsSync(join(root, libraries))) rmdirSync(join(root, libraries));
    },
  };
}

function installedVersions(root: string): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  const status = join(root, "var/lib/dpkg/status");
  if (!existsSync(status)) return versions;
  for (const paragraph of splitParagraphs(readFileSync(status, "utf8"))) {
    const fields = parseParagraph(paragraph);
    versions.set(fields.get("package") ?? "", fields.get("version") ?? "");
  }
  return versions;
}

/** A version without epoch and Debian's revision (deb-version(7)). */
function upstream(version: string): string {
  return version.replace(/^\d+:/, "").replace(/-[^-]*$/, "");
}
