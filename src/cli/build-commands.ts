/** The commands that plan, run and verify nodes, from options to text and exit code. */
import {
  build,
  matchNodes,
  REMEDIES,
  selectNodes,
  verify,
  type SavedPlanTarget,
  type Workspace,
} from "../commands/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import type { BuildGraph } from "../model/graph.js";
import type { Address } from "../model/node.js";
import { planPath, selectionText } from "../plan/locations.js";
import { planBuild, type Plan } from "../plan/plan.js";
import {
  causeText,
  explainNode,
  formatBytes,
  planAsData,
  printable,
  renderPlan,
  renderTable,
  renderWhy,
  unknownLines,
} from "../report/index.js";
import { BUILD_ID, progressMode, type GlobalOptions, type Streams } from "./environment.js";
import { jobsOf, withBuilders, withWorkspace } from "./open.js";
import {
  buildAsData,
  buildExitCode,
  closingLine,
  countOutcomes,
  failureSummary,
  imageLines,
  savedAnswer,
} from "./output.js";
import { compareWithRecords, rememberGroup } from "./records.js";

export interface BuildFlags {
  readonly jobs?: number;
  readonly keepGoing?: boolean;
  readonly expectCached?: boolean;
  readonly expectRecorded?: boolean;
  readonly force?: boolean;
  readonly offline?: boolean;
  readonly builder?: string;
}

/** `kmips build`. */
export async function runBuild(
  globals: GlobalOptions,
  patterns: readonly string[],
  flags: BuildFlags,
): Promise<ExitCode> {
  const open = { builder: flags.builder };
  return withBuilders(
    globals,
    async ({ workspace, streams, reporter, interruption, running }) => {
      for (const note of workspace.notes) reporter.event({ type: "note", ...note });
      const result = await build(workspace, {
        ...running,
        select: (graph) => selectNodes(graph, patterns),
        jobs: jobsOf(flags.jobs),
        keepGoing: flags.keepGoing ?? false,
        offline: isOffline(globals, flags),
        expectCached: flags.expectCached ?? false,
        force: flags.force ?? false,
        savedPlan: savedPlanTarget(workspace, patterns),
        now: () => performance.now(),
      });
      reporter.end();
      if (result.report === undefined) return reportUnexpectedWork(globals, streams, result.plan);
      const groups = groupsOf(result.graph);
      const counts = countOutcomes(result.report.outcomes, groups);
      if (globals.json === true)
        streams.out(`${JSON.stringify(buildAsData(counts, result.images))}\n`);
      else streams.out(imageLines(result.images));
      const mode = progressMode(globals);
      if (mode !== "json") streams.err(failureSummary(result, counts, streams.errPaint));
      if (mode !== "json" && mode !== "quiet") {
        streams.err(closingLine(counts, counts.executed > 0 ? result.elapsedMs : undefined));
      }
      const code =
        (interruption.exitCode() as ExitCode | undefined) ?? buildExitCode(result, counts);
      if (code !== EXIT.ok) return code;
      rememberGroup(workspace, patterns, result, counts);
      const expected = flags.expectRecorded ?? false;
      if (counts.executed === 0 && !expected) return code;
      return compareWithRecords(workspace, result, expected, streams);
    },
    open,
  );
}

/** `kmips --offline build` and `kmips build --offline` mean the same. */
function isOffline(globals: GlobalOptions, flags: { readonly offline?: boolean }): boolean {
  return globals.offline ?? flags.offline ?? false;
}

function groupsOf(graph: BuildGraph): ReadonlySet<Address> {
  const groups = [...graph.nodes.values()].filter((node) => node.definition.kind === "group");
  return new Set(groups.map((node) => node.address));
}

function savedPlanTarget(workspace: Workspace, patterns: readonly string[]): SavedPlanTarget {
  const { storePath, root, overrides } = workspace.environment;
  const selection = selectionText(patterns, overrides);
  return {
    path: planPath(storePath, root, selection),
    selection,
    tool: BUILD_ID,
    answer: savedAnswer,
  };
}

/** `--expect-cached` found work: the reasons in the words of `plan`, exit 10. */
function reportUnexpectedWork(globals: GlobalOptions, streams: Streams, plan: Plan): ExitCode {
  if (globals.json === true) streams.out(`${JSON.stringify(planAsData(plan))}\n`);
  else streams.out(renderPlan(plan, { paint: streams.outPaint, all: false }));
  const [first] = [...plan.nodes.values()].flatMap(({ node, decision }) =>
    decision.state === "invalidated"
      ? [`${printable(node.address)} would run: ${causeText(decision.causes)}`]
      : [],
  );
  streams.err(`expected everything to be cached, but ${first ?? "something would run"}\n`);
  return EXIT.work;
}

