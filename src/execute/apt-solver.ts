/**
 * Which packages a set of names needs, by the machine's apt in a sandbox without network.
 *
 * apt sees the package lists and the status of the root file system and nothing of this machine,
 * whose configuration, preferences and sources would change its choice. The lists were verified when
 * they were fetched and are bound by their digests since: they are trusted as they are.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../cache/index.js";
import { explanation, parseSimulation } from "../debian/apt-output.js";
import type { PackageId } from "../debian/deb-file.js";
import { NodeFailure } from "../model/failure.js";
import type { ActionContext } from "./context.js";
import { lastLines } from "./excerpt.js";
import { exitText, runSandboxed } from "./run-tool.js";
import { HOST_PROGRAMS } from "./sandbox.js";

export interface SolverRequest {
  /** Package lists; of equal versions that of an earlier one counts. */
  readonly lists: readonly Digest[];
  /** dpkg's status and apt's marks of the root file system; empty for an empty one. */
  readonly status: Uint8Array;
  readonly extendedStates: Uint8Array;
  /** Package names, `NAME=VERSION`, or apt's patterns. */
  readonly names: readonly string[];
  readonly recommends: boolean;
  /** Debian's word. */
  readonly architecture: string;
}

/** The packages to unpack, in apt's order. @throws NodeFailure `command` with apt's explanation */
export async function solve(request: SolverRequest, ctx: ActionContext): Promise<PackageId[]> {
  if (request.names.length === 0) return [];
  const work = ctx.temporaryDirectory();
  for (const name of ["empty", "lists/partial", "cache/archives/partial"])
    mkdirSync(join(work, name), { recursive: true });
  writeFileSync(join(work, "none"), "");
  writeFileSync(join(work, "status"), request.status);
  writeFileSync(join(work, "extended_states"), request.extendedStates);
  for (const [index, digest] of request.lists.entries()) {
    mkdirSync(join(work, String(index)));
    // apt tells what a file is by its name.
    ctx.store.copyTo(digest, join(work, String(index), "Packages"), 0o644);
  }
  writeFileSync(join(work, "apt.conf"), solverConfig(request));
  const result = await runSandboxed(
    ctx,
    {
      mounts: [...HOST_PROGRAMS, { type: "rw", source: work, target: "/work" }],
      cwd: "/work",
      env: { APT_CONFIG: "/work/apt.conf" },
      argv: ["/usr/bin/apt-get", "-q", "--simulate", "install", "--", ...request.names],
    },
    { what: "apt-get --simulate install" },
  );
  if (result.code !== 0) {
    throw new NodeFailure(
      {
        type: "command",
        what: `Choosing packages for ${ctx.address}`,
        exit: `apt-get said no (${exitText(result)})`,
        excerpt: lastLines(explanation(result.stdout, result.stderr), 20),
      },
      `Correct the package names, or name others: the index has what the archive has for ${request.architecture}`,
    );
  }
  return parseSimulation(result.stdout);
}

function solverConfig({ lists, recommends, architecture }: SolverRequest): string {
  return `Dir "/work";
Dir::State "/work";
Dir::State::lists "lists";
Dir::State::status "/work/status";
Dir::State::extended_states "/work/extended_states";
Dir::Cache "/work/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::main "/work/none";
Dir::Etc::parts "/work/empty";
Dir::Etc::sourcelist "/work/none";
Dir::Etc::sourceparts "/work/empty";
Dir::Etc::preferences "/work/none";
Dir::Etc::preferencesparts "/work/empty";
Dir::Bin::dpkg "/usr/bin/dpkg";
APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Install-Recommends "${String(recommends)}";
APT::Install-Suggests "false";
APT::Cmd::Pattern-Only "true";
APT::Get::Assume-Yes "true";
APT::Get::Remove "false";
APT::Solver "internal";
Debug::NoLocking "true";
APT::Sources::With { ${lists.map((_, index) => `"/work/${String(index)}/Packages";`).join(" ")} };
`;
}
