/**
 * RUN: installs become nodes that run natively, what is left runs on the platform.
 */
import { posix } from "node:path";
import {
  splitExec,
  splitRun,
  type RunPart,
  type SplitRun,
  type Step,
} from "../dockerfile/index.js";
import type { InstallDefinition } from "../model/node.js";
import { environmentOf } from "./lower-dockerfile-from.js";
import { ownerOf, placeIn, report, type DockerfileBuild } from "./lower-dockerfile-build.js";
import { mapPackages } from "./lower-packages.js";
import {
  emitInstall,
  emitRun,
  groundOf,
  type PackageRequest,
  type StepBase,
} from "./lower-steps.js";

type RunStep = Extract<Step, { type: "run" }>;
type InstallPart = Extract<RunPart, { type: "install" }>;

/** Shells whose language is taken apart. */
const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "ash", "dash"]);

/** Emits the nodes of a RUN; undefined after a reported fault. `from` is what FROM stands for. */
export function lowerRun(
  build: DockerfileBuild,
  step: RunStep,
  base: StepBase | undefined,
): { readonly base: StepBase | undefined } | undefined {
  const { rules } = build;
  const { instruction } = step;
  const split = splitStep(build, step, base);
  for (const manager of split.managers) rules.met(manager);
  for (const { message, help } of split.problems)
    report(build, "KM0362", instruction.place, message, {
      at: rules.at,
      help: help ?? "drop the instruction, and install what it needs with install or from base",
    });
  if (split.problems.length > 0) return undefined;
  if (split.parts.some((part) => part.type === "shell") && !canRun(build, step, base))
    return undefined;
  let current = base;
  for (const part of split.parts) {
    current =
      part.type === "install"
        ? lowerInstall(build, step, part, current)
        : runPart(build, step, part.text, current);
    if (current === undefined) return undefined;
  }
  return { base: current };
}

function splitStep(build: DockerfileBuild, step: RunStep, base: StepBase | undefined): SplitRun {
  const { command } = step;
  if (command.type === "exec")
    return (
      splitExec(command.argv) ?? {
        parts: [{ type: "shell", text: "" }],
        managers: [],
        problems: [],
      }
    );
  const environment = { ...environmentOf(base?.address, build), ...step.env };
  const isKnown = SHELLS.has(posix.basename(command.shell[0] ?? ""));
  const lookup = (name: string): string | undefined =>
    Object.hasOwn(environment, name) ? environment[name] : undefined;
  const split = splitRun(command.text, lookup, (text) => build.rules.isDropped(text));
  // Another language's text is left whole, unless it looks like an install after all.
  const installs = split.parts.some((part) => part.type === "install");
  if (isKnown || installs || split.problems.length > 0) return split;
  return { parts: [{ type: "shell", text: command.text }], managers: [], problems: [] };
}

/** Whether what is left can run at all; reports why not. */
function canRun(build: DockerfileBuild, step: RunStep, base: StepBase | undefined): boolean {
  const { place } = step.instruction;
  const mount = step.mounts[0];
  if (mount !== undefined) {
    report(build, "KM0365", place, `RUN --mount=type=${mount} is not supported`, {
      help: 'drop the instruction, and write what it does as run "…" { … }',
    });
    return false;
  }
  if (base === undefined) {
    report(build, "KM0366", place, "RUN in a stage that has no files yet", {
      help: "give its FROM a base",
    });
    return false;
  }
  return true;
}

function runPart(
  build: DockerfileBuild,
  step: RunStep,
  text: string,
  base: StepBase | undefined,
): StepBase | undefined {
  const { command, env, user, workdir, network, instruction } = step;
  if (base === undefined) return undefined;
  const argv = command.type === "exec" ? command.argv : [...command.shell, text];
  const address = emitRun(
    ownerOf(build, instruction),
    {
      base,
      label: String(instruction.number),
      argv,
      env,
      ...(user !== undefined && { user }),
      ...(workdir !== undefined && { workdir }),
      network: build.rules.network && network !== "none",
      at: build.at,
    },
    build.lowering,
  );
  return { address, at: build.at };
}

function lowerInstall(
  build: DockerfileBuild,
  { instruction }: RunStep,
  part: InstallPart,
  base: StepBase | undefined,
): StepBase | undefined {
  const { rules, reader, lowering } = build;
  const { manager, names } = part;
  if (!rules.hasTable(manager)) {
    report(
      build,
      "KM0362",
      instruction.place,
      `No rule says what the packages of ${manager} are called: ${names.map(({ name }) => name).join(", ")}`,
      { at: rules.at, help: `add: rewrite { ${manager} = packages.NAME }` },
    );
    return undefined;
  }
  const ground = base && groundOf(base.address, lowering);
  if (base !== undefined && ground === undefined) return undefined;
  if (base === undefined || ground?.type !== "debian") {
    report(build, "KM0354", instruction.place, `"${part.text}" does not stand on a Debian base`, {
      at: rules.at,
      help: "let the rule of its FROM name a base, or an image that stands on one",
    });
    return undefined;
  }
  const table = rules.table(manager, lowering);
  const requests = names.map((name) => requestOf(build, instruction, manager, name));
  const packages = table && mapPackages(table, requests, ground.index, reader.cell, lowering);
  if (packages === undefined) return undefined;
  const address = emitInstall(
    ownerOf(build, instruction),
    {
      base,
      packages,
      scripts: (reader.text("scripts") ?? "split") as InstallDefinition["scripts"],
      recommends: reader.bool("recommends") ?? part.recommends,
      at: build.at,
    },
    lowering,
  );
  return address === undefined ? undefined : { address, at: build.at };
}

/**
 * A package by its own place in the Dockerfile. Versions of Alpine mean nothing in Debian's archive;
 * apt's stay, for a table to map or the archive to have.
 */
function requestOf(
  build: DockerfileBuild,
  { place }: RunStep["instruction"],
  manager: InstallPart["manager"],
  { name, version }: InstallPart["names"][number],
): PackageRequest {
  const text = manager === "apt" && version !== undefined ? `${name}=${version}` : name;
  const inside = build.source.text.slice(place.start, place.end);
  const found = new RegExp(`(?<![\\w.+-])${name.replace(/[.+]/g, "\\$&")}(?![\\w.+-])`).exec(
    inside,
  );
  const start = place.start + (found?.index ?? 0);
  const end = found === null ? place.end : start + name.length;
  return {
    text,
    at: placeIn(build, { ...place, start, end }),
    notes: [{ message: `${build.owner.address} is built from it`, at: build.rules.at }],
  };
}
