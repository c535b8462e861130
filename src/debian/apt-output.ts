/** What apt-get prints, for programs to read. Formats of apt 2.6; messages in English (`LC_ALL=C.UTF-8`). */
import type { PackageId } from "./deb-file.js";

/**
 * The packages that `apt-get --simulate install` would unpack, in its order:
 *
 *     Inst libc6 [2.36-9] (2.36-9+deb12u14 Debian:12.15/oldstable [mips64el]) []
 */
export function parseSimulation(stdout: string): PackageId[] {
  const packages: PackageId[] = [];
  for (const line of stdout.split("\n")) {
    const match = /^Inst ([^\s:]+)(?::\S+)? (?:\[\S+\] )?\((\S+) .*?\[([a-z0-9-]+)\]\)/.exec(line);
    if (match === null) continue;
    const [, name = "", version = "", architecture = ""] = match;
    packages.push({ name, version, architecture });
  }
  return packages;
}

/** A file that apt could not fetch. */
export interface FetchFault {
  /** As apt prints it: some characters are escaped. */
  readonly uri: string;
  /** `404  Not Found [IP: …]`, `Hash Sum mismatch`, `Could not connect to …`. */
  readonly said: string;
  /** SHA-256 (64 hex digits) of what came instead, when its digest was the fault. */
  readonly received?: string;
}

/** The files that an apt client gave up, from its error output. */
export function parseFetchFaults(stderr: string): FetchFault[] {
  // A fault's explanation is indented below it.
  return [...stderr.matchAll(/^[EW]: Failed to fetch (\S+) +(.+)((?:\n\s+.*)*)/gm)].map(
    ([, uri = "", said = "", more = ""]) => {
      const received = /received file:\n\s*- SHA256:([0-9a-f]{64})/.exec(more)?.[1];
      return { uri, said: said.trim(), ...(received === undefined ? {} : { received }) };
    },
  );
}

/** apt's errors and their explanation, without progress and advice on its own use. */
export function explanation(stdout: string, stderr: string): string {
  const unmet = stdout.indexOf("The following packages have unmet dependencies:");
  const removed = /^The following packages will be REMOVED:\n(?: .*\n)+/m.exec(stdout)?.[0] ?? "";
  const errors = stderr.split("\n").filter((line) => /^(?:E: | )/.test(line));
  return [removed, unmet === -1 ? "" : stdout.slice(unmet), errors.join("\n")]
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("\n");
}
