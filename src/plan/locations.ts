/**
 * Where a project and its plan live: found again by every start, before anything is read.
 *
 * Both the start-up program and the full one use these functions, so that they cannot disagree.
 * No dependencies but Node's own: the start-up program must stay small.
 */
import { hash } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Overrides } from "../model/overrides.js";
import { overridesText } from "./overrides.js";

/** The file that makes a directory the root of a project. */
export const PROJECT_FILE = "project.kmips";

/** How the names of histories in a project's state directory begin. */
export const HISTORY = "history";

/**
 * The real path of the project around `start`: the nearest directory upwards that holds
 * `project.kmips`, or `start` itself when none does. Undefined when `start` does not exist.
 */
export function projectRoot(start: string): string | undefined {
  let real: string;
  try {
    real = realpathSync.native(start);
  } catch {
    return undefined;
  }
  for (let directory = real; ;) {
    if (existsSync(join(directory, PROJECT_FILE))) return directory;
    const parent = dirname(directory);
    if (parent === directory) return real;
    directory = parent;
  }
}

/**
 * The store's directory: `--store`, else `KMIPS_STORE`, else `kmips` in the user's cache directory.
 * A relative flag or variable counts from `cwd`; a relative XDG_CACHE_HOME is void, as XDG says.
 */
export function storeRoot(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): string {
  const named = flag ?? env["KMIPS_STORE"];
  return named ? resolve(cwd, named) : usualStoreRoot(env);
}

/** The store's directory where nothing names another. */
export function usualStoreRoot(env: Readonly<Record<string, string | undefined>>): string {
  const xdg = env["XDG_CACHE_HOME"];
  if (xdg && isAbsolute(xdg)) return join(xdg, "kmips");
  return join(env["HOME"] || homedir(), ".cache", "kmips");
}

/** What a plan file is for: the selectors as typed, in any order, each once, and the overrides. */
export function selectionText(selectors: readonly string[], overrides: Overrides): string {
  return JSON.stringify([...new Set(selectors)].sort()) + overridesText(overrides);
}

/** Where a project's state directory has the history of builds with these overrides. */
export function historyPath(stateDirectory: string, overrides: Overrides): string {
  const text = overridesText(overrides);
  return join(stateDirectory, text === "" ? HISTORY : `${HISTORY}-${shortDigest(text)}`);
}

/** The directory of what a store remembers about the project at `root` (a real path). */
export function projectDirectory(store: string, root: string): string {
  return join(store, "kmips", "projects", shortDigest(root));
}

/** The plan file of a selection (`selectionText`) of the project at `root`. */
export function planPath(store: string, root: string, selection: string): string {
  return join(projectDirectory(store, root), `plan-${shortDigest(selection)}.bin`);
}

/** Whether a file of a project's state directory is a plan file. */
export function isPlanFile(name: string): boolean {
  return name.startsWith("plan-") && name.endsWith(".bin");
}

function shortDigest(text: string): string {
  return hash("sha256", text, "hex").slice(0, 16);
}
