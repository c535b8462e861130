/**
 * How executors run commands: inside the sandbox, or as a network client outside of it.
 *
 * Turns what the world says (no such tool, no space, time is up, the user pressed Ctrl-C) into
 * node failures; what an exit code means is left to the caller.
 */
import { isAbsolute } from "node:path";
import type { Tools } from "../host/index.js";
import { NodeFailure, resourceFailure } from "../model/failure.js";
import type { ProcessResult } from "../model/ports.js";
import type { ActionContext } from "./context.js";
import { excerpt } from "./excerpt.js";
import { boundToKmips } from "./launch.js";
import { sandboxArgv, type SandboxSpec, type SandboxTools } from "./sandbox.js";
import { asNodeFailure, saysDiskFull } from "./tool-failure.js";

/** No build step of the known components takes longer; a hang must end some day. */
const STEP_TIMEOUT_MS = 4 * 60 * 60 * 1000;

export interface ToolOptions {
  /** What is being done, for messages: `go build`. */
  readonly what: string;
  readonly timeoutMs?: number;
  /** Do not copy the output into the node's log. */
  readonly quiet?: boolean;
  /** Receives the output instead of the log. */
  readonly onOutput?: (chunk: Buffer) => void;
}

/**
 * Runs a command in the sandbox; `clientEnvironment` only with `spec.inheritEnvironment`.
 * @throws NodeFailure unless it ran to its end
 */
export function runSandboxed(
  ctx: ActionContext,
  spec: SandboxSpec,
  options: ToolOptions,
  clientEnvironment?: Readonly<Record<string, string>>,
): Promise<ProcessResult> {
  return guarded(ctx, options, () => {
    const perturbation = spec.perturbation ?? ctx.perturbation;
    const complete = perturbation === undefined ? spec : { ...spec, perturbation };
    return ctx.processes.run({
      argv: sandboxArgv(complete, sandboxTools(ctx.tools)),
      // The sandbox's own environment is declared in its arguments; the wrappers need none.
      env: clientEnvironment ?? { PATH: "/usr/bin:/bin" },
      timeoutMs: options.timeoutMs ?? STEP_TIMEOUT_MS,
      signal: ctx.signal,
      ...logging(ctx, options),
    });
  });
}

/**
 * Runs a client of this machine, by name or absolute path, with `env` over the user's environment,
 * or with nothing but `env`. It dies with kmips. @throws NodeFailure unless it ran to its end
 */
export function runClient(
  ctx: ActionContext,
  command: {
    readonly argv: readonly string[];
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly onlyEnv?: boolean;
  },
  options: ToolOptions,
): Promise<ProcessResult> {
  return guarded(ctx, options, () => {
    const [program = "", ...args] = command.argv;
    return ctx.processes.run({
      argv: [
        ...boundToKmips(ctx.tools),
        isAbsolute(program) ? program : ctx.tools.require(program),
        ...args,
      ],
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      env: command.onlyEnv === true ? { ...command.env } : { ...ctx.environment, ...command.env },
      timeoutMs: options.timeoutMs ?? STEP_TIMEOUT_MS,
      signal: ctx.signal,
      ...logging(ctx, options),
    });
  });
}

/** A `command` failure from a result that is not what was wanted. */
export function commandFailure(what: string, result: ProcessResult, help?: string): NodeFailure {
  return new NodeFailure(
    {
      type: "command",
      what,
      exit: exitText(result),
      excerpt: excerpt(`${result.stdout}\n${result.stderr}`),
    },
    help,
  );
}

/** `exit 2` or `signal SIGSEGV`. */
export function exitText(result: ProcessResult): string {
  return result.code === undefined
    ? `signal ${String(result.killedBy)}`
    : `exit ${String(result.code)}`;
}

/** The programs every sandbox needs. @throws ToolMissingError */
export function sandboxTools(tools: Tools): SandboxTools {
  return {
    bwrap: tools.require("bwrap"),
    prlimit: tools.require("prlimit"),
    sh: tools.require("sh"),
    taskset: tools.require("taskset"),
  };
}

async function guarded(
  ctx: ActionContext,
  options: ToolOptions,
  run: () => Promise<ProcessResult>,
): Promise<ProcessResult> {
  if (ctx.signal.aborted) throw new NodeFailure({ type: "interrupted" });
  let result: ProcessResult;
  try {
    result = await run();
  } catch (error) {
    throw asNodeFailure(error, ctx.tools, options.what);
  }
  if (ctx.signal.aborted) throw new NodeFailure({ type: "interrupted" });
  if (result.timedOut) {
    throw new NodeFailure({
      type: "timeout",
      what: options.what,
      ms: options.timeoutMs ?? STEP_TIMEOUT_MS,
    });
  }
  const said = `${result.stdout}\n${result.stderr}`;
  if (result.code !== 0 && saysDiskFull(said)) {
    throw resourceFailure("ENOSPC", ctx.store.root, options.what);
  }
  if (
    result.code !== 0 &&
    /^bwrap: (?:No permissions to create|Creating new namespace failed|setting up uid map)/m.test(
      said,
    )
  ) {
    throw new NodeFailure(
      { type: "tool", tool: "bwrap", why: excerpt(said), install: ctx.tools.installHint("bwrap") },
      "Allow user namespaces on this machine, or run kmips as root",
    );
  }
  return result;
}

function logging(ctx: ActionContext, options: ToolOptions): { onOutput?: (chunk: Buffer) => void } {
  if (options.onOutput !== undefined) return { onOutput: options.onOutput };
  return options.quiet === true ? {} : { onOutput: (chunk) => ctx.log(chunk) };
}
