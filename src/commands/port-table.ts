/**
 * `kmips images --rows`: what a port is made of, row by row, as the recipes, the lock and the store
 * have it.
 */
import { withoutPlatform } from "../analyze/index.js";
import type { BuildGraph } from "../model/graph.js";
import { PACKAGES_LABEL } from "../model/labels.js";
import type { Address, GraphNode, NodeDefinition, SourceOrigin } from "../model/node.js";
import type { PortTable, PortTableRow } from "../model/port-table.js";
import { cachedRecord, closureOf, planBuild } from "../plan/plan.js";
import { isNamed } from "./built-image.js";
import type { CoverageReport, CoverageRow } from "./coverage.js";
import { UsageError } from "./errors.js";
import { recordedRun } from "./group-run.js";
import type { PortRow } from "./port-rows.js";
import { namedImages, recordedImages } from "./recorded.js";
import { recordOf, type Workspace } from "./workspace.js";

export interface PortTableRequest {
  readonly rows: readonly PortRow[];
  /** What the tests want; rows for images that `rows` does not have come from it. */
  readonly coverage: CoverageReport | undefined;
  /** `group.conformance`: whose last build the table tells. */
  readonly group: Address | undefined;
}

/**
 * The rows that were asked for, then the test images that they do not have.
 * @throws UsageError naming every row whose node is not there
 */
export function portTable(workspace: Workspace, request: PortTableRequest): PortTable {
  const { graph, inputs } = workspace;
  const gone = request.rows.filter(
    ({ node, isOpen }) => node !== undefined && !isOpen && !graph.nodes.has(node),
  );
  if (gone.length > 0)
    throw new UsageError(
      `No node for ${gone.map(({ name, version, node }) => `${name} ${version} (${node ?? ""})`).join(", ")}`,
      "correct the node, or write why the row is open",
    );
  const images = [...graph.nodes.keys()].filter((address) => address.startsWith("image."));
  const tests = testsOf(workspace);
  const recorded = new Map(
    recordedImages(workspace, namedImages(workspace, images)).map((row) => [
      row.address,
      row.built ?? row.recorded,
    ]),
  );
  const made = (address: Address | undefined): Partial<PortTableRow> => {
    const node = address === undefined ? undefined : graph.nodes.get(address);
    if (node === undefined) return {};
    return {
      ...madeOf(workspace, node),
      tests: tests.get(node.address) ?? "none",
      digest: recorded.get(node.address),
    };
  };
  const empty = { built: undefined, sources: [], patches: [], digest: undefined, tests: "" };
  const rows: PortTableRow[] = request.rows.map((row) => ({
    ...empty,
    kind: row.kind,
    name: row.name,
    wanted: row.version,
    ...made(row.node),
    note: row.note,
  }));
  const taken = new Set(request.rows.map(({ node }) => node));
  for (const row of request.coverage?.rows ?? []) {
    const [node] = row.nodes;
    if (node !== undefined && taken.has(node.address)) continue;
    if (isListed(row, request.rows)) continue;
    rows.push({
      ...empty,
      kind: "test image",
      name: row.name,
      wanted: row.tag,
      ...made(row.state === "not wanted" ? undefined : node?.address),
      note:
        row.state === "not wanted"
          ? `not wanted: ${row.reason ?? ""}`
          : row.state === "missing"
            ? "open: no recipe"
            : "",
    });
  }
  const { group } = request;
  return { rows, run: group === undefined ? undefined : recordedRun(inputs.lock.facts, group) };
}

/** Whether a row is for the image of the manifest already, be it open. */
function isListed(image: CoverageRow, rows: readonly PortRow[]): boolean {
  return (
    image.state !== "not wanted" &&
    rows.some(
      ({ kind, name, version }) => kind === "image" && name === image.name && version === image.tag,
    )
  );
}

/** Image → `2 of 3` of its tests passed with it as the recipes are now. */
function testsOf(workspace: Workspace): Map<Address, string> {
  const tests = [...workspace.graph.nodes.values()].flatMap(({ address, definition }) =>
    definition.kind === "test" ? [{ address, subject: definition.subject }] : [],
  );
  const plan = planBuild({ ...workspace, selection: tests.map(({ address }) => address) });
  const counts = new Map<Address, { passed: number; all: number }>();
  for (const { address, subject } of tests) {
    const count = counts.get(subject) ?? { passed: 0, all: 0 };
    count.all++;
    if (cachedRecord(plan, address) !== undefined) count.passed++;
    counts.set(subject, count);
  }
  return new Map([...counts].map(([image, { passed, all }]) => [image, `${passed} of ${all}`]));
}

