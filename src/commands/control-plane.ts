/** `kmips up` and `kmips down`: a control plane of the programs that this project builds. */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errnoOf, StorageError, type Digest } from "../../cache/index.js";
import {
  apiEndpoint,
  CONTROL_PLANE,
  ControlPlaneLayout,
  endControlPlane,
  livingPrograms,
  minorVersionOf,
  readState,
  startControlPlane,
  type ControlPlaneProgram,
  type ControlPlaneState,
  type ProgramFile,
  type RunningControlPlane,
  type RunningProgram,
} from "../execute/index.js";
import { FlockLocker, Tools } from "../host/index.js";
import { NodeFailure } from "../model/failure.js";
import type { Address } from "../model/node.js";
import { platformName, type Platform } from "../model/platform.js";
import { shellWord } from "../model/shell-word.js";
import { projectDirectory } from "../plan/locations.js";
import { UsageError } from "./errors.js";
import { recordOf, type Environment, type Workspace } from "./workspace.js";

/** A program of a component of the project, with the component's platform. */
export interface BuiltProgram {
  readonly address: Address;
  readonly platform: Platform;
  readonly digest: Digest;
}

export interface UpRequest {
  readonly directory: string | undefined;
  readonly port: number | undefined;
  /** Whether it goes on when kmips ends. */
  readonly detach: boolean;
  readonly signal: AbortSignal;
  readonly onReady: (what: string, elapsedMs: number) => void;
}

/** What people and programs need to know about a control plane that runs. */
export interface ControlPlane {
  readonly directory: string;
  readonly platform: string;
  readonly server: string;
  readonly kubeconfig: string;
  readonly logs: string;
  readonly programs: readonly RunningProgram[];
}

export interface StartedControlPlane {
  readonly controlPlane: ControlPlane;
  readonly running: RunningControlPlane;
}

/**
 * Where the control plane of a project is, or the one of the named directory.
 * @throws UsageError when something else than a directory is there, or above it
 */
export function controlPlaneLayout(
  { storePath, root }: Pick<Environment, "storePath" | "root">,
  directory: string | undefined,
): ControlPlaneLayout {
  const path = directory ?? join(projectDirectory(storePath, root), "control-plane");
  let nearest = path;
  while (!existsSync(nearest) && nearest !== dirname(nearest)) nearest = dirname(nearest);
  if (!statSync(nearest).isDirectory())
    throw new UsageError(`"${nearest}" is not a directory`, "name another one with --dir");
  return new ControlPlaneLayout(path);
}

/** Makes a directory that nobody else may look into. @throws StorageError */
function makePrivate(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StorageError("create", path, errnoOf(error) ?? String(error), error);
  }
}

/**
 * Copies the programs out of the store and starts them. The store is not needed afterwards.
 * @throws UsageError for what is not built; NodeFailure
 */
export async function startUp(
  workspace: Workspace,
  request: UpRequest,
): Promise<StartedControlPlane> {
  const { environment, tools, store } = workspace;
  const layout = controlPlaneLayout(environment, request.directory);
  const built = findPrograms(workspace, CONTROL_PLANE.map(componentProgram));
  const platform = onePlatform(built);
  makePrivate(layout.root);
  return withLock(startOrEnd(layout), tools, async () => {
    refuseSecond(layout);
    makePrivate(layout.programs);
    const files = CONTROL_PLANE.map((name, at) => {
      const path = join(layout.programs, name);
      const { digest } = built[at] as BuiltProgram;
      store.copyTo(digest, path, 0o755);
      return [name, { path, digest }] as const;
    });
    const programs = Object.fromEntries(files) as Record<ControlPlaneProgram, ProgramFile>;
    const machine = { platform, tools, processes: environment.processes, signal: request.signal };
    const running = await startControlPlane({
      ...machine,
      layout,
      programs,
      minor: await minorVersionOf(programs["kube-apiserver"].path, machine),
      port: request.port,
      outlives: request.detach,
      onReady: request.onReady,
    });
    return { controlPlane: describe(layout, running.state), running };
  });
}

