/** What commands say about recorded digests: `check --recorded`, `update --record`, and after a build. */
import {
  keepRun,
  namedImages,
  recordedImages,
  recordImages,
  selectNodes,
  type BuildResult,
  type RecordedImage,
  type Workspace,
} from "../commands/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import { formatMs, printable, renderTable } from "../report/index.js";
import { openFor } from "./build-commands.js";
import { makeStreams, type GlobalOptions, type Streams } from "./environment.js";
import type { BuildCounts } from "./output.js";

/** `kmips check --recorded`: exit 4 unless every image's record is of its recipe. Builds nothing. */
export async function runCheckRecorded(
  globals: GlobalOptions,
  patterns: readonly string[],
): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const workspace = await openFor(globals, undefined, streams);
  try {
    const rows = recordedImages(
      workspace,
      namedImages(workspace, selectNodes(workspace.graph, patterns)),
    );
    workspace.fileIndex.save();
    const open = rows.filter(({ state }) => state !== "current");
    if (globals.json === true) streams.out(`${JSON.stringify(rows)}\n`);
    else if (open.length > 0) {
      streams.out(
        renderTable(
          ["image", "platform", "record", "node"],
          open.map((row) => [row.reference, row.platform, row.state, printable(row.address)]),
        ),
      );
    }
    const differing = open.filter(({ state }) => state === "not as recorded");
    for (const row of differing) streams.err(differenceText(row));
    const built = rows.filter((row) => row.state === "current" && row.built !== undefined).length;
    streams.err(
      `${rows.length - open.length} of ${rows.length} images have a record of the recipe as it is, ${built} of them built and equal\n`,
    );
    if (open.length > differing.length)
      streams.err("kmips update --record writes what the store has, once it is built\n");
    return open.length > 0 ? EXIT.mismatch : EXIT.ok;
  } finally {
    await workspace.store.close();
  }
}

function differenceText({
  address,
  reference,
  platform,
  built,
  recorded,
  reasons,
}: RecordedImage): string {
  const why =
    reasons.length > 0
      ? reasons.map((reason) => `  maybe   ${printable(reason)}\n`).join("")
      : `  maybe   not the tools, which are as recorded: kmips verify ${printable(address)} looks for the cause\n`;
  return (
    `${printable(address)} is not as recorded: ${reference} ${platform}\n` +
    `  recorded ${recorded ?? ""}\n  built    ${built ?? ""}\n${why}`
  );
}

/** `kmips update --record`. */
export async function runRecord(
  globals: GlobalOptions,
  patterns: readonly string[],
  dryRun: boolean,
): Promise<ExitCode> {
  const streams = makeStreams(globals);
  const workspace = await openFor(globals, undefined, streams);
  try {
    const report = recordImages(workspace, {
      selection: selectNodes(workspace.graph, patterns),
      everything: patterns.length === 0,
      dryRun,
    });
    workspace.fileIndex.save();
    if (globals.json === true) {
      streams.out(`${JSON.stringify(report)}\n`);
      return EXIT.ok;
    }
    for (const { fact, to } of report.facts)
      streams.out(
        `${to === undefined ? "-" : "+"} ${printable(fact)}${to === undefined ? "" : ` ${to}`}\n`,
      );
    if (report.unbuilt.length > 0)
      streams.err(`not built, so not recorded: ${report.unbuilt.map(printable).join(", ")}\n`);
    const verb = dryRun ? "would change" : "changed";
    streams.err(
      `${report.recorded.length} images recorded; ${report.facts.length} facts ${verb} in kmips.lock\n`,
    );
    return EXIT.ok;
  } finally {
    await workspace.store.close();
  }
}

/**
 * Compares what a build made with what is recorded, and says what differs: on stderr, as a fault with
 * `expected`, else as a warning. Exit code 4 then, else 0.
 */
export function compareWithRecords(
  workspace: Workspace,
  result: BuildResult,
  expected: boolean,
  streams: Streams,
): ExitCode {
  const addresses = result.images.map(({ address }) => address);
  const rows = recordedImages({ ...workspace, graph: result.graph }, addresses);
  const wrong = rows.filter(
    ({ state }) => state === "not as recorded" || (expected && state !== "current"),
  );
  const label = expected ? streams.errPaint.red.bold("error") : streams.errPaint.yellow("warning");
  for (const row of wrong)
    streams.err(
      row.state === "not as recorded"
        ? `${label}: ${differenceText(row)}`
        : `${label}: ${printable(row.address)} has no record of its recipe as it is (${row.state})\n`,
    );
  return expected && wrong.length > 0 ? EXIT.mismatch : EXIT.ok;
}

/** Remembers a build of one group, for `kmips update --record`. */
export function rememberGroup(
  workspace: Workspace,
  patterns: readonly string[],
  result: BuildResult,
  counts: BuildCounts,
): void {
  const [pattern] = patterns;
  if (pattern === undefined || patterns.length > 1 || counts.executed === 0) return;
  const group = [pattern, `group.${pattern}`].find(
    (address) => result.graph.nodes.get(address)?.definition.kind === "group",
  );
  if (group === undefined || counts.failed.length + counts.skipped.length > 0) return;
  const work = [
    `${counts.executed} of ${counts.nodes} nodes`,
    `${formatMs(counts.nativeMs)} native`,
    `${formatMs(counts.emulatedMs)} emulated`,
    `took ${formatMs(result.elapsedMs)}`,
  ];
  const { nodes, executed } = counts;
  keepRun(workspace, { group, nodes, executed, work, now: new Date() }, result.images);
}
