/**
 * apt as a network client: what an archive signs and lists, and single files by their digests.
 *
 * apt runs with the machine's own settings, so that proxies, credentials and certificates count,
 * but for what would change its answer: its lists, state and keys are private, hooks and further
 * index files are off, unsigned archives are refused whatever the machine says. apt and gpgv judge
 * the signature.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hexOf, type Digest } from "../../cache/index.js";
import { parseFetchFaults, type FetchFault } from "../debian/apt-output.js";
import {
  archiveFor,
  parseSourcesFile,
  parseSourcesList,
  type AptSource,
} from "../debian/sources-list.js";
import { NodeFailure } from "../model/failure.js";
import type { ProcessResult } from "../model/ports.js";
import type { ActionContext } from "./context.js";
import { lastLines } from "./excerpt.js";
import { commandFailure, runClient } from "./run-tool.js";
import { StallWatch } from "./stall-watch.js";

/** Names an archive for all suites, before the machine's own lists. */
export const MIRROR_VARIABLE = "KMIPS_DEBIAN_MIRROR";
/** Brought by the Debian package of the same name. */
const ARCHIVE_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** English messages: they are read by this program. */
const ENVIRONMENT = { LC_ALL: "C.UTF-8", LANGUAGE: "" };
/** A mirror that gives no byte for this long is tried again, and then given up. */
const STALL_SECONDS = 15;
const RETRIES = 2;
const STALLED = "the mirror accepts connections and does not answer";

/** One suite of an archive. */
export interface SuiteRequest {
  readonly mirror: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** Debian's word. */
  readonly architecture: string;
  /** Bytes of the keyring, armored or not. */
  readonly keyring: Buffer;
}

/** What apt fetched and verified: paths of files in a temporary directory. */
export interface FetchedSuite {
  readonly release: string;
  /** By component; a component without a list for the architecture is absent. */
  readonly packages: ReadonlyMap<string, string>;
}

export interface FileRequest {
  readonly url: string;
  readonly digest: Digest;
  /** Where the file goes. */
  readonly path: string;
}

/** Finds the address of the archive that has a suite, without a slash at its end. */
export type MirrorFinder = (suite: string) => string;

/** What KMIPS_DEBIAN_MIRROR or else the machine's apt sources say. @throws NodeFailure `network` by the finder */
export async function findMirrors(ctx: ActionContext): Promise<MirrorFinder> {
  const named = ctx.environment[MIRROR_VARIABLE];
  const sources = named === undefined || named === "" ? await machineSources(ctx) : [];
  return (suite) => {
    const address = named === undefined || named === "" ? archiveFor(suite, sources) : named;
    if (address !== undefined) return address.replace(/\/+$/, "");
    throw new NodeFailure(
      {
        type: "network",
        what: `Debian suite "${suite}"`,
        excerpt: "no source of this machine's apt is a Debian archive with it",
      },
      `Name an archive that has it: ${MIRROR_VARIABLE}=URL, or add it to apt's sources`,
    );
  };
}

async function machineSources(ctx: ActionContext): Promise<AptSource[]> {
  const what = "reading apt's configuration";
  const result = await runClient(
    ctx,
    {
      argv: [
        "apt-config",
        "shell",
        "LIST",
        "Dir::Etc::sourcelist/f",
        "PARTS",
        "Dir::Etc::sourceparts/d",
      ],
      env: ENVIRONMENT,
    },
    { what, quiet: true },
  );
  if (result.code !== 0) throw commandFailure(what, result);
  const [list = "", parts = ""] = ["LIST", "PARTS"].map(
    (name) => new RegExp(`^${name}='(.*)'$`, "m").exec(result.stdout)?.[1] ?? "",
  );
  const further = existsSync(parts)
    ? readdirSync(parts)
        .filter((name) => /^[\w.-]+\.(?:list|sources)$/.test(name))
        .sort()
        .map((name) => join(parts, name))
    : [];
  return [list, ...further].flatMap((path) => {
    if (!existsSync(path)) return [];
    const text = readFileSync(path, "utf8");
    return path.endsWith(".sources") ? parseSourcesFile(text) : parseSourcesList(text);
  });
}

/** The keyring that an archive is judged by: the recipe's, else the machine's. @throws NodeFailure */
export function readKeyring(path: string | undefined): Buffer {
  const file = path ?? ARCHIVE_KEYRING;
  if (existsSync(file)) return readFileSync(file);
  if (path !== undefined) {
    throw new NodeFailure({ type: "missing-input", what: "keyring", path, candidates: [] });
  }
  throw new NodeFailure({
    type: "tool",
    tool: "debian-archive-keyring",
    why: "the signatures of Debian's archive are checked with it",
    install: "apt-get install debian-archive-keyring",
  });
}

/**
 * Fetches a suite's InRelease and its package lists, verified.
 * @throws NodeFailure `command` for a signature that does not hold, else `network`
 */
export async function fetchSuite(request: SuiteRequest, ctx: ActionContext): Promise<FetchedSuite> {
  const { mirror, suite, components, architecture } = request;
  const directory = ctx.temporaryDirectory();
  writeClientConfig(directory, request);
  const result = await runApt(
    ["apt-get", "-q", `--config-file=${join(directory, "apt.conf")}`, "update"],
    `apt-get update of ${suite}`,
    ctx,
  );
  if (result === "stalled") throw suiteFailure(mirror, suite, STALLED);
  const lists = join(directory, "state/lists");
  const find = (end: string): string | undefined => {
    const name = readdirSync(lists).find((file) => file.endsWith(end));
    return name === undefined ? undefined : join(lists, name);
  };
  const release = find("_InRelease");
  if (result.code !== 0 || release === undefined)
    throw suiteFailure(mirror, suite, faultLines(result));
  const packages = components.flatMap((component): [string, string][] => {
    const path = find(`_${component}_binary-${architecture}_Packages`);
    return path === undefined ? [] : [[component, path]];
  });
  return { release, packages: new Map(packages) };
}

