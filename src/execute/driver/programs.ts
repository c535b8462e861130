/**
 * Starts programs of the image inside its root file system, under the emulator where one is
 * needed, and keeps what they print. Part of the test driver.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readlinkSync,
  readSync,
  rmSync,
  statSync,
} from "node:fs";
import { Socket } from "node:net";
import { constants as osConstants, tmpdir } from "node:os";
import { join } from "node:path";
import { stderr } from "node:process";
import type { DriverSpec, ProgramSpec } from "./protocol.js";

const KEPT_OUTPUT = 4 * 1024 * 1024;
const MAX_LINKS = 40;
/** How long to wait for the last words of a program that has ended. */
const DRAIN_MS = 500;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A program that was started; `exited` resolves to its exit code, 128 + N for signal N. */
export class Running {
  readonly exited: Promise<number>;
  readonly #child: ChildProcess;
  #output = "";
  #code: number | undefined;

  constructor(child: ChildProcess, output: Socket) {
    this.#child = child;
    output.setEncoding("utf8");
    output.on("data", (chunk: string) => {
      this.#output = (this.#output + chunk).slice(-KEPT_OUTPUT);
      stderr.write(chunk);
    });
    // Ends, or is cut off, with the last program that writes to it.
    output.on("error", () => undefined);
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => {
        this.#output += `${error.message}\n`;
        resolve((this.#code = 127));
      });
      child.once("exit", (code, signal) => {
        this.#code = code ?? 128 + (signal === null ? 0 : osConstants.signals[signal]);
        // Its own children may keep the pipes open for ever; what it wrote itself comes soon.
        const drained = setTimeout(() => resolve(this.#code ?? 0), DRAIN_MS);
        output.once("close", () => {
          clearTimeout(drained);
          resolve(this.#code ?? 0);
        });
      });
    });
  }

  /** stdout and stderr in order of arrival. */
  get output(): string {
    return this.#output;
  }

  /** The exit code, or undefined while it runs. */
  get code(): number | undefined {
    return this.#code;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }
}

/** Starts a program; a program that cannot be found exits with 127 at once. */
export function startProgram(program: ProgramSpec, spec: DriverSpec): Running {
  const command = resolveCommand(program, spec);
  const pipe = openPipe();
  const child = spawn(
    spec.unshare,
    [
      `--root=${spec.root}`,
      `--wd=${program.cwd}`,
      ...(spec.changeUsers
        ? [`--setgid=${String(program.gid)}`, `--setuid=${String(program.uid)}`]
        : []),
      "--",
      ...command,
    ],
    { env: { ...program.env }, stdio: ["ignore", pipe.writer, pipe.writer], shell: false },
  );
  closeSync(pipe.writer);
  return new Running(child, pipe.reader);
}

/**
 * One pipe for what a program prints, as container runtimes give it: a named one that everybody may
 * open, because programs reopen `/dev/stdout` by name, also as another user. Node's own are sockets,
 * which cannot be opened that way.
 */
function openPipe(): { readonly reader: Socket; readonly writer: number } {
  const directory = mkdtempSync(join(tmpdir(), "output-"));
  const path = join(directory, "pipe");
  try {
    execFileSync("mkfifo", ["--mode=0666", path], { env: { PATH: "/usr/bin:/bin" } });
    // The reader first: a writer without one would wait for it.
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    return { reader: new Socket({ fd: reader, readable: true, writable: false }), writer };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The argv that the kernel gets: the program by path, a script by its interpreter, under the emulator. */
function resolveCommand(program: ProgramSpec, spec: DriverSpec): readonly string[] {
  const [name = "", ...args] = program.argv;
  const path = findProgram(name, program, spec.root);
  if (spec.emulator === undefined) return [path, ...args];
  const script = interpreterOf(path, spec.root);
  if (script !== undefined) {
    const [interpreter = "", ...options] = script;
    return [spec.emulator, "-0", interpreter, interpreter, ...options, path, ...args];
  }
  return [spec.emulator, "-0", name, path, ...args];
}

/** As execvp(3): names without a slash are looked up on PATH. */
function findProgram(name: string, program: ProgramSpec, root: string): string {
  if (name.includes("/")) return name.startsWith("/") ? name : `${program.cwd}/${name}`;
  for (const directory of (program.env["PATH"] ?? DEFAULT_PATH).split(":")) {
    const candidate = `${directory === "" ? program.cwd : directory}/${name}`;
    const real = insideRoot(candidate, root);
    const stats = real === undefined ? undefined : statSync(real, { throwIfNoEntry: false });
    if (stats?.isFile() === true && (stats.mode & 0o111) !== 0) return candidate;
  }
  return name;
}

/** The `#!` line of a script, as the kernel splits it; undefined for anything else. */
function interpreterOf(path: string, root: string): string[] | undefined {
  const real = insideRoot(path, root);
  if (real === undefined || statSync(real, { throwIfNoEntry: false })?.isFile() !== true)
    return undefined;
  const head = Buffer.alloc(256);
  const fd = openSync(real, constants.O_RDONLY);
  const length = readSync(fd, head, 0, head.byteLength, 0);
  closeSync(fd);
  const line = /^#![ \t]*([^\n]*)/.exec(head.toString("latin1", 0, length))?.[1]?.trim();
  if (line === undefined || line === "") return undefined;
  const blank = line.search(/[ \t]/);
  return blank === -1 ? [line] : [line.slice(0, blank), line.slice(blank).trim()];
}

/** The path on the driver's side of an image path, links followed inside the image's root. */
export function insideRoot(path: string, root: string): string | undefined {
  const pending = path.split("/").reverse();
  const resolved: string[] = [];
  let followed = 0;
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      resolved.pop();
      continue;
    }
    resolved.push(part);
    let target: string;
    try {
      target = readlinkSync(`${root}/${resolved.join("/")}`);
    } catch {
      continue;
    }
    if (++followed > MAX_LINKS) return undefined;
    resolved.pop();
    if (target.startsWith("/")) resolved.length = 0;
    pending.push(...target.split("/").reverse());
  }
  return `${root}/${resolved.join("/")}`;
}
