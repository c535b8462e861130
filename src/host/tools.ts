/**
 * The programs of this machine that kmips relies on: where they are, which Debian package brings
 * each, and which version of that package is installed.
 *
 * Nothing is started to find out: PATH is searched, and dpkg's status file is read. What a tool
 * does, and whether a node needs it, is not known here.
 */
import { accessSync, constants, readFileSync, realpathSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ARCHES, platformSpellings, platformOf, type Platform } from "../model/platform.js";
import { ToolMissingError } from "./process.js";

export interface Tool {
  readonly name: string;
  /** Absolute path, symlinks not resolved. */
  readonly path: string;
  /** The Debian package that brings it, when one is known. */
  readonly package: string | undefined;
  /** Version of that package, when dpkg has it installed. */
  readonly version: string | undefined;
}

/** Tool → Debian package. The cross compilers and emulators come from the platform table. */
const PACKAGES: ReadonlyMap<string, string> = new Map([
  ["bwrap", "bubblewrap"],
  ["flock", "util-linux"],
  ["prlimit", "util-linux"],
  ["setpriv", "util-linux"],
  ["taskset", "util-linux"],
  ["unshare", "util-linux"],
  ["patch", "patch"],
  ["git", "git"],
  ["apt-config", "apt"],
  ["apt-get", "apt"],
  ["apt-helper", "apt"],
  ["dpkg", "dpkg"],
  ["mmdebstrap", "mmdebstrap"],
  ["newuidmap", "uidmap"],
  ["openssl", "openssl"],
  ["runc", "runc"],
  ["tar", "tar"],
  ["xz", "xz-utils"],
  ["gzip", "gzip"],
  ["bzip2", "bzip2"],
  ["zstd", "zstd"],
  ["cat", "coreutils"],
  ["chroot", "coreutils"],
  ["sh", "dash"],
  ["go", "golang-go"],
  ...ARCHES.map((arch): [string, string] => {
    const { gnu } = platformSpellings(platformOf(arch));
    return [`${gnu}-gcc`, `gcc-${gnu.replaceAll("_", "-")}`];
  }),
  ...ARCHES.map((arch): [string, string] => [
    platformSpellings(platformOf(arch)).qemu,
    "qemu-user-static",
  ]),
]);

/** Directories searched after PATH: a user's PATH often lacks the administrator's tools, and always apt's. */
const ALWAYS = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
  "/usr/lib/apt",
];

const NODE_ARCHES: Readonly<Record<string, string>> = { x64: "amd64", ppc64: "ppc64le" };

export interface ToolSearch {
  /** `PATH` of the user. */
  readonly path: string;
  /** The running Node: path of the program. */
  readonly node: string;
  /** Node's word for the machine's architecture (`os.arch()`). */
  readonly nodeArch: string;
  /** dpkg's database; absent on machines without dpkg. */
  readonly dpkgStatus?: string;
}

/** Finds tools on demand and remembers them. */
export class Tools {
  /** Path of the Node that runs kmips. */
  readonly node: string;
  /** Go's word for this machine's architecture. */
  readonly hostArch: string;
  readonly #directories: readonly string[];
  readonly #dpkgStatus: string;
  readonly #found = new Map<string, Tool | undefined>();
  #packages: ReadonlyMap<string, string> | undefined;

  constructor(search: ToolSearch) {
    this.node = search.node;
    this.hostArch = NODE_ARCHES[search.nodeArch] ?? search.nodeArch;
    this.#directories = [...search.path.split(delimiter), ...ALWAYS].filter((directory) =>
      directory.startsWith("/"),
    );
    this.#dpkgStatus = search.dpkgStatus ?? "/var/lib/dpkg/status";
  }

  /** The tool of that name, or undefined when it is not installed. */
  find(name: string): Tool | undefined {
    if (this.#found.has(name)) return this.#found.get(name);
    const path = this.#directories
      .map((directory) => join(directory, name))
      .find((candidate) => isProgram(candidate));
    const owner = PACKAGES.get(name);
    const tool =
      path === undefined
        ? undefined
        : {
            name,
            path,
            package: owner,
            version: owner === undefined ? undefined : this.packageVersion(owner),
          };
    this.#found.set(name, tool);
    return tool;
  }

  /**
   * The absolute path of the tool.
   * @throws ToolMissingError
   */
  require(name: string): string {
    const tool = this.find(name);
    if (tool === undefined) throw new ToolMissingError(name);
    return tool.path;
  }

  /** The command that installs what is missing, for people. */
  installHint(name: string): string {
    const owner = PACKAGES.get(name) ?? name;
    return `apt-get install ${owner}`;
  }

  /** Installed version of a Debian package, `1:2.3-4`, or undefined when it is not installed. */
  packageVersion(name: string): string | undefined {
    this.#packages ??= readDpkgStatus(this.#dpkgStatus);
    return this.#packages.get(name);
  }

  /**
   * What runs programs of `platform` here: undefined when this machine runs them itself.
   * @throws ToolMissingError when it needs an emulator that is not installed
   */
  emulatorFor(platform: Platform): { readonly name: string; readonly path: string } | undefined {
    if (platform.arch === this.hostArch) return undefined;
    const name = platformSpellings(platform).qemu;
    return { name, path: realpathSync(this.require(name)) };
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Package → version of every installed package; empty on machines without dpkg. */
function readDpkgStatus(path: string): ReadonlyMap<string, string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return new Map();
  }
  const versions = new Map<string, string>();
  for (const paragraph of text.split("\n\n")) {
    const name = /^Package: (\S+)$/m.exec(paragraph)?.[1];
    const version = /^Version: (\S+)$/m.exec(paragraph)?.[1];
    const installed = /^Status: \S+ \S+ installed$/m.test(paragraph);
    if (installed && name !== undefined && version !== undefined) versions.set(name, version);
  }
  return versions;
}
