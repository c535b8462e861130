/**
 * Child processes: the only file that starts any.
 *
 * Each child leads a process group of its own, so that ending it ends everything it started in
 * that group. There is never a shell: argv goes to the kernel as it is. What the child writes is
 * streamed to the caller and its last part is kept.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { kill } from "node:process";
import type { Writable } from "node:stream";
import type { ProcessRequest, ProcessResult, ProcessRunner } from "../model/ports.js";

const TAIL_BYTES = 1024 * 1024;
/** Between the polite signal and the one that cannot be caught. */
const GRACE_MS = 5_000;

/** Enough for the words that say that a daemon is ready. */
const READY_CHARACTERS = 4096;

/** The program of a request does not exist or may not be executed. */
export class ToolMissingError extends Error {
  override readonly name = "ToolMissingError";
  readonly code = "KMIPS_TOOL_MISSING";
  readonly tool: string;
  constructor(tool: string, options?: ErrorOptions) {
    super(`Cannot start "${tool}": not found or not executable`, options);
    this.tool = tool;
  }
}

/** The kernel would not start a process: no memory, too many processes or files. */
export class SpawnError extends Error {
  override readonly name = "SpawnError";
  readonly code = "KMIPS_SPAWN";
  readonly errno: string;
  constructor(tool: string, errno: string, options?: ErrorOptions) {
    super(`Cannot start "${tool}": ${errno}`, options);
    this.errno = errno;
  }
}

/** Keeps the last `limit` bytes of a stream. */
class Tail {
  readonly #chunks: Buffer[] = [];
  #size = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
    for (let first = this.#chunks[0]; first !== undefined; first = this.#chunks[0]) {
      if (this.#size - first.byteLength < TAIL_BYTES) break;
      this.#chunks.shift();
      this.#size -= first.byteLength;
    }
  }

