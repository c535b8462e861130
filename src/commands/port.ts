/**
 * `kmips port`: what a project lacks for another target, as far as it can be known without building.
 *
 * Everything found is a finding, also what can only be found out by running the programs: a port that
 * compiles has said nothing of these.
 */
import { parse } from "../../grammar/index.js";
import { crossPackages, platformMentions, type PlatformMention } from "../analyze/index.js";
import type { RunnerOptions } from "../execute/index.js";
import { platformName, platformSpellings, type Platform } from "../model/platform.js";
import { diagnose, needsOf, type DiagnoseOptions } from "./doctor.js";
import { archiveFindings } from "./port-archive.js";
import type { PortFinding } from "./port-finding.js";
import { goModuleFindings, goToolchainFindings } from "./port-go.js";
import { checkScaffold, scaffoldOf, writeScaffold } from "./port-scaffold.js";
import type { Workspace } from "./workspace.js";

export interface PortReport {
  readonly platform: Platform;
  /** The targets that the project names. */
  readonly targets: readonly string[];
  readonly findings: readonly PortFinding[];
  readonly scaffold: {
    readonly path: string;
    /** `kept`: it was there already, and was left as it is. */
    readonly state: "not written" | "written" | "kept";
    /** Whether `kmips check` of it finds no fault. */
    readonly passes: boolean;
  };
}

export interface PortRequest {
  readonly platform: Platform;
  readonly write: boolean;
  readonly runner: RunnerOptions;
  readonly machine: DiagnoseOptions;
}

/** Looks at everything that another target needs; with `write`, scaffolds the project of the port. */
export async function port(workspace: Workspace, request: PortRequest): Promise<PortReport> {
  const { platform, write, runner } = request;
  const scaffold = scaffoldOf(workspace, platform);
  const written = write ? writeScaffold(scaffold) : undefined;
  const { graph: ported, diagnostics } = checkScaffold(workspace.environment, scaffold);
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const findings = [
    ...goToolchainFindings(workspace, platform),
    ...(await machineFindings(workspace, request)),
    ...(await archiveFindings(workspace, platform, runner)),
    ...goModuleFindings(workspace, ported, platform),
    ...mentionsIn(workspace).map((mention) => mentionFinding(mention, platform)),
    ...errors.map(({ code, message, help, at }): PortFinding => ({
      topic: "recipe",
      state: "missing",
      what: code,
      detail: message,
      ...(help !== undefined && { help }),
      at,
    })),
    ...UNKNOWABLE.map(([what, detail, help]): PortFinding => ({
      topic: "cannot be known",
      state: "unknown",
      what,
      detail,
      help,
    })),
  ];
  return {
    platform,
    targets: targetsOf(workspace),
    findings,
    scaffold: {
      path: scaffold.path,
      state: written === undefined ? "not written" : written ? "written" : "kept",
      passes: errors.length === 0,
    },
  };
}

/** What no list, source or compiler says. */
const UNKNOWABLE: readonly (readonly [what: string, detail: string, help: string])[] = [
  [
    "unaligned access",
    "code that reads words at odd addresses compiles everywhere and dies on first use where the processor refuses",
    "give every program a test that makes it do its work; --version is not enough",
  ],
  [
    "page size",
    "kernels of the architecture may have pages of 4, 16 or 64 KiB, the emulator has one size",
    "look for code that maps files or memory by 4096",
  ],
  [
    "floating point",
    "the ABI of hardware that has no floating-point unit, or another one, is not the one built for",
    "ask on the machine: its packages must have the same ABI",
  ],
  [
    "the emulator",
    "QEMU refuses system calls that a kernel has, and forgives what hardware does not",
    "run the images on a machine once",
  ],
  [
    "upstream",
    "whether upstream tests the architecture, and takes patches for it",
    "read its issues; a program may refuse to start on what it does not test",
  ],
];

function targetsOf({ graph }: Workspace): string[] {
  const names = [...graph.nodes.values()].flatMap(({ definition }) =>
    definition.kind === "image" ? [platformName(definition.platform)] : [],
  );
  return [...new Set(names)];
}

/** What this machine lacks, as `kmips doctor` looks at it. */
async function machineFindings(
  { graph, tools, environment }: Workspace,
  { platform, machine }: PortRequest,
): Promise<PortFinding[]> {
  const needs = needsOf(graph, tools.hostArch);
  const foreign = platform.arch === tools.hostArch ? [] : [platform];
  const checks = await diagnose(
    {
      ...needs,
      compilers: needs.compilers.length === 0 ? [] : [crossPackages(platform)],
      emulated: needs.emulated.length === 0 ? [] : foreign,
      started: needs.started.length === 0 ? [] : foreign,
    },
    machine,
  );
  // Only what the target changes; the rest is doctor's.
  const words = [platformName(platform), platformSpellings(platform).gnu];
  const findings: PortFinding[] = [];
  for (const { name, ok, detail, fix, package: missing } of checks) {
    if (!words.some((word) => name.includes(word))) continue;
    const served = ok || missing === undefined || (await isServed(missing.split(" "), environment));
    findings.push({
      topic: "machine",
      state: ok ? "ok" : "missing",
      what: name,
      detail: served ? detail : `${detail}; no package source of this machine has it`,
      ...(!ok && served && fix !== undefined && { help: fix }),
    });
  }
  return findings;
}

/** Whether apt knows a version of every package; a machine without apt is not asked. */
async function isServed(
  packages: readonly string[],
  { processes, variables }: Workspace["environment"],
): Promise<boolean> {
  const result = await processes.run({
    argv: ["apt-cache", "policy", "--", ...packages],
    env: { ...variables, LC_ALL: "C" },
  });
  const candidates = result.stdout.match(/^ {2}Candidate: (?!\(none\)).+$/gm) ?? [];
  return result.code !== 0 || candidates.length === packages.length;
}

function mentionsIn({ graph, environment }: Workspace): PlatformMention[] {
  return graph.recipes.flatMap((path) => {
    const name = path.startsWith(`${environment.root}/`)
      ? path.slice(environment.root.length + 1)
      : path;
    const text = environment.reader.readText(path) ?? "";
    return platformMentions(parse({ name, text }).recipe);
  });
}

/** A condition that names other architectures and not this one decides for it all the same. */
function mentionFinding(
  { kind, what, text, arches, at }: PlatformMention,
  { arch }: Platform,
): PortFinding {
  const named = arches.includes(arch);
  const isOpen = arches.length > 0 && !named;
  return {
    topic: kind,
    state: isOpen ? "look" : "ok",
    what,
    detail: text,
    ...(isOpen && {
      help:
        kind === "patch"
          ? `made for ${arches.join(", ")}: is it needed, harmless or wrong on ${arch}?`
          : `decided for ${arches.join(", ")}: is it right for ${arch}?`,
    }),
    at,
  };
}
