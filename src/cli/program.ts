/**
 * The command tree: names, arguments, options, help with examples. What each command does is in
 * `*-command.ts` and `*-commands.ts`; what it can do is in `src/commands`.
 */
import { Command, Option } from "commander";
import { EXIT_MEANINGS } from "../model/exit-code.js";
import {
  runBuild,
  runPlan,
  runVerify,
  runWhy,
  type BuildFlags,
  type PlanFlags,
  type VerifyFlags,
} from "./build-commands.js";
import { completionScript, SHELLS, type Shell } from "./completion.js";
import { addControlPlaneCommands } from "./control-plane-options.js";
import { wholeNumber, type ExitSetter } from "./option-values.js";
import { VERSION, type GlobalOptions } from "./environment.js";
import { addExportCommands } from "./export-options.js";
import { runDoctor, runGc, type GcFlags } from "./house-commands.js";
import { runPort, type PortFlags } from "./port-command.js";
import { runImages, type ImagesFlags } from "./images-command.js";
import { runSetup, type SetupFlags } from "./setup-command.js";
import {
  runCheck,
  runDiff,
  runFmt,
  runGraph,
  runKey,
  runLog,
  runQuery,
  type CheckFlags,
  type FmtFlags,
  type GraphFlags,
  type QueryFlags,
} from "./look-commands.js";
import {
  runSlow,
  runUpdate,
  runVault,
  type SlowFlags,
  type UpdateFlags,
  type VaultFlags,
} from "./upkeep-commands.js";

const DESCRIPTION =
  "Builds Kubernetes component and conformance images for architectures that have\nnone, from declarative .kmips recipes, reproducibly, and only what changed.";

const NODES_HELP = `
NODES are addresses (component.etcd, image.hello[riscv64]), globs ('image.*'), names (etcd) or
groups; none means everything. kmips query lists them. Optional cells are taken only by their own
name, image.x[upstream], or by a glob with brackets.`;

