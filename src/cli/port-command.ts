/** `kmips port`: from a word for an architecture to the report. */
import { dirname, relative } from "node:path";
import { port, runnerOptions, UsageError, type PortReport } from "../commands/index.js";
import { nearest } from "../../grammar/index.js";
import { EXIT, type ExitCode } from "../model/exit-code.js";
import { archByAlias, ARCHES, platformName, platformOf, type Platform } from "../model/platform.js";
import { shellWord } from "../model/shell-word.js";
import { countFindings, placeOf, printable, renderFindings } from "../report/index.js";
import type { GlobalOptions, Streams } from "./environment.js";
import { withBuilders } from "./open.js";

export interface PortFlags {
  readonly write?: boolean;
}

/** `kmips port TARGET`: exit 0 also with open points, which are what it is for. */
export async function runPort(
  globals: GlobalOptions,
  target: string,
  flags: PortFlags,
): Promise<ExitCode> {
  const platform = platformNamed(target);
  return withBuilders(globals, async ({ workspace, streams, reporter, running }) => {
    const report = await port(workspace, {
      platform,
      write: flags.write ?? false,
      runner: runnerOptions(workspace, running),
      machine: {
        environment: workspace.environment,
        tools: workspace.tools,
        store: workspace.store,
        storeParent: workspace.environment.storePath,
      },
    });
    reporter.end();
    if (globals.json === true) streams.out(`${JSON.stringify(asData(report))}\n`);
    else print(report, streams);
    return EXIT.ok;
  });
}

/** @throws UsageError for a word that is no architecture's */
function platformNamed(word: string): Platform {
  const arch = archByAlias(word);
  if (arch !== undefined) return platformOf(arch);
  const [near] = nearest(word, ARCHES);
  throw new UsageError(
    `"${word}" is no architecture that kmips knows`,
    near === undefined ? `use one of ${ARCHES.join(", ")}` : `did you mean "${near}"?`,
  );
}

function print({ platform, targets, findings, scaffold }: PortReport, streams: Streams): void {
  streams.out(renderFindings(findings, streams.outPaint));
  const name = platformName(platform);
  const path = printable(relative(process.cwd(), scaffold.path));
  const directory = shellWord(dirname(path));
  if (targets.includes(name)) streams.err(`the project is built for ${name} already\n`);
  if (scaffold.state !== "not written") streams.err(`${scaffold.state} ${path}\n`);
  const check = scaffold.passes
    ? "the recipes check for it"
    : 'the recipes do not check for it yet: see "recipe"';
  streams.err(`${name}: ${countFindings(findings)}; ${check}\n`);
  if (!scaffold.passes) return;
  streams.err(
    scaffold.state === "not written"
      ? `--write makes ${path}\n`
      : `kmips build -C ${directory} builds it\n`,
  );
}

function asData({ platform, findings, ...rest }: PortReport): unknown {
  return {
    platform: platformName(platform),
    ...rest,
    findings: findings.map(({ at, ...finding }) => ({
      ...finding,
      ...(at !== undefined && { at: placeOf(at) }),
    })),
  };
}