  text(): string {
    const all = Buffer.concat(this.#chunks);
    return all.subarray(Math.max(0, all.byteLength - TAIL_BYTES)).toString("utf8");
  }
}

function startError(tool: string, cwd: string | undefined, cause: NodeJS.ErrnoException): Error {
  const errno = cause.code ?? "unknown";
  // Node reports a missing working directory with the same ENOENT as a missing program.
  if (errno === "ENOENT" && cwd !== undefined && !existsSync(cwd)) {
    return new SpawnError(tool, `no directory "${cwd}"`, { cause });
  }
  if (errno === "ENOENT" || errno === "EACCES" || errno === "ENOEXEC") {
    return new ToolMissingError(tool, { cause });
  }
  return new SpawnError(tool, errno, { cause });
}

/** Sends `signal` to every process of the group that `child` leads; none left is not an error. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    kill(-child.pid, signal);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

/** The real process runner. */
export class ChildProcessRunner implements ProcessRunner {
  /**
   * Runs one command to its end. A non-zero exit, a signal and a time-out are results.
   * @throws ToolMissingError, SpawnError when the command cannot be started
   */
  run(request: ProcessRequest): Promise<ProcessResult> {
    const [program, ...args] = request.argv;
    if (program === undefined) return Promise.reject(new TypeError("argv is empty"));
    const started = performance.now();
    return new Promise((resolve, reject) => {
      let child: ChildProcess;
      try {
        child = spawn(program, args, {
          ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
          env: { ...request.env },
          detached: true,
          shell: false,
          stdio: [request.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
        });
      } catch (error) {
        reject(startError(program, request.cwd, error as NodeJS.ErrnoException));
        return;
      }
      const stdout = new Tail();
      const stderr = new Tail();
      let timedOut = false;
      let hardKill: NodeJS.Timeout | undefined;
      const end = (): void => {
        if (hardKill !== undefined) return;
        signalGroup(child, "SIGTERM");
        const graceMs = request.graceMs ?? GRACE_MS;
        hardKill = setTimeout(() => signalGroup(child, "SIGKILL"), graceMs);
      };
      const timer =
        request.timeoutMs === undefined
          ? undefined
          : setTimeout(() => {
              timedOut = true;
              end();
            }, request.timeoutMs);
      const settle = (): void => {
        clearTimeout(timer);
        clearTimeout(hardKill);
        request.signal?.removeEventListener("abort", end);
      };
      child.stdout?.on("data", (chunk: Buffer) => {
        stdout.push(chunk);
        request.onOutput?.(chunk, "stdout");
      });
      child.stderr?.on("data", (chunk: Buffer) => {
        stderr.push(chunk);
        request.onOutput?.(chunk, "stderr");
      });
      // A child may end without having read all of its input; that is its own affair.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(request.stdin);
      child.once("error", (error: NodeJS.ErrnoException) => {
        settle();
        reject(startError(program, request.cwd, error));
      });
      // The leader is gone: whatever it left behind in its group must not outlive it, nor keep
      // the pipes open so that "close" never comes.
      child.once("exit", () => signalGroup(child, "SIGKILL"));
      child.once("close", (code, signal) => {
        settle();
        resolve({
          code: code ?? undefined,
          killedBy: signal ?? undefined,
          timedOut,
          stdout: stdout.text(),
          stderr: stderr.text(),
          elapsedMs: Math.round(performance.now() - started),
        });
      });
      if (request.signal?.aborted === true) end();
      else request.signal?.addEventListener("abort", end, { once: true });
    });
  }
}

/** A child that lives as long as its standard input stays open, such as the holder of a lock. */
export interface HeldProcess {
  readonly stdin: Writable;
  /**
   * Resolves at the first output of the child (or what `ready` waits for), or with the exit when it
   * ends without any.
   */
  readonly answered: Promise<
    "output" | { readonly code: number | undefined; readonly stderr: string }
  >;
  readonly exited: Promise<void>;
  /** Whether this process stays alive for the child's sake; it does at first. */
  keepAlive(keep: boolean): void;
  /** Ends the child and its group, politely at first; resolves when it is gone. */
  end(): Promise<void>;
}

export interface HoldOptions {
  readonly cwd?: string;
  /** The words on standard error that count as its first output. */
  readonly ready?: RegExp;
}

/**
 * Starts `argv` with a pipe as its standard input and does not wait for its end.
 * @throws ToolMissingError, SpawnError through `answered`
 */
export function holdProcess(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  options: HoldOptions = {},
): HeldProcess {
  const { cwd, ready } = options;
  const [program = "", ...args] = argv;
  // A group of its own: Ctrl-C in a terminal must not end the child before this process has
  // put its affairs in order.
  const child = spawn(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...env },
    detached: true,
    shell: false,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const stderr = new Tail();
  child.stdin.on("error", () => undefined);
  const exited = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  const answered = new Promise<Awaited<HeldProcess["answered"]>>((resolve, reject) => {
    if (ready === undefined) child.stdout.once("data", () => resolve("output"));
    // Read to the end whatever is waited for: a full pipe would stop the child.
    else child.stdout.resume();
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr.push(chunk);
      if (ready === undefined) return;
      said = `${said}${chunk.toString()}`.slice(-READY_CHARACTERS);
      if (ready.test(said)) resolve("output");
    });
    child.once("error", (error) => reject(startError(program, cwd, error)));
    child.once("close", (code) => resolve({ code: code ?? undefined, stderr: stderr.text() }));
  });
  const keepAlive = (keep: boolean): void => {
    // Pipes to children are sockets; their declared stream types do not say so.
    const handles = [child, child.stdin, child.stdout, child.stderr] as unknown as {
      ref(): void;
      unref(): void;
    }[];
    for (const handle of handles) {
      if (keep) handle.ref();
      else handle.unref();
    }
  };
  return {
    stdin: child.stdin,
    answered,
    exited,
    keepAlive,
    end: async () => {
      keepAlive(true);
      signalGroup(child, "SIGTERM");
      const hardKill = setTimeout(() => signalGroup(child, "SIGKILL"), GRACE_MS);
      await exited;
      clearTimeout(hardKill);
    },
  };
}

/** A program that writes to a file of its own and needs nothing more of this process. */
export interface Daemon {
  readonly pid: number;
  /** Resolves to `exit 1` or the name of a signal once it ends while this process lives. */
  readonly exited: Promise<string>;
  /** This process no longer stays alive for its sake. */
  release(): void;
}

export interface DaemonRequest {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The file that gets what it writes, after what is there. */
  readonly log: string;
}

/**
 * Starts a program in a session and process group of its own, whose id is its pid, so that neither
 * Ctrl-C in the terminal nor the terminal's end reaches it.
 * @throws ToolMissingError, SpawnError
 */
export function startDaemon({ argv, env, cwd, log }: DaemonRequest): Promise<Daemon> {
  const [program = "", ...args] = argv;
  const file = openSync(log, "a", 0o600);
  try {
    const child = spawn(program, args, {
      cwd,
      env: { ...env },
      detached: true,
      shell: false,
      stdio: ["ignore", file, file],
    });
    const exited = new Promise<string>((resolve) => {
      child.once("exit", (code, signal) => resolve(signal ?? `exit ${String(code)}`));
    });
    return new Promise((resolve, reject) => {
      child.once("error", (error) => reject(startError(program, cwd, error)));
      child.once("spawn", () => {
        const { pid } = child;
        if (pid !== undefined) resolve({ pid, exited, release: () => child.unref() });
      });
    });
  } finally {
    closeSync(file);
  }
}
