/**
 * The command line of a sandbox, as pure data.
 *
 * Bubblewrap gives the command an empty root with nothing but the declared mounts, namespaces of
 * its own, no capabilities and an environment of exactly the declared names. This file decides the
 * arguments; it starts nothing and looks at no file. No value of a recipe ever becomes an option:
 * paths are absolute and the command stands after `--`.
 */
import { invariant } from "../model/invariant.js";
import type { Perturbation } from "./context.js";

export type Mount =
  | { readonly type: "ro" | "rw"; readonly source: string; readonly target: string }
  /** An empty directory in memory; `mode` is octal text. */
  | { readonly type: "tmpfs"; readonly target: string; readonly mode?: string }
  | { readonly type: "proc" | "dev"; readonly target: string }
  | { readonly type: "link"; readonly source: string; readonly target: string };

export interface SandboxSpec {
  /** In this order: later mounts may stand inside earlier ones. */
  readonly mounts: readonly Mount[];
  /** The command; its first word is an absolute path in the sandbox. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Added to the fixed environment. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Instead of the fixed environment and `env`: the command sees what bwrap is started with. For
   * network clients, whose variables may hold secrets that must not show in a command line.
   */
  readonly inheritEnvironment?: boolean;
  /** Only for steps whose result is verified against a digest. */
  readonly network?: boolean;
  /** Capabilities the command keeps, within its namespaces; none when absent. */
  readonly capabilities?: readonly string[];
  /**
   * Keep the user ids of this machine instead of a user namespace: for programs that must see the
   * owners of an image's files, when kmips itself runs as root.
   */
  readonly realUsers?: boolean;
  readonly uid?: number;
  readonly gid?: number;
  readonly perturbation?: Perturbation;
}

/** Absolute paths of the programs that make up the sandbox. */
export interface SandboxTools {
  readonly bwrap: string;
  readonly prlimit: string;
  readonly sh: string;
  readonly taskset: string;
}

/** The environment of every sandboxed command, before the node's own additions. */
export const FIXED_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  HOME: "/homeless",
  TMPDIR: "/tmp",
  LANG: "C.UTF-8",
  LC_ALL: "C.UTF-8",
  TZ: "UTC",
  SOURCE_DATE_EPOCH: "0",
};

/** Sets the umask and becomes the command. Constant: values only arrive as positional arguments. */
const UMASK_SCRIPT = 'umask "$0"; exec "$@"';
const DEFAULT_UMASK = "022";

/** The host's programs, without its configuration or data. */
export const HOST_PROGRAMS: readonly Mount[] = [
  { type: "ro", source: "/usr", target: "/usr" },
  { type: "link", source: "usr/bin", target: "/bin" },
  { type: "link", source: "usr/sbin", target: "/sbin" },
  { type: "link", source: "usr/lib", target: "/lib" },
  { type: "link", source: "usr/lib64", target: "/lib64" },
];

/** The whole argv that runs `spec.argv` in its sandbox. */
export function sandboxArgv(spec: SandboxSpec, tools: SandboxTools): string[] {
  const { perturbation } = spec;
  const program = spec.argv[0];
  invariant(program?.startsWith("/") === true, `Not an absolute program: "${String(program)}"`);
  invariant(spec.cwd.startsWith("/"), `Not an absolute directory: "${spec.cwd}"`);
  const uid = spec.uid ?? perturbation?.uid;
  const gid = spec.gid ?? perturbation?.uid;
  return [
    tools.sh,
    "-c",
    UMASK_SCRIPT,
    perturbation === undefined ? DEFAULT_UMASK : `0${perturbation.umask.toString(8)}`,
    ...(perturbation?.processors === undefined
      ? []
      : [tools.taskset, "--cpu-list", perturbation.processors.join(",")]),
    tools.prlimit,
    "--core=0",
    "--nofile=4096",
    "--",
    tools.bwrap,
    ...(spec.realUsers === true
      ? ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
      : ["--unshare-all", ...(spec.network === true ? ["--share-net"] : [])]),
    "--die-with-parent",
    "--new-session",
    "--hostname",
    "kmips",
    "--cap-drop",
    "ALL",
    ...(spec.capabilities ?? []).flatMap((name) => ["--cap-add", name]),
    ...(uid === undefined ? [] : ["--uid", String(uid)]),
    ...(gid === undefined ? [] : ["--gid", String(gid)]),
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--perms",
    "1777",
    "--tmpfs",
    "/tmp",
    ...spec.mounts.flatMap(mountArguments),
    "--chdir",
    spec.cwd,
    ...environmentArguments(spec),
    "--",
    ...spec.argv,
  ];
}

function environmentArguments(spec: SandboxSpec): string[] {
  if (spec.inheritEnvironment === true) return [];
  const entries = Object.entries(sandboxEnvironment(spec));
  return ["--clearenv", ...entries.flatMap(([name, value]) => ["--setenv", name, value])];
}

/** The environment that the sandboxed command sees, names sorted by code unit. */
export function sandboxEnvironment(spec: SandboxSpec): Record<string, string> {
  const { perturbation } = spec;
  const all: Record<string, string> = {
    ...FIXED_ENVIRONMENT,
    ...(perturbation === undefined
      ? {}
      : { TZ: perturbation.timezone, LANG: perturbation.locale, LC_ALL: perturbation.locale }),
    ...spec.env,
    ...(perturbation?.processors === undefined
      ? {}
      : { GOMAXPROCS: String(perturbation.processors.length) }),
  };
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function mountArguments(mount: Mount): string[] {
  invariant(mount.target.startsWith("/"), `Not an absolute mount point: "${mount.target}"`);
  switch (mount.type) {
    case "ro":
    case "rw":
      invariant(mount.source.startsWith("/"), `Not an absolute mount source: "${mount.source}"`);
      return [mount.type === "ro" ? "--ro-bind" : "--bind", mount.source, mount.target];
    case "link":
      return ["--symlink", mount.source, mount.target];
    case "tmpfs":
      return [
        ...(mount.mode === undefined ? [] : ["--perms", mount.mode]),
        "--tmpfs",
        mount.target,
      ];
    case "proc":
      return ["--proc", mount.target];
    case "dev":
      return ["--dev", mount.target];
  }
}
