/** The commands that plan, run and verify nodes, from options to text and exit code. */
import { availableParallelism } from "node:os";
import { readFileSync } from "node:fs";
import {
  build,
  matchNodes,
  openBuilders,
  openWorkspace,
  REMEDIES,
  selectNodes,
  UsageError,
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
  createReporter,
  explainNode,
  formatBytes,
  planAsData,
  printable,
  renderPlan,
  renderTable,
  renderWhy,
  unknownLines,
  type Reporter,
} from "../report/index.js";
import {
  abortOnSignals,
  BUILD_ID,
  makeEnvironment,
  makeStreams,
  progressMode,
  terminalColumns,
  type GlobalOptions,
  type Streams,
} from "./environment.js";
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
  const streams = makeStreams(globals);
  const reporter = makeReporter(globals, streams);
  const interruption = abortOnSignals();
  const workspace = await openFor(globals, reporter);
  const builders = openBuilders(workspace, flags.builder);
  try {
    for (const note of workspace.notes) reporter.event({ type: "note", ...note });
    const result = await build(workspace, {
      select: (graph) => selectNodes(graph, patterns),
      jobs: jobsOf(flags.jobs),
      keepGoing: flags.keepGoing ?? false,
      offline: isOffline(globals, flags),
      expectCached: flags.expectCached ?? false,
      force: flags.force ?? false,
      signal: interruption.signal,
      onEvent: (event) => reporter.event(event),
      builders,
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
    const code = (interruption.exitCode() as ExitCode | undefined) ?? buildExitCode(result, counts);
    if (code !== EXIT.ok) return code;
    rememberGroup(workspace, patterns, result, counts);
    const expected = flags.expectRecorded ?? false;
    if (counts.executed === 0 && !expected) return code;
    return compareWithRecords(workspace, result, expected, streams);
  } finally {
    reporter.end();
    await builders.close();
    await workspace.store.close();
  }
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
  const streams = makeStreams(globals);
  const workspace = await openFor(globals, undefined, streams);
  try {
    const plan = planBuild({ ...workspace, selection: selectNodes(workspace.graph, patterns) });
    workspace.fileIndex.save();
    const { unknown } = workspace;
    const all = flags.all ?? false;
    if (globals.json === true) streams.out(`${JSON.stringify(planAsData(plan, unknown))}\n`);
    else streams.out(renderPlan(plan, { paint: streams.outPaint, all, unknown }));
    return EXIT.ok;
  } finally {
    await workspace.store.close();
  }
}

/** `kmips why`. */
export async function runWhy(globals: GlobalOptions, pattern: string): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const workspace = await openFor(globals, undefined, streams);
  try {
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
  } finally {
    await workspace.store.close();
  }
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
  const streams = makeStreams(globals);
  const reporter = makeReporter(globals, streams);
  const interruption = abortOnSignals();
  const workspace = await openFor(globals, reporter);
  const builders = openBuilders(workspace, undefined);
  try {
    if (flags.blobs === true) return await verifyStore(globals, workspace, streams);
    const report = await verify(workspace, selectNodes(workspace.graph, patterns), {
      jobs: jobsOf(flags.jobs),
      offline: isOffline(globals, flags),
      signal: interruption.signal,
      onEvent: (event) => reporter.event(event),
      builders,
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
  } finally {
    reporter.end();
    await builders.close();
    await workspace.store.close();
  }
}

async function verifyStore(
  globals: GlobalOptions,
  workspace: Workspace,
  streams: Streams,
): Promise<ExitCode> {
  const report = await workspace.store.verifyStore({});
  if (globals.json === true) {
    streams.out(`${JSON.stringify(report)}\n`);
    return report.damaged.length > 0 ? EXIT.mismatch : EXIT.ok;
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
  return EXIT.ok;
}

export function jobsOf(wanted: number | undefined): number {
  if (wanted === undefined) return availableParallelism();
  if (!Number.isInteger(wanted) || wanted < 1)
    throw new UsageError("--jobs takes a whole number from 1", "e.g. --jobs 2");
  return wanted;
}

export function makeReporter(globals: GlobalOptions, streams: Streams): Reporter {
  return createReporter({
    mode: progressMode(globals),
    paint: streams.errPaint,
    write: streams.err,
    columns: terminalColumns(),
    now: () => performance.now(),
    every: (ms, tick) => {
      const timer = setInterval(tick, ms).unref();
      return () => clearInterval(timer);
    },
    readLog: (path) => {
      try {
        return readFileSync(path, "utf8");
      } catch {
        return undefined;
      }
    },
  });
}

/** Opens the project; warnings go to the reporter, or to stderr for commands that have none. */
export async function openFor(
  globals: GlobalOptions,
  reporter: Reporter | undefined,
  streams?: Streams,
  options?: Parameters<typeof openWorkspace>[1],
): Promise<Workspace> {
  const environment = makeEnvironment(globals, (message) => {
    if (reporter !== undefined) reporter.event({ type: "warning", message });
    else streams?.err(`warning: ${printable(message)}\n`);
  });
  return openWorkspace(environment, options);
}
