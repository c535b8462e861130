/**
 * The key inputs of this machine: files through the file index, tools, and the lock.
 *
 * Remembers every path that was consulted, because the flat plan must stat exactly these.
 */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { digestOf, type ActionRecord, type Digest, type FileIndex } from "../../cache/index.js";
import {
  compilerPrograms,
  walkDirectory,
  walkFile,
  type Tools,
  type WalkedFile,
} from "../host/index.js";
import type { KeyInputs, ListedFile } from "../keys/index.js";
import type { Address } from "../model/node.js";
import type { Platform } from "../model/platform.js";
import type { LockFile } from "../plan/lock-file.js";

export class LiveInputs implements KeyInputs {
  /** Regular files and links whose content is part of some key. */
  readonly files = new Set<string>();
  /** Directories whose entries are part of some key. */
  readonly directories = new Set<string>();
  /** Paths that were looked for and not found. */
  readonly absent = new Set<string>();
  readonly hostArch: string;
  /** The facts that keys and executors go by; a command that writes the lock replaces it. */
  lock: LockFile;
  readonly #index: FileIndex;
  readonly #tools: Tools;
  readonly #compilers = new Map<string, readonly string[]>();

  constructor(index: FileIndex, tools: Tools, lock: LockFile) {
    this.#index = index;
    this.#tools = tools;
    this.lock = lock;
    this.hostArch = tools.hostArch;
  }

  result(_address: Address): ActionRecord | undefined {
    return undefined;
  }

  fileDigest(path: string): Digest | undefined {
    const digest = this.#index.digest(path);
    (digest === undefined ? this.absent : this.files).add(path);
    return digest;
  }

  fileBytes(path: string): Buffer {
    return readFileSync(path);
  }

  list(
    directory: string,
    include: readonly string[],
    exclude: readonly string[],
  ): ListedFile[] | undefined {
    const [only] = include;
    if (
      include.length === 1 &&
      only !== undefined &&
      exclude.length === 0 &&
      !/[*?{[\]!(]/.test(only)
    ) {
      const file = walkFile(directory, only);
      if (file === undefined) this.absent.add(`${directory}/${only}`);
      return file === undefined ? undefined : [this.#listed(file)];
    }
    const files = walkDirectory(directory, include, exclude, (path) => this.directories.add(path));
    if (files === undefined) this.absent.add(directory);
    return files?.map((file) => this.#listed(file));
  }

  emulator(platform: Platform): { path: string; digest: Digest } | undefined {
    if (this.isNative(platform)) return undefined;
    try {
      const path = this.#tools.emulatorFor(platform)?.path;
      const digest = path === undefined ? undefined : this.fileDigest(path);
      return path === undefined || digest === undefined ? undefined : { path, digest };
    } catch (error) {
      if ((error as { code?: string }).code !== "KMIPS_TOOL_MISSING") throw error;
      return undefined;
    }
  }

  isNative(platform: Platform): boolean {
    return platform.arch === this.#tools.hostArch;
  }

  packageVersion(name: string): string | undefined {
    return this.#tools.packageVersion(name);
  }

  compilerPrograms(triplet: string): readonly string[] {
    let programs = this.#compilers.get(triplet);
    if (programs === undefined) {
      programs = compilerPrograms(triplet);
      this.#compilers.set(triplet, programs);
      // A compiler that gets installed later must end the validity of the plan.
      if (programs.length === 0) this.absent.add(`/usr/bin/${triplet}-gcc`);
    }
    return programs;
  }

  lockedSum(path: string, version: string): string | undefined {
    return this.locked("gomod", `${path} ${version}`);
  }

  locked(kind: string, name: string): string | undefined {
    return this.lock.facts.get(`${kind} ${name}`);
  }

  #listed(file: WalkedFile): ListedFile {
    this.files.add(file.absolute);
    if (file.link !== undefined) {
      return { path: file.path, digest: digestOf(file.link), executable: false, link: file.link };
    }
    const digest = this.#index.digest(file.absolute);
    // The file was there a moment ago: whoever removed it changes its directory too.
    if (digest === undefined) this.directories.add(dirname(file.absolute));
    return {
      path: file.path,
      digest: digest ?? digestOf(""),
      executable: (file.stats.mode & 0o111) !== 0,
    };
  }
}
