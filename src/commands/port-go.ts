/** What of a project's Go programs may not compile for another platform, from what is in the store. */
import { posix } from "node:path";
import type { ActionRecord } from "../../cache/index.js";
import { compareVersions } from "../analyze/index.js";
import { portRisks, type GoPlatform, type PortRisk } from "../golang/index.js";
import type { BuildGraph } from "../model/graph.js";
import type { Address, GoComponent, GraphNode, ModulesDefinition } from "../model/node.js";
import { goSince, type Platform } from "../model/platform.js";
import { shellWord } from "../model/shell-word.js";
import { cachedRecord, planBuild } from "../plan/plan.js";
import type { PortFinding } from "./port-finding.js";
import { StoredPackages } from "./stored-packages.js";
import { recordOf, type Workspace } from "./workspace.js";

/** Go toolchains that have no port to the platform. */
export function goToolchainFindings({ graph }: Workspace, { arch }: Platform): PortFinding[] {
  return [...graph.nodes.values()].flatMap(({ address, definition, at }): PortFinding[] => {
    if (definition.kind !== "toolchain" || definition.type !== "go") return [];
    const version = definition.version.replace(/^go/, "v");
    const has = compareVersions(version, `v${goSince(arch)}`) >= 0;
    return [
      {
        topic: "toolchain",
        state: has ? "ok" : "missing",
        what: address,
        detail: `${definition.version}; ${arch} is in Go since ${goSince(arch)}`,
        ...(!has && { help: `use Go ${goSince(arch)} or later` }),
        at,
      },
    ];
  });
}

/**
 * Looks at the packages of every Go component whose modules were chosen before: for the new target where
 * the recipes check for it (`ported`) and its modules were chosen, else as chosen for the present one.
 */
export function goModuleFindings(
  workspace: Workspace,
  ported: BuildGraph | undefined,
  platform: Platform,
): PortFinding[] {
  const present = resultsOf(workspace, workspace.graph);
  const next = ported === undefined ? undefined : resultsOf(workspace, ported);
  return [...workspace.graph.nodes.values()].flatMap((node) => {
    const { definition } = node;
    // A component for this machine alone, such as the builder's, is not ported.
    if (definition.kind !== "component" || definition.type !== "go") return [];
    if (definition.platform.arch === platform.arch || node.optional === true) return [];
    const twin = ported?.nodes.get(node.address)?.definition;
    const isChosen =
      twin?.kind === "component" && twin.type === "go" && next?.(twin.modules) !== undefined;
    const [by, result] = isChosen && next !== undefined ? [twin, next] : [definition, present];
    return componentFindings({ ...node, definition: by }, result, definition.platform, platform, {
      ...workspace,
      graph: isChosen && ported !== undefined ? ported : workspace.graph,
    });
  });
}

/** What a node made, by the recipes as they are, else when it was last built. */
type Results = (address: Address) => ActionRecord | undefined;

function resultsOf(workspace: Workspace, graph: BuildGraph): Results {
  const plan = planBuild({ ...workspace, graph, selection: [...graph.nodes.keys()] });
  return (address) =>
    cachedRecord(plan, address) ??
    (graph === workspace.graph ? recordOf(workspace, address) : undefined);
}

function componentFindings(
  { address, definition, at }: GraphNode & { readonly definition: GoComponent },
  results: Results,
  from: Platform,
  platform: Platform,
  { graph, store }: Pick<Workspace, "graph" | "store">,
): PortFinding[] {
  const modules = results(definition.modules);
  const source = results(definition.source);
  const about = { topic: "go", what: address, at } as const;
  if (modules === undefined || source === undefined) {
    return [
      {
        ...about,
        state: "unknown",
        detail: "its modules were not chosen here yet",
        help: `kmips build ${shellWord(definition.modules)}`,
      },
    ];
  }
  const packages = new StoredPackages({
    store,
    modules,
    source,
    patched: definition.patched,
    result: results,
  });
  const chosen = graph.nodes.get(definition.modules)?.definition as ModulesDefinition;
  const roots = chosen.packages.map((path) =>
    path.startsWith(".") ? posix.join(packages.main, path) : path,
  );
  const side = ({ os, arch }: Platform): GoPlatform => ({ os, arch, tags: definition.tags });
  const {
    packages: count,
    risks,
    unknown,
  } = portRisks(roots, packages, side(from), side(platform));
  if (risks.length === 0 && unknown.length === 0) {
    const detail = `${count} packages beside the standard library's, nothing seems missing`;
    return [{ ...about, state: "ok", detail }];
  }
  const others = `in none of the modules chosen for ${definition.platform.arch}`;
  return [
    ...risks.map((risk): PortFinding => ({
      ...about,
      state: "look",
      detail: riskText(risk, platform),
    })),
    ...unknown.map((path): PortFinding => ({
      ...about,
      state: "unknown",
      detail: `${path} is ${others}`,
    })),
  ];
}

/** Names that a message shows. */
const SHOWN = 5;

function riskText({ importPath, kind, names }: PortRisk, { arch }: Platform): string {
  const shown = names.slice(0, SHOWN).join(", ");
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "";
  switch (kind) {
    case "no-files":
      return `${importPath} has no file for ${arch}`;
    case "undeclared":
      return `${importPath} does not declare ${shown}${more} for ${arch}`;
    case "no-assembly":
      return `${importPath} has no assembly for ${arch}, which ${shown}${more} would need`;
  }
}
