/**
 * The effects that the engine may ask for. `src/host` has the real ones; tests pass others.
 */

/** Reads recipe text; the shipped recipes and the project come through the same port. */
export interface FileReader {
  /** The file's text, or undefined when there is none. Other failures are thrown. */
  readText(path: string): string | undefined;
  /** The canonical absolute path, symlinks resolved; undefined when there is none. */
  realPath(path: string): string | undefined;
  /** Names of a directory's entries, for did-you-mean only; undefined when there is none. */
  list?(path: string): readonly string[] | undefined;
}

export interface ProcessRequest {
  /** argv; the program is found by absolute path or on `env.PATH`. No shell is involved. */
  readonly argv: readonly string[];
  readonly cwd?: string;
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>;
  /** Bytes for standard input; absent: /dev/null. */
  readonly stdin?: string;
  /** Called with every chunk of stdout and stderr, in order of arrival. */
  readonly onOutput?: (chunk: Buffer, stream: "stdout" | "stderr") => void;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** How long it may take to end by itself after SIGTERM; default 5 s. */
  readonly graceMs?: number;
}

export interface ProcessResult {
  /** Exit code, or undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly killedBy: string | undefined;
  readonly timedOut: boolean;
  /** The last part (up to 1 MiB each) of what the child wrote. */
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** Starts child processes in a process group of their own and ends the whole group on abort or time-out. */
export interface ProcessRunner {
  run(request: ProcessRequest): Promise<ProcessResult>;
}
