/**
 * Build events as text on one stream: plain lines for pipes and logs, one status line on a
 * terminal, JSON objects for programs. Results of a command go to stdout and never through here.
 */
import type { BuildEvent, NodeOutcome } from "../model/event.js";
import { formatMs } from "./duration.js";
import { describeFailure, helpFor } from "./failure.js";
import { printable, type Paint } from "./paint.js";

export interface Reporter {
  event(event: BuildEvent): void;
  /** Clears what is transient; called once, also after an interruption. */
  end(): void;
}

export type ProgressMode = "tty" | "plain" | "json" | "quiet";

export interface ReporterOptions {
  readonly mode: ProgressMode;
  readonly paint: Paint;
  readonly write: (text: string) => void;
  /** Columns of the terminal. */
  readonly columns: number;
  /** Reads a node's log, for showing it on failure. */
  readonly readLog: (path: string) => string | undefined;
  /** Milliseconds on any steady clock. */
  readonly now: () => number;
  /** Calls back every `ms` milliseconds until the function it returns is called. */
  readonly every: (ms: number, tick: () => void) => () => void;
}

export function createReporter(options: ReporterOptions): Reporter {
  switch (options.mode) {
    case "quiet":
      return { event: () => undefined, end: () => undefined };
    case "json":
      return new JsonReporter(options);
    case "plain":
      return new PlainReporter(options);
    case "tty":
      return new LiveReporter(options);
  }
}

/** One JSON object a line: `v` is the version of the shape, `seq` counts. */
class JsonReporter implements Reporter {
  readonly #options: ReporterOptions;
  #seq = 0;
  constructor(options: ReporterOptions) {
    this.#options = options;
  }
  event(event: BuildEvent): void {
    this.#options.write(`${JSON.stringify({ v: 1, seq: this.#seq++, ...event })}\n`);
  }
  end(): void {
    // Every line was written when it happened.
  }
}

/** A pipe that stays silent for longer than this looks like a hang. */
const HEARTBEAT_MS = 30_000;

class PlainReporter implements Reporter {
  protected readonly options: ReporterOptions;
  protected readonly running = new Map<string, number>();
  #total = 0;
  #done = 0;
  #stop: (() => void) | undefined;

  constructor(options: ReporterOptions) {
    this.options = options;
  }

  /** How often `tick` is called while nodes run, in ms. */
  protected get interval(): number {
    return HEARTBEAT_MS;
  }

  protected tick(): void {
    if (this.running.size > 0) this.line(this.runningText());
  }

  /** `[done/total] node 12.3s  node 4.5s` */
  protected runningText(): string {
    const now = this.options.now();
    const running = [...this.running].map(
      ([address, since]) => `${printable(address)} ${formatMs(now - since)}`,
    );
    return `${this.progress()} ${running.join("  ")}`;
  }

  event(event: BuildEvent): void {
    switch (event.type) {
      case "plan":
        this.#total = this.#done + event.toRun + event.waiting;
        return;
      case "started":
        this.running.set(event.address, this.options.now());
        this.#stop ??= this.options.every(this.interval, () => this.tick());
        this.announce(event);
        return;
      case "finished":
        this.running.delete(event.address);
        this.#done++;
        for (const text of this.outcomeLines(event.address, event.outcome, event.log))
          this.line(text);
        return;
      case "note":
        this.line(`note   ${printable(event.address)}  ${printable(event.message)}`);
        return;
      case "warning":
        this.line(`${this.options.paint.yellow("warning")}  ${printable(event.message)}`);
    }
  }

  end(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  protected announce({ address, cause }: { address: string; cause: string }): void {
    this.line(`start  ${printable(address)}  ${printable(cause)}`);
  }

  protected line(text: string): void {
    this.options.write(`${text}\n`);
  }

  /** `[done/total]`; the total counts nodes that may turn out cached as well. */
  protected progress(): string {
    return `[${this.#done}/${Math.max(this.#total, this.#done)}]`;
  }

  protected outcomeLines(address: string, outcome: NodeOutcome, log: string | undefined): string[] {
    const { paint } = this.options;
    const name = printable(address);
    switch (outcome.kind) {
      case "built": {
        const emulated = outcome.emulatedMs > 0 ? `, ${formatMs(outcome.emulatedMs)} emulated` : "";
        return [
          `${this.progress()} ${paint.green("built")}  ${name}  ${outcome.result.slice(0, 19)}  ${formatMs(outcome.nativeMs)} native${emulated}`,
        ];
      }
      case "cached":
        return outcome.cutOff
          ? [
              `${this.progress()} ${paint.green("same")}   ${name}  inputs came out identical, not run`,
            ]
          : [];
      case "failed": {
        const failure = describeFailure(outcome.reason);
        const lines = [
          `${this.progress()} ${paint.red.bold("FAILED")} ${name}  ${failure.code}: ${failure.headline}`,
        ];
        lines.push(...failure.details.map((detail) => `    ${detail}`));
        const help = outcome.help ?? helpFor(outcome.reason);
        if (help !== undefined) lines.push(`  ${paint.green("help:")} ${printable(help)}`);
        lines.push(...this.logLines(outcome, log));
        return lines;
      }
      case "skipped":
        return [];
    }
  }

  /** The whole log of a failed tool, once, when it says more than the excerpt. */
  private logLines(outcome: NodeOutcome, path: string | undefined): string[] {
    if (outcome.kind !== "failed" || outcome.reason.type === "interrupted" || path === undefined)
      return [];
    const log = this.options.readLog(path);
    if (log === undefined || log.trim() === "") return [];
    const body = printable(log).trimEnd().split("\n");
    return [`  log (${path}):`, ...body.map((text) => `  | ${text}`)];
  }
}

/** Finished lines scroll by; the last line says what runs now. Redrawn at most ten times a second. */
class LiveReporter extends PlainReporter {
  #drawn = false;
  #lastDraw = 0;

  override event(event: BuildEvent): void {
    super.event(event);
    this.#draw(event.type === "started");
  }

  override end(): void {
    super.end();
    this.#erase();
  }

  protected override get interval(): number {
    return 500;
  }

  protected override tick(): void {
    this.#draw(true);
  }

  /** The status line says what runs. */
  protected override announce(): void {
    this.#draw(true);
  }

  protected override line(text: string): void {
    this.#erase();
    super.line(text);
  }

  #draw(force: boolean): void {
    const now = this.options.now();
    if (!force && this.#drawn && now - this.#lastDraw < 100) return;
    this.#erase();
    if (this.running.size === 0) return;
    this.#lastDraw = now;
    const width = Math.max(20, this.options.columns - 1);
    this.options.write(this.options.paint.dim(this.runningText().slice(0, width)));
    this.#drawn = true;
  }

  #erase(): void {
    if (!this.#drawn) return;
    this.options.write("\r\u001b[2K");
    this.#drawn = false;
  }
}
