/**
 * The last build of a group: when, on what, and what all its nodes took. Kept in the project's state by the build,
 * and moved to kmips.lock by `kmips update --record`.
 */
import { readdirSync, readFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { digestOf, errnoOf } from "../../cache/index.js";
import { describeMachine } from "../host/index.js";
import type { RecordedRun } from "../model/port-table.js";
import type { BuiltImage } from "./built-image.js";
import { writeText } from "./new-files.js";
import { word } from "./recorded.js";
import type { Workspace } from "./workspace.js";

/** The kind of the facts that say how a group was built. */
export const RUN_FACT = "run";

export interface GroupRun {
  /** `group.conformance`. */
  readonly group: string;
  /** `2026-01-31T10:00:00Z`: when it ended. */
  readonly date: string;
  /** Processor, cores, kernel, kmips. */
  readonly machine: readonly string[];
  /** How many results there are, and the native and emulated time that they took, in words. */
  readonly work: readonly string[];
  /** Digest over references and digests of all its images. */
  readonly images: string;
}

/** The digest that stands for a set of images. */
function imagesDigest(images: readonly BuiltImage[]): string {
  const lines = images.map(({ reference, digest }) => `${reference} ${digest}\n`);
  return digestOf([...new Set(lines)].sort().join(""));
}

/** Keeps what is to be told of a group's build. `work` is of all its nodes, whichever build ran them. */
export function keepRun(
  workspace: Pick<Workspace, "stateDirectory" | "environment">,
  { now, ...rest }: Pick<GroupRun, "group" | "work"> & { readonly now: Date },
  images: readonly BuiltImage[],
): void {
  const { cpu, cores, kernel } = describeMachine();
  const kept: GroupRun = {
    ...rest,
    date: now.toISOString().replace(/\.\d+Z$/, "Z"),
    machine: [cpu, `${cores} cores`, kernel, `kmips ${workspace.environment.version}`],
    images: imagesDigest(images),
  };
  const directory = runsDirectory(workspace);
  mkdirSync(directory, { recursive: true });
  writeText(join(directory, `${encodeURIComponent(kept.group)}.json`), JSON.stringify(kept));
}

/** The runs that builds of this project kept; what cannot be read is as if it were not there. */
export function readRuns(workspace: Pick<Workspace, "stateDirectory">): GroupRun[] {
  const directory = runsDirectory(workspace);
  let names: string[];
  try {
    names = readdirSync(directory).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
  return names
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => parseRun(readFileSync(join(directory, name), "utf8")) ?? []);
}

function parseRun(text: string): GroupRun | undefined {
  try {
    const run = JSON.parse(text) as Partial<GroupRun> | null;
    const isWhole =
      [run?.group, run?.date, run?.images].every((value) => typeof value === "string") &&
      [run?.machine, run?.work].every((words) => Array.isArray(words));
    return isWhole ? (run as GroupRun) : undefined;
  } catch {
    return undefined;
  }
}

function runsDirectory({ stateDirectory }: Pick<Workspace, "stateDirectory">): string {
  return join(stateDirectory, "runs");
}

/** The name of a run's fact; its value is the digest of the images. */
export function runFact({ group, date, machine, work }: GroupRun): string {
  return `${RUN_FACT} ${group} ${date} ${[...machine, ...work].map(word).join(";")}`;
}

/** The latest recorded run of a group; undefined when none is recorded. */
export function recordedRun(
  facts: ReadonlyMap<string, string>,
  group: string,
): RecordedRun | undefined {
  const prefix = `${RUN_FACT} ${group} `;
  const last = [...facts]
    .filter(([fact]) => fact.startsWith(prefix))
    // The date comes first in what is left of the name.
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .at(-1);
  if (last === undefined) return undefined;
  const [date = "", words = ""] = last[0].slice(prefix.length).split(" ");
  const text = words
    .split(";")
    .map((part) => part.replaceAll("_", " "))
    .join(", ");
  return { group, date, text, images: last[1] };
}
