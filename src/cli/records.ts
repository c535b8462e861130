/** What a build says about recorded digests, and keeps for the record. */
import {
  costOfNodes,
  keepRun,
  recordedImages,
  type BuildResult,
  type FactChange,
  type RecordedImage,
  type Workspace,
} from "../commands/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import type { Address } from "../model/node.js";
import { formatMs, printable } from "../report/index.js";
import type { Streams } from "./environment.js";
import type { BuildCounts } from "./output.js";

/** An image that is not as recorded: both digests, and what may be the reason. */
export function differenceText({
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
  const { results, nativeMs, emulatedMs } = costOfNodes({ ...workspace, graph: result.graph }, [
    ...result.plan.nodes.keys(),
  ]);
  const work = [
    `${results} results`,
    `${formatMs(nativeMs)} native`,
    `${formatMs(emulatedMs)} emulated`,
  ];
  keepRun(workspace, { group, work, now: new Date() }, result.images);
}

/** What `kmips update` made of a fact, on one line. */
export function factLine({ fact, from, to }: FactChange): string {
  const brief = (digest: string): string => digest.slice(0, 19);
  if (to === undefined) return `- ${fact}`;
  return from === undefined ? `+ ${fact} ${to}` : `${fact}  ${brief(from)} -> ${brief(to)}`;
}

/** What `kmips update` says at its end on stderr: what is not built, and how many facts are others. */
export function updateSummary(
  facts: readonly FactChange[],
  unbuilt: readonly Address[],
  dryRun: boolean,
): string {
  const open =
    unbuilt.length > 0 ? `not built, so not recorded: ${unbuilt.map(printable).join(", ")}\n` : "";
  const count = `${facts.length} fact${facts.length === 1 ? "" : "s"}`;
  return `${open}${count} ${dryRun ? "would change" : "changed"} in kmips.lock\n`;
}
