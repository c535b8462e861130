/**
 * The full program: everything but the start with nothing to do, which `main.ts` answers.
 */
import { CommanderError } from "commander";
import {
  CorruptBlobError,
  StorageError,
  StoreBusyError,
  StoreFormatError,
} from "../../cache/index.js";
import { RecipeErrors, UsageError } from "../commands/index.js";
import { ToolMissingError, UnsupportedFileError } from "../host/index.js";
import { EXIT } from "../model/exit-code.js";
import { NodeFailure } from "../model/failure.js";
import {
  describeFailure,
  diagnosticsAsData,
  helpFor,
  paintFor,
  renderDiagnostics,
} from "../report/index.js";
import { exitCodeOf } from "../model/exit-code.js";
import { VERSION } from "./environment.js";
import { makeProgram } from "./program.js";

/** Runs the program with arguments as in `process.argv`; resolves to the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = makeProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(withStoreCheck(argv));
    return exitCode;
  } catch (error) {
    return explainError(error, argv.includes("--json"));
  }
}

/**
 * `verify --store` without a directory means "the store itself"; with one, as everywhere, it says
 * which store. Commander cannot have both under one name.
 */
function withStoreCheck(argv: readonly string[]): string[] {
  if (!argv.includes("verify")) return [...argv];
  return argv.map((word, index) => {
    const next = argv[index + 1];
    return word === "--store" && (next === undefined || next.startsWith("-") || next === "verify")
      ? "--blobs"
      : word;
  });
}

function explainError(error: unknown, json: boolean): number {
  const paint = paintFor({ choice: "auto", env: process.env, isTty: process.stderr.isTTY });
  const say = (message: string, help?: string): void => {
    process.stderr.write(`${paint.red.bold("error:")} ${message}\n`);
    if (help !== undefined) process.stderr.write(`  ${paint.green("help:")} ${help}\n`);
  };
  if (error instanceof CommanderError) {
    // Help and version were printed on request; anything else is wrong usage.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  if (error instanceof RecipeErrors) {
    if (json)
      process.stdout.write(
        `${JSON.stringify({ diagnostics: diagnosticsAsData(error.diagnostics) })}\n`,
      );
    else process.stderr.write(renderDiagnostics(error.diagnostics, paint));
    return EXIT.recipe;
  }
  if (error instanceof UsageError) {
    say(error.message, error.help);
    return EXIT.usage;
  }
  if (error instanceof NodeFailure) {
    const { code, headline, details } = describeFailure(error.reason);
    say([`${code}: ${headline}`, ...details].join("\n    "), error.help ?? helpFor(error.reason));
    return exitCodeOf(error.reason);
  }
  if (error instanceof UnsupportedFileError) {
    say(error.message, "exclude it from the source, or remove it");
    return EXIT.recipe;
  }
  if (error instanceof ToolMissingError) {
    say(error.message, "kmips doctor names the package of each tool; kmips setup installs them");
    return EXIT.environment;
  }
  if (error instanceof StoreBusyError) {
    say(error.message, "wait for the other kmips, or run again");
    return EXIT.locked;
  }
  if (error instanceof StoreFormatError || error instanceof CorruptBlobError) {
    say(error.message, "kmips verify --store finds what is damaged; --store names another store");
    return EXIT.store;
  }
  if (error instanceof StorageError) {
    say(error.message, "free space or correct the permissions and run again: nothing was lost");
    return EXIT.environment;
  }
  const { code } = error as { code?: unknown };
  if (typeof code === "string" && ["EACCES", "EPERM", "ENOSPC", "EROFS", "EMFILE"].includes(code)) {
    say((error as Error).message, "correct the permissions or the disk and run again");
    return EXIT.environment;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `${paint.red.bold("bug in kmips")} ${VERSION}, please report it with the recipe and this text:\n${stack}\n`,
  );
  return EXIT.bug;
}