export interface PlanFlags {
  readonly all?: boolean;
}

/** `kmips plan`. */
export async function runPlan(
  globals: GlobalOptions,
  patterns: readonly string[],
  flags: PlanFlags,
): Promise<ExitCode> {
  return withWorkspace(globals, (workspace, streams) => {
    const plan = planBuild({ ...workspace, selection: selectNodes(workspace.graph, patterns) });
    workspace.fileIndex.save();
    const { unknown } = workspace;
    const all = flags.all ?? false;
    if (globals.json === true) streams.out(`${JSON.stringify(planAsData(plan, unknown))}\n`);
    else streams.out(renderPlan(plan, { paint: streams.outPaint, all, unknown }));
    return EXIT.ok;
  });
}

/** `kmips why`. */
export async function runWhy(globals: GlobalOptions, pattern: string): Promise<ExitCode> {
  return withWorkspace(globals, (workspace, streams) => {
    const addresses = matchNodes(workspace.graph, [pattern]);
    const plan = planBuild({ ...workspace, selection: addresses });
    const answers = addresses
      .filter((address) => workspace.graph.nodes.get(address)?.definition.kind !== "group")
      .map((address) => explainNode(plan, address));
    if (globals.json === true) streams.out(`${JSON.stringify(answers)}\n`);
    else {
      for (const answer of answers) streams.out(renderWhy(answer, streams.outPaint));
      for (const line of unknownLines(plan, workspace.unknown, streams.outPaint))
        streams.out(`${line}\n`);
    }
    return EXIT.ok;
  });
}

export interface VerifyFlags {
  readonly offline?: boolean;
  readonly blobs?: boolean;
  readonly jobs?: number;
}

/** `kmips verify`: nodes by rebuilding, or the store by hashing. */
export async function runVerify(
  globals: GlobalOptions,
  patterns: readonly string[],
  flags: VerifyFlags,
): Promise<ExitCode> {
  return withBuilders(globals, async ({ workspace, streams, reporter, running }) => {
    if (flags.blobs === true) return await verifyStore(globals, workspace, streams);
    const report = await verify(workspace, selectNodes(workspace.graph, patterns), {
      ...running,
      jobs: jobsOf(flags.jobs),
      offline: isOffline(globals, flags),
    });
    reporter.end();
    if (globals.json === true) streams.out(`${JSON.stringify(report)}\n`);
    const { divergence } = report;
    if (divergence === undefined) {
      if (globals.json !== true)
        streams.out(`${report.verified.length} nodes rebuilt elsewhere, every digest the same\n`);
      return EXIT.ok;
    }
    if (globals.json !== true) {
      const entry =
        divergence.entry === undefined ? "" : `, entry "${printable(divergence.entry)}"`;
      const place = divergence.offset === undefined ? "" : ` at byte ${divergence.offset}`;
      streams.out(
        `${printable(divergence.address)} is not reproducible: output "${printable(divergence.output)}"${entry} differs${place}\n` +
          `  stored  ${divergence.stored}\n  rebuilt ${divergence.rebuilt}\n` +
          `  cause   ${divergence.cause}: ${REMEDIES[divergence.cause]}\n`,
      );
    }
    return EXIT.mismatch;
  });
}

async function verifyStore(
  globals: GlobalOptions,
  workspace: Workspace,
  streams: Streams,
): Promise<ExitCode> {
  const report = await workspace.store.verifyStore({});
  const code = report.damaged.length > 0 ? EXIT.mismatch : EXIT.ok;
  if (globals.json === true) {
    streams.out(`${JSON.stringify(report)}\n`);
    return code;
  }
  for (const damage of report.damaged)
    streams.out(
      `damaged  ${damage.what} ${printable(damage.name)}: ${printable(damage.problem)}\n`,
    );
  streams.out(
    renderTable(
      ["checked", "number"],
      [
        ["blobs", `${report.blobs} (${formatBytes(report.bytes)})`],
        ["records", String(report.records)],
        ["damaged, now in quarantine", String(report.damaged.length)],
      ],
    ),
  );
  if (report.damaged.length > 0) streams.out("kmips build runs again what they belonged to\n");
  return code;
}
