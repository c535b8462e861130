/**
 * Recognizes what package managers are told to do.
 * Manuals: apk(8), apt-get(8), dnf(8), yum(8); `clean-install` is the script of Kubernetes'
 * debian-base images.
 */
import type { ShellWord } from "./shell.js";

/** The managers whose installs a `rewrite` rule can name; `dnf` is yum and their like as well. */
export const PACKAGE_MANAGERS = ["apk", "apt", "dnf"] as const;
export type PackageManager = (typeof PACKAGE_MANAGERS)[number];

export interface PackageName {
  readonly name: string;
  /** The exact version, of `name=1.2`. */
  readonly version?: string;
}

export type PackageCommand =
  | {
      readonly type: "install";
      readonly manager: PackageManager;
      readonly names: readonly PackageName[];
      /** Whether recommended packages come along. */
      readonly recommends: boolean;
    }
  /** Changes nothing that an install node leaves: `apk update`, `apt-get clean`. */
  | { readonly type: "superfluous"; readonly manager: PackageManager }
  /** An install or removal that no rule can stand for; `why` says what it is. */
  | { readonly type: "unsupported"; readonly why: string; readonly help?: string };

/** Flags of `apk` that take the next word as their value. */
const APK_VALUES: ReadonlySet<string> = new Set([
  "-X",
  "--repository",
  "-t",
  "--virtual",
  "--keys-dir",
  "--repositories-file",
  "--cache-dir",
  "--cache-max-age",
  "--wait",
  "--progress-fd",
  "--arch",
]);
/** Flags that make a command one about another root file system. */
const OTHER_ROOT: ReadonlySet<string> = new Set(["-p", "--root", "--installroot"]);
const APT_VALUES: ReadonlySet<string> = new Set([
  "-o",
  "--option",
  "-c",
  "--config-file",
  "-t",
  "--target-release",
  "--default-release",
  "-a",
  "--host-architecture",
]);

/** Flags of dnf and yum that take the next word as their value. */
const DNF_VALUES: ReadonlySet<string> = new Set([
  "-c",
  "--config",
  "-d",
  "--debuglevel",
  "-e",
  "--errorlevel",
  "-R",
  "--randomwait",
  "-x",
  "--exclude",
  "--disablerepo",
  "--enablerepo",
  "--repo",
  "--repoid",
  "--releasever",
  "--setopt",
  "--installroot",
]);

/** Managers without rules, and the words that make them install something. */
const FOREIGN: ReadonlyMap<string, RegExp> = new Map([
  ...["zypper", "urpmi"].map((name): [string, RegExp] => [
    name,
    /^(install|in|reinstall|localinstall|groupinstall)$/,
  ]),
  ["aptitude", /^install$/],
  ["pacman", /^(-S|--sync)/],
  ["opkg", /^install$/],
  ["xbps-install", /./],
  ["emerge", /./],
  ["dpkg", /^(-i|--install|--unpack)$/],
  ["rpm", /^(-i|-U|-F|--install|--upgrade)/],
  ["pip", /^install$/],
  ["pip3", /^install$/],
  ["easy_install", /./],
  ["npm", /^(i|install|ci)$/],
  ["yarn", /^(add|install|global)$/],
  ["gem", /^install$/],
  ["conda", /^(install|create)$/],
  ["snap", /^install$/],
  ["brew", /^install$/],
  ["cpan", /./],
  ["cpanm", /./],
]);

/** Directories that only package managers write to, which no install node leaves anything in. */
const CACHES =
  /^\/var\/(cache\/(?:apk|dnf|yum)|lib\/apt\/lists|cache\/apt(\/archives)?)(\/(\*|partial(\/\*)?|\*\.deb|archives))?\/?$/;

