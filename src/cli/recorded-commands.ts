/** The commands about recorded digests: `check --recorded` and `update --record`. */
import { namedImages, recordedImages, recordImages, selectNodes } from "../commands/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import { printable, renderTable } from "../report/index.js";
import { openFor } from "./build-commands.js";
import { makeStreams, type GlobalOptions } from "./environment.js";
import { differenceText } from "./records.js";

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