/**
 * Waits until a control plane in the foreground is to end, and ends it. Resolves to `interrupted` or
 * `down` (another kmips ended it). @throws NodeFailure when a program ended by itself
 */
export async function attend(
  environment: Environment,
  { controlPlane, running }: StartedControlPlane,
): Promise<"interrupted" | "down"> {
  const layout = new ControlPlaneLayout(controlPlane.directory);
  const tools = new Tools(environment.toolSearch);
  try {
    return await running.ended;
  } catch (error) {
    // `kmips down --remove` was here, and has taken the lock's file with it.
    if (!existsSync(layout.lock)) return "down";
    // Whoever ends it meanwhile is to be done first.
    return await withLock(startOrEnd(layout, true), tools, async () => {
      const isInterrupted = error instanceof NodeFailure && error.reason.type === "interrupted";
      if (!isInterrupted && readState(layout) === undefined) return "down";
      await endControlPlane(layout, running.state);
      if (isInterrupted) return "interrupted";
      throw error;
    });
  }
}

export interface DownReport {
  readonly directory: string;
  /** What ran until now. */
  readonly ended: readonly RunningProgram[];
}

/**
 * Ends the control plane of a directory; `remove` also removes the directory.
 * @throws UsageError when it is to remove a directory that `kmips up` did not make; NodeFailure `busy`
 */
export async function tearDown(
  environment: Environment,
  directory: string | undefined,
  remove: boolean,
): Promise<DownReport> {
  const layout = controlPlaneLayout(environment, directory);
  const isNothing = remove ? !existsSync(layout.root) : readState(layout) === undefined;
  if (isNothing) return { directory: layout.root, ended: [] };
  if (remove) refuseForeign(layout);
  return withLock(startOrEnd(layout), new Tools(environment.toolSearch), async () => {
    // Read under the lock: another kmips may have started or ended one until now.
    const state = readState(layout);
    const ended = state === undefined ? [] : await endControlPlane(layout, state);
    if (remove) rmSync(layout.root, { recursive: true, force: true });
    return { directory: layout.root, ended };
  });
}

/** A directory of somebody else's, which a slip of `--dir` must not cost. @throws UsageError */
function refuseForeign({ root, lock, programs }: ControlPlaneLayout): void {
  const names = readdirSync(root);
  const own = [lock, programs].map((path) => basename(path));
  // What `kmips up` makes first; a start that was interrupted may have left the lock alone.
  if (names.every((name) => name === own[0]) || own.every((name) => names.includes(name))) return;
  throw new UsageError(
    `"${root}" is not the directory of a control plane`,
    "--remove takes the directory that kmips up was given with --dir",
  );
}

/**
 * The control plane that runs in a directory.
 * @throws UsageError when none does
 */
export function runningControlPlane(layout: ControlPlaneLayout): ControlPlane {
  const state = readState(layout);
  const isAlive = livingPrograms(state).length > 0;
  if (state === undefined || !isAlive || !state.ready) {
    throw new UsageError(`No control plane runs in "${layout.root}"`, "kmips up --detach");
  }
  const dead = endedProgram(state);
  if (dead !== undefined) {
    throw new UsageError(
      `"${dead.name}" of the control plane in "${layout.root}" has ended: ${dead.log} says why`,
      "kmips down && kmips up --detach",
    );
  }
  return describe(layout, state);
}

/** The first program of a state that runs no more. */
export function endedProgram(state: ControlPlaneState): RunningProgram | undefined {
  const living = new Set(livingPrograms(state).map(({ pid }) => pid));
  return state.programs.find(({ pid }) => !living.has(pid));
}

