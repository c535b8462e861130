/**
 * What a change of a root file system must not carry into an image: traces of when, where and in
 * which order packages were installed. One list of rules, so that the same packages give the same
 * layer whoever installs them. Pure; `src/image/root-changes.ts` applies it.
 *
 * A rule only ever treats what changed: a file that the base has, and that stayed as it is there,
 * is nobody's trace.
 */

/** Grows with every change of the rules. Part of the key of every node whose layer they decide. */
export const NORMALIZATION_VERSION = 2;

/**
 * What made the change. `base`: a root file system made from nothing; `install`: packages put
 * into one; `run`: a command of the user's, whose own files are none of the rules' business.
 */
export type ChangeOrigin = "base" | "install" | "run";

/**
 * What becomes of a changed entry. `leave-out`: the image keeps what the base has, or has nothing.
 * `empty`: a regular file loses its content. A function gives the text that takes its place.
 */
export type Treatment = "leave-out" | "empty" | ((text: string) => string);

export interface NormalizationRule {
  /** Matched against the path relative to the root, e.g. `etc/machine-id`. */
  readonly path: RegExp;
  readonly treatment: Treatment;
  readonly origins: readonly ChangeOrigin[];
  /** Whether directories fall under it too; otherwise they stay, with what it leaves in them. */
  readonly directories: boolean;
  readonly why: string;
}

const ALL: readonly ChangeOrigin[] = ["base", "install", "run"];
const PACKAGES: readonly ChangeOrigin[] = ["base", "install"];

/** The first rule that matches decides. */
export const NORMALIZATION_RULES: readonly NormalizationRule[] = [
  {
    path: /^(?:dev|proc|sys)\/./,
    treatment: "leave-out",
    origins: ALL,
    directories: true,
    why: "The kernel and the container runtime fill them",
  },
  {
    path: /^(?:run|tmp|var\/tmp)\/./,
    treatment: "leave-out",
    origins: PACKAGES,
    directories: true,
    why: "State of the installation itself; no package keeps anything there",
  },
  {
    path: /^(?:etc\/machine-id|var\/lib\/dbus\/machine-id)$/,
    treatment: "empty",
    origins: ALL,
    directories: false,
    why: "A random number; empty, machine-id(5) has every container make its own",
  },
  {
    path: /^etc\/nvme\/host(?:id|nqn)$/,
    treatment: "leave-out",
    origins: ALL,
    directories: false,
    why: "Random numbers that nvme-cli gives the machine on which it is configured",
  },
  {
    path: /^etc\/(?:resolv\.conf|hostname)$/,
    treatment: "leave-out",
    origins: ALL,
    directories: false,
    why: "The building machine's; a container runtime brings the container's",
  },
  {
    path: /^etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$/,
    treatment: "leave-out",
    origins: ALL,
    directories: false,
    why: "Backups: they tell in which order accounts came",
  },
  {
    path: /^etc\/\.pwd\.lock$/,
    treatment: "leave-out",
    origins: ALL,
    directories: false,
    why: "A lock",
  },
  {
    path: /^etc\/shadow$/,
    treatment: withoutDates,
    origins: ALL,
    directories: false,
    why: "The day on which a password was last set is the day of the build",
  },
  {
    path: /^etc\/ld\.so\.cache$/,
    treatment: "leave-out",
    origins: ["base"],
    directories: false,
    why: "Only the target's own ldconfig writes it right, and a base is made without it; the loader finds the standard directories by itself",
  },
  {
    path: /^etc\/apt\/sources\.list$/,
    treatment: "leave-out",
    origins: ["base"],
    directories: false,
    why: "It names the directory that the base's packages came from",
  },
  {
    path: /^var\/log\/(?:apt\/.+|(?:dpkg|bootstrap|alternatives|fontconfig)\.log)$/,
    treatment: "leave-out",
    origins: ALL,
    directories: false,
    why: "Logs of the installation, with times",
  },
  {
    path: /^var\/log\/./,
    treatment: "empty",
    origins: PACKAGES,
    directories: false,
    why: "Other logs stay with owner and mode, for services that may not create their own",
  },
  {
    path: /^var\/lib\/apt\/lists\/./,
    treatment: "leave-out",
    origins: ALL,
    directories: false,
    why: "Package lists: old the next day",
  },
  {
    path: /^var\/cache\/apt\/./,
    treatment: "leave-out",
    origins: ALL,
    directories: false,
    why: "Package files, and caches with times of files",
  },
  {
    path: /^var\/(?:cache\/(?:ldconfig|fontconfig|man)\/.|cache\/debconf\/.*-old$)/,
    treatment: "leave-out",
    origins: ALL,
    directories: false,
    why: "Caches with times and inode numbers of files; backups",
  },
  {
    path: /^var\/lib\/dpkg\/(?:[^/]*-old|lock|lock-frontend|triggers\/Lock)$/,
    treatment: "leave-out",
    origins: ALL,
    directories: false,
    why: "Backups and locks of dpkg",
  },
  {
    path: /^var\/lib\/ucf\/[^/]*\.\d+$/,
    treatment: "leave-out",
    origins: ALL,
    directories: false,
    why: "Backups of ucf",
  },
  {
    path: /^var\/lib\/systemd\/(?:random-seed|catalog\/database)$/,
    treatment: "leave-out",
    origins: ALL,
    directories: false,
    why: "A random number; a cache with times",
  },
  {
    path: /(?:^|\/)__pycache__(?:\/.*)?$/,
    treatment: "leave-out",
    origins: PACKAGES,
    directories: true,
    why: "Python's caches hold times of files; Python works without",
  },
];

/** What becomes of a changed entry at `path`; undefined: it stays as it is. */
export function treatmentOf(
  path: string,
  isDirectory: boolean,
  origin: ChangeOrigin,
): Treatment | undefined {
  return NORMALIZATION_RULES.find(
    (rule) =>
      (rule.directories || !isDirectory) && rule.origins.includes(origin) && rule.path.test(path),
  )?.treatment;
}

/** The third field of shadow(5), days since 1970, made empty: the password does not age. */
function withoutDates(text: string): string {
  return text.replace(/^([^:\n]*:[^:\n]*):\d+:/gm, "$1::");
}