/** What a node is made of, without what its base is made of. */
function madeOf(
  workspace: Workspace,
  node: GraphNode,
): Pick<PortTableRow, "built" | "sources" | "patches"> {
  const { graph } = workspace;
  const closure = [...closureOf(graph, [node.address])].flatMap(
    (address) => graph.nodes.get(address) ?? [],
  );
  const packages = debianPackages(workspace, node, closure);
  const patches = closure.flatMap(({ definition }) =>
    definition.kind === "patch"
      ? definition.series.map(({ label }) => label.replace(/^.*\//, ""))
      : [],
  );
  const modules = closure.flatMap(({ definition }) =>
    definition.kind === "source" ? (originText(definition.origin) ?? []) : [],
  );
  const { definition } = node;
  const labels = "config" in definition ? definition.config.labels : {};
  const label = labels["org.opencontainers.image.version"];
  const [first] = packages;
  const base = closure.find(({ definition: one }) => one.kind === "base")?.definition;
  const go = closure.find(({ definition: one }) => one.kind === "toolchain")?.definition;
  const sources = [...new Set(modules)];
  // A Go distribution is built from its toolchain.
  if (sources.length === 0 && go?.kind === "toolchain" && go.type === "go")
    sources.push(`golang.org/toolchain ${go.version}`);
  if (packages.length > 0) sources.push(`Debian ${packages.join(" ")}`);
  if (sources.length === 0 && base?.kind === "base") sources.push(base.reference);
  return {
    built: label?.replace(/^v(?=\d)/, "") ?? first?.replace(/^[^=]*=/, "") ?? tagOf(definition),
    sources,
    patches: [...new Set(patches)],
  };
}

function tagOf(definition: NodeDefinition): string | undefined {
  if (!isNamed(definition) || definition.kind === "index") return undefined;
  return withoutPlatform(definition.reference, definition.platform).replace(/^.*:/, "");
}

function originText(origin: SourceOrigin): string | undefined {
  switch (origin.type) {
    case "go-module":
      return `${origin.path}@${origin.version}`;
    case "git":
      return `${origin.url}@${origin.tag ?? origin.commit?.slice(0, 12) ?? ""}`;
    case "archive":
      return origin.location.replace(/^.*\//, "");
    default:
      return undefined;
  }
}

/** What images ask for beyond their base, with the versions that the image says it has. */
function debianPackages(
  workspace: Workspace,
  { address }: GraphNode,
  closure: readonly GraphNode[],
): string[] {
  const names = closure.flatMap(({ definition }) =>
    definition.kind === "packages" && definition.on !== undefined ? definition.names : [],
  );
  const installed = builtLabels(workspace, address)[PACKAGES_LABEL] ?? "";
  const versions = new Map(installed.split(" ").map((entry) => [entry.split("=")[0], entry]));
  return [...new Set(names.map((name) => name.split("=")[0] ?? name))].map(
    (name) => versions.get(name) ?? name,
  );
}

/** Labels of an image as it was built; none of one that was not. */
function builtLabels(workspace: Workspace, address: Address): Readonly<Record<string, string>> {
  const outputs = recordOf(workspace, address)?.outputs ?? [];
  const config = outputs.find(({ name }) => name === "config");
  if (config === undefined) return {};
  const parsed = JSON.parse(workspace.store.readBytes(config.digest).toString()) as {
    readonly config?: { readonly Labels?: Readonly<Record<string, string>> };
  };
  return parsed.config?.Labels ?? {};
}

/** The group of everything that a project builds for its port: the one that holds the most nodes. */
export function largestGroup(graph: BuildGraph): Address | undefined {
  const groups = [...graph.nodes.values()].flatMap(({ address, definition }) =>
    definition.kind === "group" ? [{ address, count: closureOf(graph, [address]).size }] : [],
  );
  return groups.sort((a, b) => b.count - a.count)[0]?.address;
}