/** `kube-apiserver` is the program `kube_apiserver` of `component.kube_apiserver`. */
function componentProgram(name: string): { component: string; program: string } {
  const word = name.replaceAll("-", "_");
  return { component: `component.${word}`, program: word };
}

/**
 * The last results of programs, each given by its component and name.
 * @throws UsageError that names the build to run
 */
export function findPrograms(
  workspace: Workspace,
  wanted: readonly { readonly component: string; readonly program: string }[],
): BuiltProgram[] {
  const { graph } = workspace;
  const missing: Address[] = [];
  const found: BuiltProgram[] = [];
  for (const { component, program } of wanted) {
    const nodes = [...graph.nodes.values()].filter(
      ({ address }) => address === component || address.startsWith(`${component}[`),
    );
    const [node] = nodes;
    if (node === undefined) {
      throw new UsageError(
        `The project has no "${component}"`,
        "kmips up runs the control plane of a project like the shipped recipes: kmips -C recipes up",
      );
    }
    if (nodes.length > 1) {
      throw new UsageError(
        `"${component}" is built for several platforms: ${nodes.map(({ address }) => address).join(", ")}`,
        "name one with --target",
      );
    }
    const { address, definition } = node;
    if (!("platform" in definition) || definition.kind !== "component") {
      throw new UsageError(`"${address}" builds no program`);
    }
    const record = recordOf(workspace, address);
    const output = record?.outputs.find(({ name }) => name === program);
    if (output === undefined) missing.push(address);
    else found.push({ address, platform: definition.platform, digest: output.digest });
  }
  if (missing.length > 0) {
    throw new UsageError(
      `Not built: ${missing.join(", ")}`,
      `run kmips build ${missing.map(shellWord).join(" ")}`,
    );
  }
  return found;
}

function onePlatform(programs: readonly BuiltProgram[]): Platform {
  const [first, ...others] = programs;
  const name = (program: BuiltProgram): string => platformName(program.platform);
  const other = others.find((program) => first !== undefined && name(program) !== name(first));
  if (first === undefined || other !== undefined) {
    throw new UsageError(
      `"${first?.address ?? ""}" and "${other?.address ?? ""}" are for different platforms`,
      "name one with --target",
    );
  }
  return first.platform;
}

function describe(layout: ControlPlaneLayout, state: ControlPlaneState): ControlPlane {
  return {
    directory: layout.root,
    platform: state.platform,
    server: apiEndpoint(state.port),
    kubeconfig: layout.kubeconfig("admin"),
    logs: layout.logs,
    programs: state.programs,
  };
}

function refuseSecond(layout: ControlPlaneLayout): void {
  const state = readState(layout);
  const [living] = livingPrograms(state);
  if (state === undefined || living === undefined) return;
  throw new NodeFailure(
    {
      type: "busy",
      what: `A control plane already runs in "${layout.root}": ${apiEndpoint(state.port)}, ${living.name} has pid ${living.pid}`,
    },
    "kmips down ends it; --dir starts another one elsewhere",
  );
}

/** What one kmips at a time may do, and how another one is told. */
export interface Exclusive {
  /** The file of the lock. */
  readonly path: string;
  /** `Another kmips is …`. */
  readonly what: string;
  readonly wait?: boolean;
}

/** Runs `work` while this kmips has the lock. @throws NodeFailure `busy` */
export async function withLock<Result>(
  { path, what, wait = false }: Exclusive,
  tools: Tools,
  work: () => Promise<Result>,
): Promise<Result> {
  const locker = new FlockLocker(tools.require("flock"), tools.require("cat"));
  const lock = await locker.acquire(path, "exclusive", wait);
  if (lock === undefined) {
    throw new NodeFailure(
      { type: "busy", what },
      "wait for it, or name another directory with --dir",
    );
  }
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

function startOrEnd({ lock, root }: ControlPlaneLayout, wait = false): Exclusive {
  return { path: lock, what: `Another kmips starts or ends the control plane in "${root}"`, wait };
}
