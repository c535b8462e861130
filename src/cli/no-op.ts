/**
 * A build with nothing to do: answered from the plan file of the last build, by comparing stats.
 *
 * Starts no process, opens no socket, awaits nothing and knows no recipe. Whatever it does not
 * understand at once is left to the full program.
 */
import { resolve } from "node:path";
// Not through the folder's index: it would pull the whole planner into the start-up program.
import { checkPlan, readPlan } from "../plan/flat-plan.js";
import type { Overrides } from "../model/overrides.js";
import { planPath, projectRoot, selectionText, storeRoot } from "../plan/locations.js";
import { readOverrides } from "../plan/overrides.js";
import { print } from "./print.js";

/** Set by esbuild.config.mjs. */
declare const __KMIPS_BUILD_ID__: string;

type Progress = "auto" | "tty" | "plain" | "json" | "quiet";

/** Flags with a value, before or after the command. */
const VALUE_FLAGS = new Map([
  ["-C", "directory"],
  ["--directory", "directory"],
  ["--store", "store"],
  ["--progress", "progress"],
]);

interface BuildArguments {
  readonly selectors: readonly string[];
  readonly directory: string;
  readonly store: string | undefined;
  readonly progress: Progress;
  readonly json: boolean;
  readonly overrides: Overrides;
}

/** Whether the command line is a build with nothing to do; its answer is printed then. */
export function answerFromPlan(words: readonly string[]): boolean {
  const build = readArguments(words);
  if (build === undefined) return false;
  const cwd = process.cwd();
  const root = projectRoot(resolve(cwd, build.directory));
  if (root === undefined) return false;
  const store = storeRoot(build.store, process.env, cwd);
  const selection = selectionText(build.selectors, build.overrides);
  const plan = readPlan(planPath(store, root, selection));
  if (plan === undefined) return false;
  if (plan.text("tool") !== __KMIPS_BUILD_ID__ || plan.text("selection") !== selection)
    return false;
  const freshness = checkPlan(plan, { root, store }, (directory) => process.chdir(directory));
  if (freshness !== "fresh") {
    process.chdir(cwd);
    return false;
  }
  if (build.progress === "json") print(2, plan.text("summaryJson"));
  else if (build.progress !== "quiet") print(2, plan.text("summary"));
  print(1, plan.text(build.json ? "resultJson" : "result"));
  return true;
}

/** The arguments of a plain `build`; undefined when there is anything else on the line. */
function readArguments(words: readonly string[]): BuildArguments | undefined {
  let command: string | undefined;
  const selectors: string[] = [];
  const values = new Map<string, string>();
  const lists = { "--set": [] as string[], "--target": [] as string[] };
  let json = false;
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (!word.startsWith("-")) {
      if (command === undefined) command = word;
      else selectors.push(word);
    } else if (word === "--json") json = true;
    else if (word !== "--expect-cached" || command === undefined) {
      const equals = word.startsWith("--") ? word.indexOf("=") : -1;
      const flag = equals === -1 ? word : word.slice(0, equals);
      const value = equals === -1 ? words[++index] : word.slice(equals + 1);
      if (!value) return undefined;
      if (flag === "--set" || flag === "--target") lists[flag].push(value);
      else {
        const name = VALUE_FLAGS.get(flag);
        if (name === undefined) return undefined;
        values.set(name, value);
      }
    }
  }
  const progress = values.get("progress") || process.env["KMIPS_PROGRESS"] || "auto";
  if (command !== "build" || !isProgress(progress)) return undefined;
  const overrides = readOverrides(lists["--set"], lists["--target"]);
  if (overrides === undefined) return undefined;
  return {
    selectors,
    overrides,
    directory: values.get("directory") ?? ".",
    store: values.get("store"),
    progress,
    json,
  };
}

function isProgress(word: string): word is Progress {
  return ["auto", "tty", "plain", "json", "quiet"].includes(word);
}
