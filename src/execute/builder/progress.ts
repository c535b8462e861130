/**
 * What `buildx build --progress=rawjson` tells: one JSON object a line, of BuildKit's `SolveStatus`,
 * and lines of text when it fails.
 */

/** A step as BuildKit reports it, as far as kmips reads it. */
interface Vertex {
  readonly digest?: string;
  readonly name?: string;
  /** RFC 3339. */
  readonly started?: string;
  readonly completed?: string;
  readonly error?: string;
}

interface SolveStatus {
  readonly vertexes?: readonly Vertex[];
  /** `data` is base64. */
  readonly logs?: readonly { readonly vertex?: string; readonly data?: string }[];
}

/** `[2/2] RUN …`, `[stage-1 2/2] RUN …`. */
const RUN_STEP = /^\[[^\]]*\] RUN /;

/** Follows one build with a single RUN step. */
export class BuildProgress {
  readonly #onOutput: (chunk: Buffer) => void;
  readonly #runs = new Set<string>();
  #pending = "";
  #started: number | undefined;
  #completed: number | undefined;
  #error: string | undefined;
  #other = "";

  /** `onOutput` receives what the step itself prints. */
  constructor(onOutput: (chunk: Buffer) => void) {
    this.#onOutput = onOutput;
  }

  /** Takes the next part of the client's output, cut anywhere. */
  write(chunk: Buffer): void {
    const lines = `${this.#pending}${chunk.toString("latin1")}`.split("\n");
    this.#pending = lines.pop() ?? "";
    for (const line of lines) this.#line(Buffer.from(line, "latin1").toString("utf8"));
  }

  end(): void {
    if (this.#pending !== "") this.write(Buffer.from("\n"));
  }

  /** Milliseconds that the step ran, or 0 when it did not. */
  get stepMs(): number {
    if (this.#started === undefined || this.#completed === undefined) return 0;
    return Math.max(0, this.#completed - this.#started);
  }

  /** Why the step failed, in BuildKit's words; undefined when it did not. */
  get stepError(): string | undefined {
    return this.#error;
  }

  /** The exit code in BuildKit's words for a failed command. */
  get stepExit(): number | undefined {
    const code = /exit code: (\d+)/.exec(this.#error ?? "")?.[1];
    return code === undefined ? undefined : Number(code);
  }

  /** What was printed beside the progress: the client's own errors. */
  get otherText(): string {
    return this.#other;
  }

  #line(line: string): void {
    const status = line.startsWith("{") ? parse(line) : undefined;
    if (status === undefined) {
      this.#other += `${line}\n`;
      return;
    }
    for (const vertex of status.vertexes ?? []) this.#vertex(vertex);
    for (const { vertex, data } of status.logs ?? []) {
      if (vertex !== undefined && this.#runs.has(vertex))
        this.#onOutput(Buffer.from(data ?? "", "base64"));
    }
  }

  #vertex({ digest, name, started, completed, error }: Vertex): void {
    if (digest === undefined || name === undefined || !RUN_STEP.test(name)) return;
    this.#runs.add(digest);
    if (started !== undefined) this.#started ??= Date.parse(started);
    if (completed !== undefined) this.#completed = Date.parse(completed);
    if (error !== undefined && error !== "") this.#error = error;
  }
}

function parse(line: string): SolveStatus | undefined {
  try {
    return JSON.parse(line) as SolveStatus;
  } catch {
    return undefined;
  }
}
