/**
 * Which suite of a Debian archive has a platform's packages: asked of the archive's own lists, signed
 * and verified as for a build, for the names that the recipes ask for now.
 */
import type { ActionRecord } from "../../cache/index.js";
import { defaultSuites, suitesOf } from "../debian/suites.js";
import { readPackageNames, type PackageNames } from "../debian/package-names.js";
import { runNode, type RunnerOptions } from "../execute/index.js";
import { NodeFailure } from "../model/failure.js";
import { invariant } from "../model/invariant.js";
import type { Address, DebianIndexDefinition, GraphNode } from "../model/node.js";
import { platformSpellings, type Platform } from "../model/platform.js";
import { planNode } from "../plan/plan.js";
import type { PortFinding } from "./port-finding.js";
import type { Workspace } from "./workspace.js";

/** What the recipes ask of one archive. */
interface Demand {
  readonly index: GraphNode & { readonly definition: DebianIndexDefinition };
  /** Package name → the nodes that ask for it. */
  readonly names: ReadonlyMap<string, readonly Address[]>;
}

/** Asks every archive of the graph for the platform's packages; fetches lists, and nothing else. */
export async function archiveFindings(
  workspace: Workspace,
  platform: Platform,
  runner: RunnerOptions,
): Promise<PortFinding[]> {
  const findings: PortFinding[] = [];
  for (const demand of demandsOf(workspace)) {
    const { definition, at } = demand.index;
    const [current = ""] = definition.suites;
    const base = demand.index.address.replace(/\/index$/, "");
    const suites = candidates(definition, platform);
    if (suites.length === 0) {
      const { debian } = platformSpellings(platform);
      findings.push({
        topic: "archive",
        state: "missing",
        what: base,
        detail: `Debian has no release for ${debian}`,
        help: "only images from scratch can be built: give those that stand on the base a `when`",
        at,
      });
      continue;
    }
    const answers: PortFinding[] = [];
    for (const suite of suites)
      answers.push(await askSuite(suite, demand, platform, workspace, runner));
    const best = answers.find(({ state }) => state === "ok");
    findings.push(...answers);
    if (best !== undefined && best.what === current) continue;
    const choice = best?.what ?? answers.find(({ state }) => state === "missing")?.what;
    findings.push({
      topic: "archive",
      state: "look",
      what: base,
      detail: `its suite "${current}" has no ${platform.arch}`,
      ...(choice !== undefined && {
        help: `write: suite = if target.arch == ${platform.arch} then ${choice} else ${current}`,
      }),
      at,
    });
  }
  return findings;
}

/** The suites to ask: the recipe's own when it may have the platform, else every one that may. */
function candidates(definition: DebianIndexDefinition, platform: Platform): readonly string[] {
  const [current = ""] = definition.suites;
  // Another archive has suites of its own, of which nothing is known here.
  if (definition.keyring !== undefined) return [current];
  const suites = suitesOf(platform);
  return suites.includes(current) ? [current] : suites;
}

function demandsOf({ graph }: Workspace): Demand[] {
  const demands = new Map<
    string,
    { index: Demand["index"]; names: Map<string, readonly Address[]> }
  >();
  for (const node of graph.nodes.values()) {
    if (node.definition.kind !== "packages") continue;
    const { index: address, names } = node.definition;
    const index = graph.nodes.get(address);
    invariant(index?.definition.kind === "debian-index", `"${address}" is no index`);
    const { suites, components, keyring } = index.definition;
    const key = JSON.stringify([suites, components, keyring]);
    const demand = demands.get(key) ?? {
      index: index as Demand["index"],
      names: new Map<string, readonly Address[]>(),
    };
    demands.set(key, demand);
    for (const text of names) {
      const name = text.replace(/=.*/, "");
      const users: readonly Address[] = demand.names.get(name) ?? [];
      demand.names.set(name, [...users, node.address]);
    }
  }
  return [...demands.values()];
}

async function askSuite(
  suite: string,
  { index, names }: Demand,
  platform: Platform,
  workspace: Workspace,
  runner: RunnerOptions,
): Promise<PortFinding> {
  const { definition, at } = index;
  const answer = { topic: "archive", what: suite, at } as const;
  let known: PackageNames;
  try {
    known = await namesOf(
      {
        address: `port.${platform.arch}/${suite}`,
        definition: {
          ...definition,
          suites: definition.keyring === undefined ? defaultSuites(suite) : definition.suites,
          platform,
        },
        dependencies: [],
        at,
      },
      workspace,
      runner,
    );
  } catch (error) {
    if (!(error instanceof NodeFailure)) throw error;
    const { reason } = error;
    const said = "excerpt" in reason ? (reason.excerpt.split("\n", 1)[0] ?? "") : reason.type;
    return {
      ...answer,
      state: "unknown",
      detail: `its lists could not be had: ${said}`,
      ...(error.help !== undefined && { help: error.help }),
    };
  }
  const absent = [...names].filter(([name]) => !known.has(name));
  const total = `${names.size - absent.length} of ${names.size} packages that the recipes name`;
  if (absent.length === 0) return { ...answer, state: "ok", detail: total };
  const rows = absent.map(([name, users]) => {
    const near = known.near(name).slice(0, 3);
    return `${name} (${users.join(", ")})${near.length > 0 ? `, perhaps ${near.join(" or ")}` : ""}`;
  });
  return { ...answer, state: "missing", detail: `${total}; not ${rows.join("; ")}` };
}

/** The packages of an index that is no node of the project. @throws NodeFailure */
async function namesOf(
  node: GraphNode,
  workspace: Workspace,
  runner: RunnerOptions,
): Promise<PackageNames> {
  const { store } = workspace;
  const planned = planNode(node, workspace);
  const { decision } = planned;
  let record: ActionRecord;
  if (decision.state === "cached") record = decision.record;
  else {
    invariant(decision.state === "invalidated" && decision.key !== undefined, "an index waits");
    record = await runNode(planned, decision.key, () => undefined, runner);
  }
  return readPackageNames(
    record.outputs
      .filter(({ name }) => name.startsWith("packages/"))
      .map(({ digest }) => store.readBytes(digest).toString("utf8")),
  );
}