function suiteFailure(mirror: string, suite: string, said: string): NodeFailure {
  if (
    /is not signed|GPG error|NO_PUBKEY|BADSIG|verification failed|repository is insecure/i.test(
      said,
    ) &&
    !/does not have a Release file/.test(said)
  ) {
    return new NodeFailure(
      {
        type: "command",
        what: `Verifying the signature of "${suite}" at ${mirror}`,
        exit: "refused",
        excerpt: said,
      },
      'Name the keyring of the archive\'s own keys (keyring = "…"), or another archive; a mirror that changes what it serves cannot be used',
    );
  }
  return new NodeFailure(
    { type: "network", what: `Suite "${suite}" of ${mirror}`, excerpt: said },
    /does not have a Release file/.test(said)
      ? `Correct the suite's name, or name an archive that has it: ${MIRROR_VARIABLE}=URL`
      : `Try again later, or name another mirror: ${MIRROR_VARIABLE}=URL`,
  );
}

/** What became of a download: what was wrong with single files, and all that apt said. */
export interface Download {
  readonly faults: readonly FetchFault[];
  /** Empty when every file came. */
  readonly said: string;
}

/** Fetches files, each to its path if its digest is right. A mirror that stops answering is given up. */
export async function downloadFiles(
  files: readonly FileRequest[],
  ctx: ActionContext,
): Promise<Download> {
  const directory = ctx.temporaryDirectory();
  writeClientConfig(directory);
  const argv = [
    "apt-helper",
    "-q",
    `--config-file=${join(directory, "apt.conf")}`,
    "download-file",
    ...files.flatMap(({ url, path, digest }) => [url, path, `SHA256:${hexOf(digest)}`]),
  ];
  const result = await runApt(argv, "apt-helper download-file", ctx);
  if (result === "stalled") return { faults: [], said: STALLED };
  if (result.code === 0) return { faults: [], said: "" };
  return { faults: parseFetchFaults(result.stderr), said: faultLines(result) };
}

/** Runs an apt client until its end or until its mirror counts as dead. */
async function runApt(
  argv: readonly string[],
  what: string,
  ctx: ActionContext,
): Promise<ProcessResult | "stalled"> {
  const stalled = new AbortController();
  const watch = new StallWatch(
    () => stalled.abort(),
    () => performance.now(),
  );
  const watched: ActionContext = {
    ...ctx,
    signal: AbortSignal.any([ctx.signal, stalled.signal]),
    log: (chunk) => {
      watch.read(chunk);
      ctx.log(chunk);
    },
  };
  try {
    return await runClient(watched, { argv, env: ENVIRONMENT }, { what });
  } catch (error) {
    if (stalled.signal.aborted && !ctx.signal.aborted) return "stalled";
    throw error;
  }
}

/** The lines of an apt client's output that say what is wrong. */
function faultLines(result: ProcessResult): string {
  const lines = result.stderr.split("\n").filter((line) => /^(?:[EW]: |\s+\S)/.test(line));
  return lastLines(lines.join("\n"), 20);
}

/**
 * Writes the configuration that is read after the machine's, and the directories that it names.
 * Without a request, for single files.
 */
function writeClientConfig(directory: string, request?: SuiteRequest): void {
  for (const name of ["state/lists/partial", "cache/archives/partial", "trusted", "empty"]) {
    mkdirSync(join(directory, name), { recursive: true });
  }
  writeFileSync(join(directory, "status"), "");
  writeFileSync(join(directory, "preferences"), "");
  if (request !== undefined) {
    const { mirror, suite, components, architecture, keyring } = request;
    const armored = keyring.subarray(0, 5).toString("latin1") === "-----";
    writeFileSync(join(directory, "trusted", armored ? "archive.asc" : "archive.gpg"), keyring);
    writeFileSync(
      join(directory, "sources.list"),
      `deb [arch=${architecture}] ${mirror} ${suite} ${components.join(" ")}\n`,
    );
  }
  const config = `#clear APT::Architectures;
#clear APT::Update;
#clear Acquire::IndexTargets;
Dir::State "${directory}/state";
Dir::State::lists "lists";
Dir::State::status "${directory}/status";
Dir::Cache "${directory}/cache";
Dir::Etc::sourcelist "${directory}/sources.list";
Dir::Etc::sourceparts "${directory}/empty";
Dir::Etc::preferences "${directory}/preferences";
Dir::Etc::preferencesparts "${directory}/empty";
Dir::Etc::trusted "${directory}/no-keyring";
Dir::Etc::trustedparts "${directory}/trusted";
${request === undefined ? "" : `APT::Architecture "${request.architecture}";\nAPT::Architectures { "${request.architecture}"; };`}
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::GzipIndexes "false";
Acquire::Languages "none";
Acquire::PDiffs "false";
Acquire::Retries "${String(RETRIES)}";
Acquire::http::Timeout "${String(STALL_SECONDS)}";
Acquire::https::Timeout "${String(STALL_SECONDS)}";
Acquire::IndexTargets {
  deb::Packages {
    MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages";
    flatMetaKey "Packages";
    ShortDescription "Packages";
    Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages";
    flatDescription "$(RELEASE) Packages";
    Optional "false";
  };
};
`;
  writeFileSync(join(directory, "apt.conf"), config);
}