/** What a command does about packages; undefined when it is none of a package manager. */
export function packageCommand(words: readonly ShellWord[]): PackageCommand | undefined {
  const start = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word.text));
  const [program, ...rest] = start === -1 ? [] : words.slice(start);
  if (program === undefined) return undefined;
  const name = program.text.replace(/^\/(usr\/)?s?bin\//, "");
  const args = rest.map((word) => word.text);
  const pattern = rest.find((word) => word.isPattern);
  switch (name) {
    case "sudo":
      return packageCommand(rest);
    case "apk":
      return apk(args);
    case "apt":
    case "apt-get":
      return apt(args, pattern?.text);
    case "dnf":
    case "yum":
    case "microdnf":
    case "tdnf":
      return dnf(name, args, pattern?.text);
    case "clean-install":
      return install("apt", args, false, pattern?.text);
    case "rm":
      return cleanUp(args);
    case "python":
    case "python2":
    case "python3":
      if (args[0] !== "-m" || args[1] !== "pip") return undefined;
      return foreign("pip", args.slice(2));
    default:
      return foreign(name, args);
  }
}

/** Whether a text that cannot be taken apart mentions an install, and of which manager. */
export function mentionedInstall(text: string): string | undefined {
  const found =
    /(?:^|[\s;&|("'`/])(apk\s+(?:-\S+\s+)*add|apt(?:-get)?\s+(?:-\S+\s+)*install|clean-install|(?:yum|dnf|microdnf|tdnf|zypper|pip3?|npm|gem|dpkg|rpm)\s+(?:-\S+\s+)*(?:install|-i|-U\w*))(?=$|[\s;&|)"'`])/.exec(
      text,
    );
  return found?.[1]?.replace(/\s+/g, " ");
}

function foreign(name: string, args: readonly string[]): PackageCommand | undefined {
  const verbs = FOREIGN.get(name);
  if (verbs === undefined || !args.some((word) => verbs.test(word))) return undefined;
  return { type: "unsupported", why: `"${name}" has no rule: kmips installs Debian packages` };
}

function apk(args: readonly string[]): PackageCommand | undefined {
  const { words, otherRoot } = withoutFlags(args, APK_VALUES);
  if (otherRoot) return { type: "unsupported", why: '"apk" for another root file system' };
  const [verb, ...names] = words;
  switch (verb) {
    case "add":
      return install("apk", names, false);
    case "update":
    case "upgrade":
    case "cache":
      return { type: "superfluous", manager: "apk" };
    case "del":
      return removal("apk del");
    default:
      return undefined;
  }
}

function apt(args: readonly string[], pattern: string | undefined): PackageCommand | undefined {
  const { words } = withoutFlags(args, APT_VALUES);
  const [verb, ...names] = words;
  switch (verb) {
    case "install":
    case "reinstall":
      return install(
        "apt",
        names,
        !args.includes("--no-install-recommends") && !offByOption(args),
        pattern,
      );
    case "update":
    case "upgrade":
    case "dist-upgrade":
    case "full-upgrade":
    case "clean":
    case "autoclean":
    case "autoremove":
      return { type: "superfluous", manager: "apt" };
    case "remove":
    case "purge":
      return removal(`apt-get ${verb}`);
    case "build-dep":
    case "source":
    case "download":
      return { type: "unsupported", why: `"apt-get ${verb}" has no rule` };
    default:
      return undefined;
  }
}

function dnf(
  program: string,
  args: readonly string[],
  pattern: string | undefined,
): PackageCommand | undefined {
  const { words, otherRoot } = withoutFlags(args, DNF_VALUES);
  if (otherRoot) return { type: "unsupported", why: `"${program}" for another root file system` };
  const [verb, ...names] = words;
  switch (verb) {
    case "install":
    case "reinstall":
    case "localinstall":
      // What Debian recommends is not what the other distribution's package is weakly bound to.
      return install("dnf", names, false, pattern);
    case "groupinstall":
    case "group":
    case "module":
      return { type: "unsupported", why: `"${program} ${verb}" has no rule: name the packages` };
    case "check-update":
    case "update":
    case "upgrade":
    case "distro-sync":
    case "autoremove":
    case "makecache":
    case "clean":
      return { type: "superfluous", manager: "dnf" };
    case "remove":
    case "erase":
      return removal(`${program} ${verb}`);
    default:
      return undefined;
  }
}

function offByOption(args: readonly string[]): boolean {
  return args.some((word) => /^(-o)?APT::Install-Recommends=(0|false|no)$/i.test(word));
}

function removal(what: string): PackageCommand {
  return {
    type: "unsupported",
    why: `"${what}": what a layer below holds would stay in the image`,
    help: `leave it out: drop = [re"^${what}"]`,
  };
}

function install(
  manager: PackageManager,
  words: readonly string[],
  recommends: boolean,
  pattern?: string,
): PackageCommand {
  if (pattern !== undefined)
    return { type: "unsupported", why: `"${pattern}" is a pattern and no package name` };
  const names: PackageName[] = [];
  for (const word of words) {
    const name = packageName(manager, word);
    if (typeof name === "string") return { type: "unsupported", why: name };
    if (name !== undefined && !names.some((known) => known.name === name.name)) names.push(name);
  }
  if (names.length === 0) return { type: "superfluous", manager };
  return { type: "install", manager, names, recommends };
}

/**
 * apk(8): name, [@tag], and one of = < > ~ with a version; apt-get(8): name[:arch][=version][/release];
 * dnf(8): name[-version][.arch], of which nothing tells where the name ends.
 */
const NAMES: Readonly<Record<PackageManager, RegExp>> = {
  apk: /^([A-Za-z0-9][\w.+-]*)(?:@\w+)?(?:([=<>~]=?)(\S+?))?(?:@\w+)?$/,
  apt: /^([a-z0-9][a-z0-9.+-]*?)(?::[a-z0-9-]+)?(?:(=)([^\s/]+))?(?:\/\S+)?$/,
  dnf: /^([A-Za-z0-9][\w.+-]*)$/,
};

/** A name with its version; text when it is no package of the distribution; undefined for nothing. */
function packageName(manager: PackageManager, word: string): PackageName | string | undefined {
  if (word === "") return undefined;
  // dnf(8): the absolute path of a file is a name for the package that has it.
  if (manager === "dnf" && word.startsWith("/") && !word.endsWith(".rpm")) return { name: word };
  if (word.includes("/") && manager !== "apt") return `"${word}" is a file and no package name`;
  if (/^(\.|\/)/.test(word) || /\.(deb|apk|rpm)$/.test(word))
    return `"${word}" is a file and no package name`;
  const found = NAMES[manager].exec(word);
  if (found === null) return `"${word}" is not a package name`;
  const [, name = "", operator, version] = found;
  if (manager === "apt" && name.endsWith("-")) return `"${word}" removes a package`;
  return { name, ...(operator === "=" && version !== undefined && { version }) };
}

/** `rm -rf` of caches alone. */
function cleanUp(args: readonly string[]): PackageCommand | undefined {
  const paths = args.filter((word) => !word.startsWith("-"));
  if (paths.length === 0 || !paths.every((path) => CACHES.test(path))) return undefined;
  const isOf = (name: RegExp): boolean => paths.every((path) => name.test(path));
  const manager = isOf(/\/apk/) ? "apk" : isOf(/\/(dnf|yum)/) ? "dnf" : "apt";
  return { type: "superfluous", manager };
}

function withoutFlags(
  args: readonly string[],
  withValues: ReadonlySet<string>,
): { readonly words: readonly string[]; readonly otherRoot: boolean } {
  const words: string[] = [];
  let otherRoot = false;
  for (let index = 0; index < args.length; index++) {
    const word = args[index] as string;
    const flag = word.replace(/=.*$/s, "");
    if (OTHER_ROOT.has(flag)) otherRoot = true;
    if (!word.startsWith("-")) words.push(word);
    else if (withValues.has(word)) index++;
  }
  return { words, otherRoot };
}
