/**
 * The results of specs on disk, so that a run goes on where it stopped.
 *
 * A result gets its name in one step, and only once its spec has ended: what was cut leaves none, and
 * is run again.
 */
import { hash } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readTextIfThere, replaceText } from "../text-file.js";
import { composeLog, type LoggedSpec } from "./ginkgo-log.js";
import { SUITE, type JudgedSpec, type Judgment } from "./judge.js";
import { composeJunit } from "./junit.js";

const FORMAT = 1;
/** What e2e.test calls them. */
export const LOG = "e2e.log";
export const JUNIT = "junit_01.xml";

interface StoredResult extends JudgedSpec {
  readonly format: typeof FORMAT;
}

/** The suite that the specs are of. */
type Suite = NonNullable<Judgment["suite"]>;

/** The results below one directory. A kmips that writes them has the directory's lock. */
export class ConformanceResults {
  /** Where processes of e2e.test have their files. */
  readonly running: string;
  readonly log: string;
  readonly junit: string;
  readonly #specs: string;
  readonly #identity: string;
  readonly #suite: string;

  constructor(directory: string) {
    this.running = join(directory, "running");
    this.log = join(directory, LOG);
    this.junit = join(directory, JUNIT);
    this.#specs = join(directory, "specs");
    this.#identity = join(directory, "programs.json");
    this.#suite = join(directory, "suite.json");
  }

  /**
   * Makes the directory ready for results of these programs (name → digest). Results of other
   * programs are removed: true says that there were some.
   */
  open(programs: Readonly<Record<string, string>>, fresh: boolean): boolean {
    const identity = `${JSON.stringify({ format: FORMAT, programs })}\n`;
    const before = readTextIfThere(this.#identity);
    if (fresh || before !== identity) {
      for (const path of [this.#specs, this.#suite, this.log, this.junit])
        rmSync(path, { recursive: true, force: true });
    }
    rmSync(this.running, { recursive: true, force: true });
    mkdirSync(this.#specs, { recursive: true, mode: 0o700 });
    replaceText(this.#identity, identity);
    return !fresh && before !== undefined && before !== identity;
  }

  /** The result of a spec that ended. */
  get(name: string): JudgedSpec | undefined {
    const result = readJson(this.#pathOf(name)) as Partial<StoredResult> | undefined;
    return result?.format === FORMAT && result.name === name ? (result as JudgedSpec) : undefined;
  }

  /** Keeps what a process proved. */
  keep({ finished, suite }: Judgment): void {
    for (const result of finished)
      replaceText(this.#pathOf(result.name), `${JSON.stringify({ format: FORMAT, ...result })}\n`);
    if (suite !== undefined) replaceText(this.#suite, `${JSON.stringify(suite)}\n`);
  }

  /** Writes `e2e.log` and `junit_01.xml` of every result that is kept of these specs. */
  write(names: readonly string[]): void {
    const results = names.flatMap((name) => this.get(name) ?? []);
    if (results.length === 0) return;
    const suite = readJson(this.#suite) as Suite | undefined;
    const all = suite?.names ?? results.map(({ name }) => name);
    const name = suite?.name ?? SUITE;
    const logged: LoggedSpec[] = results.map((result) => ({ result, output: result.output }));
    replaceText(this.log, composeLog(name, all.length, logged));
    const ran = new Set(results.map((result) => result.name));
    const others = all.filter((one) => !ran.has(one));
    replaceText(this.junit, composeJunit(name, results, others));
  }

  #pathOf(name: string): string {
    return join(this.#specs, `${hash("sha256", name, "hex").slice(0, 16)}.json`);
  }
}

/** A document; undefined when there is none, or none that was written to its end. */
function readJson(path: string): unknown {
  const text = readTextIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
