/**
 * Budgets of images and bases: checked after every build, whether the image was built or cached. A
 * budget is no part of a key: going over it fails the build and loses nothing.
 */
import type { ActionRecord } from "../../cache/index.js";
import { parseDebFileName } from "../debian/deb-file.js";
import type { BuildReport } from "../model/event.js";
import { NodeFailure } from "../model/failure.js";
import type { Address, Budget } from "../model/node.js";
import type { Plan } from "../plan/plan.js";
import { layerBytes } from "./built-image.js";
import { recordOf, type Workspace } from "./workspace.js";

/** How many of the largest contributors a failure names. */
const NAMED = 5;

type Contributor = readonly [what: string, amount: number];

/** The failures of all bases and images of the plan that have a result and cost more than they may. */
export function checkBudgets(
  workspace: Workspace,
  plan: Plan,
  { outcomes }: BuildReport,
): Map<Address, NodeFailure> {
  const failures = new Map<Address, NodeFailure>();
  for (const [address, { node }] of plan.nodes) {
    const { definition } = node;
    if (definition.kind !== "image" && definition.kind !== "base") continue;
    if (definition.budget === undefined) continue;
    const outcome = outcomes.get(address)?.kind;
    const record =
      outcome === "built" || outcome === "cached" ? recordOf(workspace, address) : undefined;
    if (record === undefined) continue;
    const failure =
      sizeFailure(workspace, plan, address, record, definition.budget) ??
      emulationFailure(workspace, plan, address, definition.budget);
    if (failure !== undefined) failures.set(address, failure);
  }
  return failures;
}

function sizeFailure(
  workspace: Workspace,
  plan: Plan,
  address: Address,
  record: ActionRecord,
  { sizeBytes }: Budget,
): NodeFailure | undefined {
  const actual = layerBytes(record);
  if (sizeBytes === undefined || actual <= sizeBytes) return undefined;
  return new NodeFailure(
    {
      type: "budget",
      node: address,
      what: "size",
      limit: sizeBytes,
      actual,
      largest: largest([
        ...layerContributors(workspace, plan, address, record),
        ...packageContributors(workspace, plan, address),
      ]),
    },
    "leave out what the image does not need (exclude_paths, recommends = false, fewer packages), or raise budget { size }",
  );
}

function emulationFailure(
  workspace: Workspace,
  plan: Plan,
  address: Address,
  { emulatedMs }: Budget,
): NodeFailure | undefined {
  if (emulatedMs === undefined) return undefined;
  const parts = [...plan.nodes.values()].flatMap(({ node }): Contributor[] => {
    const isPart = node.address === address || node.address.startsWith(`${address}/`);
    if (!isPart || node.definition.kind === "test") return [];
    const ms = recordOf(workspace, node.address)?.emulatedMs ?? 0;
    return ms > 0 ? [[node.address, ms]] : [];
  });
  const actual = parts.reduce((sum, [, ms]) => sum + ms, 0);
  if (actual <= emulatedMs) return undefined;
  return new NodeFailure(
    {
      type: "budget",
      node: address,
      what: "emulated",
      limit: emulatedMs,
      actual,
      largest: largest(parts),
    },
    "kmips slow says what would take less; or raise budget { emulated }",
  );
}

/** The bytes that each node on the way from the first base to the image added. */
function layerContributors(
  workspace: Workspace,
  plan: Plan,
  address: Address,
  record: ActionRecord,
): Contributor[] {
  const definition = plan.nodes.get(address)?.node.definition;
  const below = definition !== undefined && "base" in definition ? definition.base : undefined;
  const belowRecord = below === undefined ? undefined : recordOf(workspace, below);
  if (below === undefined || belowRecord === undefined) return [[address, layerBytes(record)]];
  return [
    ...layerContributors(workspace, plan, below, belowRecord),
    [address, layerBytes(record) - layerBytes(belowRecord)],
  ];
}

/** The packages of the image's own sets, by the size of their compressed files. */
function packageContributors(workspace: Workspace, plan: Plan, address: Address): Contributor[] {
  const files = [...plan.nodes.values()].flatMap(({ node }): Contributor[] => {
    if (node.definition.kind !== "packages" || !node.address.startsWith(`${address}/`)) return [];
    return (recordOf(workspace, node.address)?.outputs ?? []).flatMap(
      ({ name, size }): Contributor[] => {
        const deb = name.startsWith("deb/") ? parseDebFileName(name.slice(4)) : undefined;
        return deb === undefined ? [] : [[`package ${deb.name}, compressed`, size]];
      },
    );
  });
  return largest(files).slice(0, 3);
}

function largest(contributors: readonly Contributor[]): Contributor[] {
  return contributors
    .filter(([, amount]) => amount > 0)
    .sort(([, a], [, b]) => b - a)
    .slice(0, NAMED);
}
