/**
 * The results of specs on disk, so that a run goes on where it stopped.
 *
 * A spec's directory gets its name only when the spec has ended by itself: what is under another
 * name was cut, and is run again.
 */
import { hash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../../cache/index.js";
import { composeLog, type LoggedSpec } from "./ginkgo-log.js";
import { composeJunit, parseJunit, type JunitCase } from "./junit.js";

const FORMAT = 1;
const RESULT = "result.json";
/** What e2e.test calls them. */
export const LOG = "e2e.log";
export const JUNIT = "junit_01.xml";

export interface SpecResult extends JunitCase {
  readonly format: typeof FORMAT;
  /** The suite's name and number of specs, as the process said them. */
  readonly suite: string;
  readonly total: number;
}

/** A finished spec without the format's mark. */
export type FinishedSpec = Omit<SpecResult, "format">;

export class ConformanceResults {
  readonly #directory: string;
  readonly #specs: string;
  readonly #identity: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#specs = join(directory, "specs");
    this.#identity = join(directory, "programs.json");
  }

  get log(): string {
    return join(this.#directory, LOG);
  }

  get junit(): string {
    return join(this.#directory, JUNIT);
  }

  /**
   * Makes the directory ready for results of these programs (name → digest). Results of other
   * programs are removed: true says that there were some.
   */
  open(programs: Readonly<Record<string, string>>, fresh: boolean): boolean {
    const identity = `${JSON.stringify({ format: FORMAT, programs })}\n`;
    const before = readText(this.#identity);
    const isOther = before !== undefined && before !== identity;
    if (fresh || isOther) {
      for (const path of [this.#specs, this.log, this.junit])
        rmSync(path, { recursive: true, force: true });
    }
    mkdirSync(this.#specs, { recursive: true, mode: 0o700 });
    writeFileSync(this.#identity, identity);
    return isOther && !fresh;
  }

  /** The result of a spec that ended by itself. */
  get(name: string): SpecResult | undefined {
    const text = readText(join(this.#directoryOf(name), RESULT));
    if (text === undefined) return undefined;
    try {
      const result = JSON.parse(text) as Partial<SpecResult>;
      return result.format === FORMAT && result.name === name ? (result as SpecResult) : undefined;
    } catch {
      return undefined;
    }
  }

  /** An empty directory for the files of a spec that is about to run. */
  begin(name: string): string {
    const directory = `${this.#directoryOf(name)}.running`;
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return directory;
  }

  /** Keeps a finished spec, whose files are in the directory of `begin`. */
  keep(result: FinishedSpec): void {
    const directory = this.#directoryOf(result.name);
    const running = `${directory}.running`;
    writeFileSync(join(running, RESULT), `${JSON.stringify({ format: FORMAT, ...result })}\n`);
    rmSync(directory, { recursive: true, force: true });
    renameSync(running, directory);
  }

  /** Drops what a cut spec left. */
  drop(name: string): void {
    rmSync(`${this.#directoryOf(name)}.running`, { recursive: true, force: true });
  }

  /** Writes `e2e.log` and `junit_01.xml` of every result that is kept of these specs. */
  write(names: readonly string[]): void {
    const results = names.flatMap((name) => this.get(name) ?? []);
    const [first] = results;
    if (first === undefined) return;
    const logged: LoggedSpec[] = results.map((result) => ({
      result,
      output: readText(join(this.#directoryOf(result.name), LOG)) ?? "",
    }));
    replace(this.log, composeLog(first.suite, first.total, logged));
    const ran = new Set(results.map(({ name }) => name));
    const others = this.#allNames(results).filter((name) => !ran.has(name));
    replace(this.junit, composeJunit(first.suite, results, others));
  }

  /** The names of all specs of the suite, as the first complete file of e2e.test has them. */
  #allNames(results: readonly SpecResult[]): string[] {
    for (const { name } of results) {
      const text = readText(join(this.#directoryOf(name), JUNIT));
      const suite = text === undefined ? undefined : parseJunit(text);
      if (suite !== undefined && suite.cases.length > 1) return suite.cases.map((one) => one.name);
    }
    return [];
  }

  #directoryOf(name: string): string {
    return join(this.#specs, hash("sha256", name, "hex").slice(0, 16));
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
