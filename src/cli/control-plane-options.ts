/** The options and help of `kmips up`, `kmips down` and `kmips conformance`. */
import { Option } from "commander";
import {
  runConformanceCommand,
  runDown,
  runUp,
  type ConformanceFlags,
  type DownFlags,
  type UpFlags,
} from "./control-plane-commands.js";
import type { GlobalOptions } from "./environment.js";
import { portNumber, wholeNumber, type ExitSetter, type MakeCommand } from "./option-values.js";

/** The commands about a control plane of built programs. */
export function addControlPlaneCommands(
  command: MakeCommand,
  globals: () => GlobalOptions,
  exit: ExitSetter,
): void {
  const directory = (): Option =>
    new Option("--dir <dir>", "state and logs (default: the project's place in the store)");

  command(
    "up",
    "run etcd, kube-apiserver, kube-controller-manager and kube-scheduler as built",
    [
      "kmips up -C recipes            # until Ctrl-C",
      "kmips up --detach && kmips down",
      "kubectl --kubeconfig FILE get namespaces    # FILE as kmips up prints it",
    ],
    false,
  )
    .addOption(directory())
    .addOption(
      new Option("--port <n>", "the apiserver's port (default: a free one)").argParser(portNumber),
    )
    .option("--detach", "return once everything answers; kmips down ends it")
    .addHelpText(
      "after",
      `
Programs of another architecture run under QEMU. Everything listens on 127.0.0.1 alone, with
certificates, admission and authorization as kubeadm v1.16 sets them; there is no node. The database
stays in the directory; kmips down --remove removes it.`,
    )
    .action(async (options: UpFlags) => exit(await runUp(globals(), options)));

  command(
    "down",
    "end what kmips up started",
    ["kmips down", "kmips down --remove    # with database, certificates, logs and spec results"],
    false,
  )
    .addOption(directory())
    .option("--remove", "remove the directory too")
    .action(async (options: DownFlags) => exit(await runDown(globals(), options)));

  command(
    "conformance",
    "run conformance specs that need only the API against kmips up",
    [
      "kmips conformance -C recipes             # goes on where it stopped",
      "kmips conformance --focus Watchers",
      "kmips conformance --list                 # the specs and what became of them",
    ],
    false,
  )
    .addOption(directory())
    .option("--list", "run nothing: show the specs and their results")
    .option("--focus <re>", "only specs whose name the expression finds")
    .option("--specs <file>", "another list of specs: one exact name a line")
    .addOption(
      new Option(
        "-j, --jobs <n>",
        "how many specs run at once; serial ones never do (default: 2)",
      ).argParser(wholeNumber),
    )
    .option("--fresh", "remove earlier results first")
    .addHelpText(
      "after",
      `
Writes e2e.log and junit_01.xml of every spec that ended by itself, failures included; a spec that was
cut has no result and runs again. Exit 0 only when every selected spec passed, 1 otherwise.`,
    )
    .action(async (options: ConformanceFlags) =>
      exit(await runConformanceCommand(globals(), options)),
    );
}
