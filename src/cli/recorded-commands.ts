/** The commands about recorded digests: `check --recorded` and `update --record`. */
import { namedImages, recordedImages, recordImages, selectNodes } from "../commands/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import { printable, renderTable } from "../report/index.js";
import type { GlobalOptions } from "./environment.js";
import { withWorkspace } from "./open.js";
import { differenceText, factLine, updateSummary } from "./records.js";

/** `kmips check --recorded`: exit 4 unless every image's record is of its recipe. Builds nothing. */
export async function runCheckRecorded(
  globals: GlobalOptions,
  patterns: readonly string[],
): Promise<ExitCode> {
  return withWorkspace(globals, (workspace, streams) => {
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
  });
}

/** `kmips update --record`. */
export async function runRecord(
  globals: GlobalOptions,
  patterns: readonly string[],
  dryRun: boolean,
): Promise<ExitCode> {
  return withWorkspace(globals, (workspace, streams) => {
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
    for (const fact of report.facts) streams.out(`${printable(factLine(fact))}\n`);
    streams.err(`${report.recorded.length} images recorded\n`);
    streams.err(updateSummary(report.facts, report.unbuilt, dryRun));
    return EXIT.ok;
  });
}
