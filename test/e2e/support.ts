/**
 * kmips as its users run it: dist/kmips as a child, with a project and a store of its own below a
 * temporary directory. Knows nothing of what is in the recipes.
 */
import { spawn, type ChildProcess } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { env } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { REPOSITORY } from "../support/shipped.js";

/** The program as it ships; `npm run build` makes it. */
export const KMIPS = join(REPOSITORY, "dist/kmips");

export interface Outcome {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Over the environment of the tests; undefined removes a name. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly store?: string;
}

/** A started program. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  /**
   * Resolves once stdout or stderr has the text: to the first group of a pattern, else to the whole
   * match. Rejects when the program ends without it.
   */
  says(text: string | RegExp): Promise<string>;
}

/** What `kmips build --json` prints. */
export interface BuildData {
  readonly nodes: number;
  readonly executed: number;
  readonly cached: number;
  readonly cutOff: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  readonly images: readonly {
    readonly address: string;
    readonly reference: string;
    readonly digest: string;
  }[];
}

/** Starts any program; its output is kept whole. */
export function start(argv: readonly string[], options: RunOptions = {}): Running {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  const watchers = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8");
    child[name].on("data", (chunk: string) => {
      texts[name] += chunk;
      for (const watcher of watchers) watcher();
    });
  }
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? undefined, ...texts }));
  });
  const says = (text: string | RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find(texts.stdout, text) ?? find(texts.stderr, text);
        if (found === undefined) return;
        watchers.delete(look);
        resolve(found);
      };
      watchers.add(look);
      look();
      void ended.then(() => reject(new Error(`It never said ${String(text)}:\n${texts.stderr}`)));
    });
  return { child, ended, says };
}

function find(said: string, text: string | RegExp): string | undefined {
  if (typeof text === "string") return said.includes(text) ? text : undefined;
  const match = text.exec(said);
  return match?.[1] ?? match?.[0];
}

/** Runs any program to its end. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return start(argv, options).ended;
}

/** Standard output of a program. @throws Error with everything it said unless it exits with 0 */
export async function output(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(argv, options);
  if (code !== 0) throw new Error(`${argv.join(" ")}: exit ${String(code)}\n${stdout}${stderr}`);
  return stdout;
}

/** A project and its store in a directory of their own. */
export class World {
  /** Real path; its last part is unique on this machine. */
  readonly root: string;
  readonly project: string;
  readonly store: string;

  /** `store` is one that several worlds share; this one does not remove it. */
  constructor(files: Readonly<Record<string, string>> = {}, store?: string) {
    if (!existsSync(KMIPS)) throw new Error(`${KMIPS} is not there: run npm run build`);
    this.root = realpathSync(mkdtempSync(join(tmpdir(), "kmips-e2e-")));
    this.project = join(this.root, "project");
    this.store = store ?? join(this.root, "store");
    mkdirSync(this.project);
    this.write(files);
  }

  /** Writes files of the project: relative path → text. */
  write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      const absolute = join(this.project, path);
      mkdirSync(dirname(absolute), { recursive: true });
      writeFileSync(absolute, text);
    }
  }

  read(path: string): string {
    return readFileSync(join(this.project, path), "utf8");
  }

  /** Replaces a text that the file must have. */
  edit(path: string, before: string, after: string): void {
    const text = this.read(path);
    if (!text.includes(before)) throw new Error(`${path} has no "${before}"`);
    this.write({ [path]: text.replace(before, after) });
  }

  start(args: readonly string[], options: RunOptions = {}): Running {
    return start([KMIPS, ...args], {
      cwd: options.cwd ?? this.project,
      env: {
        KMIPS_STORE: options.store ?? this.store,
        KMIPS_PROGRESS: "plain",
        NO_COLOR: "1",
        FORCE_COLOR: undefined,
        ...options.env,
      },
    });
  }

  kmips(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.start(args, options).ended;
  }

  /** Standard output of a kmips that must exit with 0. */
  async output(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.kmips(args, options);
    if (code !== 0)
      throw new Error(`kmips ${args.join(" ")}: exit ${String(code)}\n${stdout}${stderr}`);
    return stdout;
  }

  async json<T>(args: readonly string[], options: RunOptions = {}): Promise<T> {
    return JSON.parse(await this.output([...args, "--json"], options)) as T;
  }

  /** Builds everything; must succeed. */
  build(options: RunOptions = {}): Promise<BuildData> {
    return this.json<BuildData>(["build"], options);
  }

  async remove(): Promise<void> {
    await removeAll(this.root);
  }
}

/** Removes a directory with what a store makes read-only in it. */
export async function removeAll(directory: string): Promise<void> {
  await run(["chmod", "-R", "u+rwX", directory]);
  rmSync(directory, { recursive: true, force: true });
}

/** Reference → digest. */
export function digestsOf(data: BuildData): Record<string, string> {
  return Object.fromEntries(data.images.map(({ reference, digest }) => [reference, digest]));
}

/** Processes that have the directory's name in their arguments, environment or mounts; not this one. */
export function processesOf(directory: string): string[] {
  const name = basename(directory);
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .flatMap((pid) => {
      const texts = ["cmdline", "environ", "mountinfo"].map((file) => proc(pid, file));
      const own = texts.some((text) => text.includes(name));
      return own ? [`${pid}: ${texts[0]?.replaceAll("\0", " ") ?? ""}`] : [];
    });
}

function proc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    // It ended a moment ago, or belongs to someone else.
    return "";
  }
}

/** What is still running of the directory's processes after waiting at most `ms` for their end. */
export async function processesLeft(directory: string, ms: number): Promise<string[]> {
  const end = performance.now() + ms;
  for (;;) {
    const left = processesOf(directory);
    if (left.length === 0 || performance.now() > end) return left;
    await delay(20);
  }
}

/** Mounts below the directory that this machine sees. */
export function mountsOf(directory: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(basename(directory)));
}

/** Numbers from 0 to 1 that the seed decides. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