/** Builds the command tree; `exit` receives the code of the command that ran. */
export function makeProgram(exit: ExitSetter): Command {
  const program = new Command("kmips");
  program
    .description(DESCRIPTION)
    .version(VERSION, "-V, --version", "print the version")
    .option(
      "-C, --directory <dir>",
      "the project: the nearest directory upwards with project.kmips",
    )
    .option("--store <dir>", "the store (env KMIPS_STORE; default $XDG_CACHE_HOME/kmips)")
    .option(
      "--set <name=value>",
      "an option of the project in place of its default; may stand several times",
      collect,
    )
    .option(
      "--target <platforms>",
      "build for these platforms, with commas between, in place of the project's",
      collect,
    )
    .option("--json", "print results as JSON")
    .option("--progress <mode>", "auto, tty, plain, json or quiet (env KMIPS_PROGRESS)")
    .option("--color <when>", "auto, always or never (env NO_COLOR, FORCE_COLOR, CLICOLOR)")
    .option("--offline", "fetch nothing: everything comes from the store")
    .option("--no-durable", "skip fsync: a power cut may cost rebuilds, never a wrong result")
    .helpOption("-h, --help", "print help")
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(kmips help shows the commands, kmips COMMAND --help one of them)")
    .exitOverride()
    .addHelpText(
      "after",
      `\nExit codes:\n${EXIT_MEANINGS.map(([code, text]) => `  ${String(code).padStart(3)}  ${text}`).join("\n")}`,
    );
  const globals = (): GlobalOptions => program.opts();

  const command = (
    spec: string,
    summary: string,
    examples: readonly string[],
    nodes = true,
  ): Command =>
    program
      .command(spec)
      .summary(summary)
      .description(summary)
      .exitOverride()
      .addHelpText(
        "after",
        `${nodes ? NODES_HELP : ""}\n\nExamples:\n${examples.map((line) => `  ${line}`).join("\n")}`,
      );

  const jobs = new Option(
    "-j, --jobs <n>",
    "how many nodes run at once (default: the processors)",
  ).argParser(Number);
  command("build [nodes...]", "run what is invalidated, and its tests", [
    "kmips build                    # everything",
    "kmips build etcd 'test*'       # an image and what it needs",
    "kmips build --set kubernetes=v1.16.3 --target riscv64",
    "kmips build --expect-cached    # exit 10 and say why if anything would run",
  ])
    .addOption(jobs)
    .option("-k, --keep-going", "go on with nodes that do not depend on a failed one")
    .option("--expect-cached", "run nothing; exit 10 with the reason if anything would run")
    .option(
      "--expect-recorded",
      "exit 4 unless every image has the digest that kmips.lock records for its recipe",
    )
    .option("--force", "run the named nodes even when they are cached")
    .option("--offline", "fetch nothing")
    .option(
      "--builder <name>",
      "the buildx builder that runs RUN steps (env KMIPS_BUILDER; default: one that answers, else a private one)",
    )
    .action(async (nodes: string[], options: BuildFlags) =>
      exit(await runBuild(globals(), nodes, options)),
    );

  command("plan [nodes...]", "say what would run and why, before it does", [
    "kmips plan",
    "kmips plan image.etcd --all    # cached nodes too",
  ])
    .option("-a, --all", "list cached nodes too")
    .action(async (nodes: string[], options: PlanFlags) =>
      exit(await runPlan(globals(), nodes, options)),
    );

  command(
    "why <node>",
    "the exact difference to the last build, root causes apart from followers",
    ["kmips why image.coredns"],
  ).action(async (node: string) => exit(await runWhy(globals(), node)));

  command("key <node>", "every field of a node's key", ["kmips key component.etcd --json"]).action(
    async (node: string) => exit(await runKey(globals(), node)),
  );

  command(
    "diff <before> <after>",
    "the difference between two keys",
    [
      "kmips diff last:image.etcd image.etcd",
      "kmips diff sha256:… sha256:…   # keys from kmips key",
    ],
    false,
  )
    .addHelpText(
      "after",
      "\nA side is NODE (as it would be built now), last:NODE (as it was last built) or a key.",
    )
    .action(async (before: string, after: string) => exit(await runDiff(globals(), before, after)));

  command("verify [nodes...]", "rebuild under other circumstances and compare digests", [
    "kmips verify image.etcd        # exit 4 and name the first node and file that differ",
    "kmips verify --store           # hash everything in the store again",
  ])
    .option("--blobs", "check the store instead: hash every blob and record again")
    .option("--offline", "fetch nothing")
    .addOption(new Option("-j, --jobs <n>", "processors for a node").argParser(Number))
    .action(async (nodes: string[], options: VerifyFlags) =>
      exit(await runVerify(globals(), nodes, options)),
    );

  command("check [nodes...]", "check the recipes without building", [
    "kmips check",
    "kmips check -C examples/hello",
    "kmips check --recorded     # exit 4 and name the images whose recipe changed since their record",
  ])
    .option("--recorded", "check instead that kmips.lock records the digest of every image (NODES)")
    .action(async (nodes: string[], options: CheckFlags) =>
      exit(await runCheck(globals(), nodes, options)),
    );

  command(
    "fmt [files...]",
    "format recipes; no options to choose from",
    ["kmips fmt", "kmips fmt --check"],
    false,
  )
    .option("--check", "change nothing; exit 3 when a file is not formatted")
    .action(async (files: string[], options: FmtFlags) =>
      exit(await runFmt(globals(), files, options)),
    );

  command("query [nodes...]", "list nodes", [
    "kmips query 'image.*'",
    "kmips query etcd --deps",
    "kmips query source.kubernetes --rdeps",
    "kmips query --options          # what --set takes",
  ])
    .option("--deps", "with everything they need")
    .option("--rdeps", "with everything that needs them")
    .option("--options", "list the project's options and their values instead")
    .action(async (nodes: string[], options: QueryFlags) =>
      exit(await runQuery(globals(), nodes, options)),
    );

  command("graph [nodes...]", "the build graph as text for Graphviz or Mermaid", [
    "kmips graph image.etcd | dot -Tsvg > etcd.svg",
  ])
    .addOption(
      new Option("--format <format>", "the language").choices(["dot", "mermaid"]).default("dot"),
    )
    .action(async (nodes: string[], options: GraphFlags) =>
      exit(await runGraph(globals(), nodes, options)),
    );

  command(
    "images",
    "the images of the project and what the store has of them, or what the tests of a release want",
    [
      "kmips images",
      "kmips images --for k8s.io/kubernetes@v1.16.2     # built, buildable, missing, not wanted",
      "kmips images --for source.kubernetes --tests etcd",
      "kmips images --rows port.tsv --for source.kubernetes --write README.md",
      "skopeo inspect oci:STORE:etcd:3.3.15",
    ],
    false,
  )
    .option("--for <source>", "what this source's end-to-end tests use: MODULE@VERSION or a source")
    .option("--tests [image]", "with --for: the tests that need each image, or this one")
    .option(
      "--rows <file>",
      "the table of a port in Markdown: its rows, then what --for wants beside them",
    )
    .option("--write <document>", "with --rows: replace the table between the document's markers")
    .action(async (options: ImagesFlags) => exit(await runImages(globals(), options)));

  command("log <node>", "what the last run of a node printed", ["kmips log component.etcd"]).action(
    async (node: string) => exit(await runLog(globals(), node)),
  );

  addExportCommands(command, globals, exit);

  command(
    "update [nodes...]",
    "move the facts of kmips.lock, and say what would be rebuilt, before it is",
    [
      "kmips update base.debian       # fetch its package lists anew, and what they change",
      "kmips update --dry-run         # the same for everything, without writing",
      "kmips update component.etcd    # record what its last build fetched",
      "kmips update source.calico     # lock the commit of its tag, or its archive's digest",
      "kmips update --record          # record the digests of the images that are built",
    ],
  )
    .option("--dry-run", "write nothing")
    .option("--record", "record the digests of built images instead, and the last run of a group")
    .action(async (nodes: string[], options: UpdateFlags) =>
      exit(await runUpdate(globals(), nodes, options)),
    );

  command(
    "vault",
    "what was fetched and is kept for building without a network",
    ["kmips vault", "kmips vault --check    # exit 4 if anything is missing or damaged"],
    false,
  )
    .option("--check", "hash every byte")
    .action(async (options: VaultFlags) => exit(await runVault(globals(), options)));

  command("slow [nodes...]", "where the time under emulators went, and what would make it less", [
    "kmips slow",
    "kmips slow image.agnhost --limit 3",
  ])
    .addOption(new Option("--limit <n>", "how many nodes (default 10)").argParser(wholeNumber))
    .action(async (nodes: string[], options: SlowFlags) =>
      exit(await runSlow(globals(), nodes, options)),
    );

  addControlPlaneCommands(command, globals, exit);

  command(
    "gc",
    "remove what no image, project or running build needs",
    ["kmips gc --plan", "kmips gc --max-size 20GiB"],
    false,
  )
    .option("--plan", "only say what would go")
    .option(
      "--max-size <size>",
      "also remove the least recently used results above this size, e.g. 20GiB",
    )
    .option(
      "--older-than <duration>",
      "results that no project was last built with go when unused this long (default 30d)",
    )
    .option("--vault", "also drop what was fetched for builds that no project has now")
    .option("--grace <duration>", "spare everything younger (default 1h)")
    .action(async (options: GcFlags) => exit(await runGc(globals(), options)));

  command(
    "doctor",
    "check the tools that the project needs, with one fix per gap",
    ["kmips doctor"],
    false,
  ).action(async () => exit(await runDoctor(globals())));

  command(
    "setup",
    "install missing packages, register the emulator, build the private builder",
    ["kmips setup", "kmips setup --yes"],
    false,
  )
    .option("-y, --yes", "do not ask")
    .action(async (options: SetupFlags) => exit(await runSetup(globals(), options)));

  command(
    "port <target>",
    "what the project lacks for another architecture, before anything is built for it",
    [
      "kmips port riscv64",
      "kmips port loong64 --write    # ports/loong64/project.kmips, which builds the same recipes",
    ],
    false,
  )
    .option("--write", "make the project of the port; nothing that is there is changed")
    .addHelpText(
      "after",
      `
It asks the Debian archive which packages of the recipes the architecture has and in which suite,
this machine for compiler and emulator, the Go modules of the last build for files that build
constraints leave out, and the recipes for what they decide by architecture. What only running the
programs can show is listed too.`,
    )
    .action(async (target: string, options: PortFlags) =>
      exit(await runPort(globals(), target, options)),
    );

  command(
    "completion <shell>",
    `print a completion script: ${SHELLS.join(", ")}`,
    ["kmips completion bash > /etc/bash_completion.d/kmips"],
    false,
  ).action((shell: string) => {
    if (!SHELLS.includes(shell as Shell))
      program.error(`error: unknown shell "${shell}"; use ${SHELLS.join(", ")}`, { exitCode: 2 });
    process.stdout.write(completionScript(shell as Shell, program));
  });
  return program;
}

/** The values of an option that may stand several times. */
function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}
