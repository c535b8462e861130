/**
 * The last full build of a group: when, on what, how long. Kept in the project's state by the build,
 * and moved to kmips.lock by `kmips update --record`.
 */
import { readdirSync, readFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../../cache/index.js";
import { describeMachine } from "../host/index.js";
import type { BuiltImage } from "./built-image.js";
import { word } from "./recorded.js";
import type { Workspace } from "./workspace.js";

export interface GroupRun {
  /** `group.conformance`. */
  readonly group: string;
  /** `2026-01-31T10:00:00Z`: when it ended. */
  readonly date: string;
  /** Processor, cores, kernel, kmips. */
  readonly machine: readonly string[];
  readonly nodes: number;
  readonly executed: number;
  /** Nodes, native and emulated time, and how long it took, in words. */
  readonly work: readonly string[];
  /** Digest over references and digests of all its images. */
  readonly images: string;
}

/** The digest that stands for a set of images. */
export function imagesDigest(images: readonly BuiltImage[]): string {
  const lines = images.map(({ reference, digest }) => `${reference} ${digest}\n`);
  return digestOf([...new Set(lines)].sort().join(""));
}

/**
 * Keeps the run of a group's build, unless an earlier one of the same images executed more: what is
 * told is the build that made them, not the last look at them.
 */
export function keepRun(
  workspace: Workspace,
  run: Pick<GroupRun, "group" | "nodes" | "executed" | "work"> & { readonly now: Date },
  images: readonly BuiltImage[],
): void {
  const { now, ...rest } = run;
  const digest = imagesDigest(images);
  const earlier = readRuns(workspace).find(({ group }) => group === run.group);
  if (earlier?.images === digest && earlier.executed > run.executed) return;
  const { cpu, cores, kernel } = describeMachine();
  const kept: GroupRun = {
    ...rest,
    date: now.toISOString().replace(/\.\d+Z$/, "Z"),
    machine: [cpu, `${cores} cores`, kernel, `kmips ${workspace.environment.version}`],
    images: digest,
  };
  const directory = runsDirectory(workspace);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${encodeURIComponent(run.group)}.json`), JSON.stringify(kept));
}

/** The runs that builds of this project kept. */
export function readRuns(workspace: Workspace): GroupRun[] {
  const directory = runsDirectory(workspace);
  let names: string[];
  try {
    names = readdirSync(directory).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names.map((name) => JSON.parse(readFileSync(join(directory, name), "utf8")) as GroupRun);
}

function runsDirectory({ stateDirectory }: Workspace): string {
  return join(stateDirectory, "runs");
}

/** The name of a run's fact; its value is the digest of the images. */
export function runFact({ group, date, machine, work }: GroupRun): string {
  return `run ${group} ${date} ${[...machine, ...work].map(word).join(";")}`;
}

/** The latest recorded run of a group, as a sentence; undefined when none is recorded. */
export function recordedRun(
  facts: ReadonlyMap<string, string>,
  group: string,
): { readonly date: string; readonly text: string; readonly images: string } | undefined {
  const prefix = `run ${group} `;
  const last = [...facts]
    .filter(([fact]) => fact.startsWith(prefix))
    .sort(byName)
    .at(-1);
  if (last === undefined) return undefined;
  const [date = "", words = ""] = last[0].slice(prefix.length).split(" ");
  const text = words
    .split(";")
    .map((part) => part.replaceAll("_", " "))
    .join(", ");
  return { date, text, images: last[1] };
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}
