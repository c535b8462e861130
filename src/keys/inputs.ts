/**
 * What keys read from outside the recipe: files of this machine, results of dependencies, tools.
 *
 * A port, so that keys can be computed in memory under test. Nothing here runs a process.
 */
import type { ActionRecord, Digest } from "../../cache/index.js";
import type { Address } from "../model/node.js";
import type { Platform } from "../model/platform.js";

/** A file that a live listing found. */
export interface ListedFile {
  /** Relative to the listed directory, `/` separated. */
  readonly path: string;
  readonly digest: Digest;
  readonly executable: boolean;
  /** Target of a symbolic link; its digest is then that of the target text. */
  readonly link?: string;
}

export interface KeyInputs {
  /** The result of a dependency, or undefined while it is not known (it will run first). */
  result(address: Address): ActionRecord | undefined;
  /** Digest of a regular file, or undefined when there is none. */
  fileDigest(path: string): Digest | undefined;
  /** The file's bytes; only called for small texts (patches, go.mod files) whose digest is known. */
  fileBytes(path: string): Buffer;
  /** Files below `directory` that match, in UTF-8 byte order of their paths; undefined when it is absent. */
  list(
    directory: string,
    include: readonly string[],
    exclude: readonly string[],
  ): readonly ListedFile[] | undefined;
  /** Path and digest of the emulator for a platform, or undefined when none is installed. */
  emulator(platform: Platform): { readonly path: string; readonly digest: Digest } | undefined;
  /** Whether programs of the platform run on this machine without an emulator. */
  isNative(platform: Platform): boolean;
  /** Installed version of a package of this machine, or undefined. */
  packageVersion(name: string): string | undefined;
  /** Paths of the tools of a cross compiler whose bytes decide its output. */
  compilerPrograms(triplet: string): readonly string[];
  /** `h1:` hash of a Go module as kmips.lock has it. */
  lockedSum(modulePath: string, version: string): string | undefined;
  /** The value of a fact of kmips.lock, e.g. `("deb-release", "bookworm")`. */
  locked(kind: string, name: string): string | undefined;
  /** `amd64`: the architecture that native steps run on, in Go's spelling. */
  readonly hostArch: string;
}
