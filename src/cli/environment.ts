/**
 * The outside world of one invocation: argv's global options, variables, paths, streams.
 * Together with the other files of this folder the only place that reads `process`.
 */
import { readdirSync } from "node:fs";
import { arch } from "node:os";
import { dirname, join } from "node:path";
import { ChildProcessRunner, DiskFileReader } from "../host/index.js";
import { UsageError, type Environment } from "../commands/index.js";
import { PROJECT_FILE, projectRoot, storeRoot, usualStoreRoot } from "../plan/locations.js";
import { readOverrides } from "../plan/overrides.js";
import { paintFor, type Paint, type ProgressMode } from "../report/index.js";

/** Replaced by the bundler. */
declare const __KMIPS_VERSION__: string;
declare const __KMIPS_BUILD_ID__: string;

export const VERSION = __KMIPS_VERSION__;
/** Identity of this build of kmips: plans of another build are stale. */
export const BUILD_ID = __KMIPS_BUILD_ID__;

/** Options that every command takes. */
export interface GlobalOptions {
  readonly directory?: string;
  readonly store?: string;
  readonly json?: boolean;
  readonly progress?: string;
  readonly color?: string;
  readonly durable?: boolean;
  readonly offline?: boolean;
  readonly set?: readonly string[];
  readonly target?: readonly string[];
}

export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly outPaint: Paint;
  readonly errPaint: Paint;
}

/** @throws UsageError for a directory that is not there, or overrides of another form */
export function makeEnvironment(
  options: GlobalOptions,
  onWarning: (message: string) => void,
): Environment {
  const variables = definedVariables();
  const start = options.directory ?? process.cwd();
  const root = projectRoot(start);
  if (root === undefined)
    throw new UsageError(`No directory "${start}"`, "name the project with -C DIRECTORY");
  const overrides = readOverrides(options.set ?? [], options.target ?? []);
  if (overrides === undefined)
    throw new UsageError(
      "--set takes NAME=VALUE, --target names of platforms",
      "e.g. --set kubernetes=v1.16.3, --target riscv64 or --target mips64le,riscv64",
    );
  // The bundle stands in dist/ beside recipes/.
  const installation = dirname(__dirname);
  return {
    root,
    entry: entryRecipes(root),
    storePath: storeRoot(options.store, process.env, process.cwd()),
    usualStorePath: usualStoreRoot(process.env),
    shipped: join(installation, "recipes"),
    reader: new DiskFileReader(),
    processes: new ChildProcessRunner(),
    toolSearch: { path: variables["PATH"] ?? "", node: process.execPath, nodeArch: arch() },
    variables,
    testDriver: join(__dirname, "test-driver.cjs"),
    version: VERSION,
    durable: options.durable !== false,
    overrides,
    onWarning,
  };
}

/** `project.kmips`, or every recipe of the directory when there is none. */
export function entryRecipes(root: string): string[] {
  const names = readdirSync(root).filter((name) => name.endsWith(".kmips"));
  if (names.includes(PROJECT_FILE)) return [join(root, PROJECT_FILE)];
  return names.sort().map((name) => join(root, name));
}

function definedVariables(): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined) variables[name] = value;
  // The start-up script put it aside because reading it costs time; network clients need it.
  const certificates = variables["KMIPS_EXTRA_CA_CERTS"];
  if (certificates !== undefined) variables["NODE_EXTRA_CA_CERTS"] = certificates;
  return variables;
}

/** @throws UsageError for an unknown choice */
export function makeStreams(options: GlobalOptions): Streams {
  const choice = options.color ?? "auto";
  if (choice !== "auto" && choice !== "always" && choice !== "never") {
    throw new UsageError(`Unknown color choice "${choice}"`, "use auto, always or never");
  }
  const paint = (isTty: boolean): Paint => paintFor({ choice, env: process.env, isTty });
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    outPaint: paint(process.stdout.isTTY),
    errPaint: paint(process.stderr.isTTY),
  };
}

/** `--progress` > KMIPS_PROGRESS > BUILDKIT_PROGRESS > a live view on a terminal. @throws UsageError */
export function progressMode(options: GlobalOptions): ProgressMode {
  const wanted =
    options.progress ?? process.env["KMIPS_PROGRESS"] ?? process.env["BUILDKIT_PROGRESS"] ?? "auto";
  switch (wanted) {
    case "auto":
      return process.stderr.isTTY ? "tty" : "plain";
    case "tty":
      if (!process.stderr.isTTY)
        throw new UsageError("--progress tty needs a terminal", "use --progress plain");
      return "tty";
    case "plain":
    case "quiet":
      return wanted;
    case "json":
    case "rawjson":
      return "json";
    default:
      throw new UsageError(
        `Unknown progress mode "${wanted}"`,
        "use auto, tty, plain, json or quiet",
      );
  }
}

/** An abort on the first SIGINT or SIGTERM; a second one ends the process at once. */
export function abortOnSignals(): {
  readonly signal: AbortSignal;
  readonly exitCode: () => number | undefined;
} {
  const controller = new AbortController();
  let code: number | undefined;
  for (const [name, exit] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.on(name, () => {
      if (code !== undefined) process.exit(exit);
      code = exit;
      process.stderr.write(`\n${name}: ending what runs; once more to stop at once\n`);
      controller.abort();
    });
  }
  return { signal: controller.signal, exitCode: () => code };
}

export function terminalColumns(): number {
  return process.stderr.columns || 80;
}
