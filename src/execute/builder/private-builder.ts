/**
 * The private builder: a buildkitd of this process, with the system's runc.
 *
 * It runs in mount and PID namespaces of its own, so that whatever ends it (this process's death
 * included) ends everything it started and takes its mounts with it.
 */
import { mkdirSync, readdirSync, rmdirSync, symlinkSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Digest, Locker, Store } from "../../../cache/index.js";
import { FlockLocker, holdProcess, type HeldProcess, type Tools } from "../../host/index.js";
import { NodeFailure } from "../../model/failure.js";
import type { ProcessRunner } from "../../model/ports.js";
import { excerpt } from "../excerpt.js";
import { boundToKmips, SYSTEM_PATH } from "../launch.js";
import { takeState, type BuilderState } from "./state.js";

/** The programs that `kmips setup` built, as blobs of the store. */
export interface BuilderPrograms {
  readonly buildkitd: Digest;
  readonly buildx: Digest;
}

export interface PrivateBuilderParts {
  readonly store: Store;
  readonly tools: Tools;
  readonly processes: ProcessRunner;
  readonly programs: BuilderPrograms;
}

/** A running one, as its client sees it. */
export interface RunningBuilder {
  readonly client: readonly string[];
  /** The client's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** To be found as `builder` in the client's working directory: its endpoint is below it. */
  readonly directory: string;
}

/** Name of the private builder in its client's configuration. */
export const PRIVATE_BUILDER = "kmips";
/** Parent of the steps' control groups: removed at the end, which no process does by itself. */
export const CGROUP = "kmips";
/** The link in a client's working directory that leads to the builder's own. */
export const BUILDER_LINK = "builder";

const SOCKET = "buildkitd.sock";
/** A path of a socket has 108 bytes at most, wherever the store is; this one is resolved in the client. */
const ENDPOINT = `unix:///proc/self/cwd/${BUILDER_LINK}/${SOCKET}`;
/**
 * Makes the working directory visible at a short path, in this mount namespace alone, and becomes
 * the command. Constant: values only arrive as positional arguments.
 */
const MOUNT_SCRIPT = 'mount --bind . /mnt && exec "$@"';
const READY = /running server on /;
/** Long enough to open a large state after a power cut. */
const START_TIMEOUT_MS = 60_000;
/** MB that the state may hold; only unpacked bases are of use to later builds. */
const KEPT_STORAGE = "1000,0,4000";
const CGROUPS = "/sys/fs/cgroup";

export class PrivateBuilder {
  readonly #parts: PrivateBuilderParts;
  readonly #locker: Locker;
  #state: BuilderState | undefined;
  #daemon: HeldProcess | undefined;

  constructor(parts: PrivateBuilderParts) {
    this.#parts = parts;
    this.#locker = new FlockLocker(parts.tools.require("flock"), parts.tools.require("cat"));
  }

  /**
   * Starts the daemon and makes it known to its client.
   * @throws NodeFailure when it does not start; ToolMissingError
   */
  async start(): Promise<RunningBuilder> {
    const { store, tools, programs, processes } = this.#parts;
    const directory = store.temporaryDirectory();
    const [buildkitd, buildx] = [join(directory, "buildkitd"), join(directory, "buildx")];
    store.copyTo(programs.buildkitd, buildkitd, 0o755);
    store.copyTo(programs.buildx, buildx, 0o755);
    const state = await takeState(store.paths, this.#locker);
    this.#state = state;
    try {
      const argv = daemonArgv(buildkitd, tools, userInfo().uid !== 0);
      const failure = await this.#startDaemon(argv, state, directory);
      if (failure !== undefined) {
        // What a power cut left of the state may be of no use; nothing in it is worth an error.
        state.clear();
        const again = await this.#startDaemon(argv, state, directory);
        if (again !== undefined) throw startFailure(again);
      }
      symlinkSync(state.directory, join(directory, BUILDER_LINK));
      const env = {
        PATH: SYSTEM_PATH,
        HOME: directory,
        BUILDX_CONFIG: join(directory, "buildx-config"),
        DOCKER_CONFIG: join(directory, "docker-config"),
      };
      const argvCreate = ["create", "--name", PRIVATE_BUILDER, "--driver", "remote", ENDPOINT];
      const created = await processes.run({
        argv: [buildx, ...argvCreate],
        cwd: directory,
        env,
        timeoutMs: START_TIMEOUT_MS,
      });
      if (created.code !== 0) throw startFailure(created.stderr);
      return { client: [buildx], env, directory: state.directory };
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Ends the daemon with everything that runs in it. Safe to call at any time. */
  async stop(): Promise<void> {
    const [daemon, state] = [this.#daemon, this.#state];
    this.#daemon = undefined;
    this.#state = undefined;
    await daemon?.end();
    if (daemon !== undefined) removeControlGroups();
    await state?.release();
  }

  /** Resolves when the daemon listens, or to what it said instead. */
  async #startDaemon(
    argv: readonly string[],
    state: BuilderState,
    home: string,
  ): Promise<string | undefined> {
    mkdirSync(join(state.directory, "root"), { recursive: true });
    const daemon = holdProcess(
      argv,
      {
        ...{ PATH: SYSTEM_PATH, HOME: home, TMPDIR: home },
        // runc keeps its state there, unless it takes itself for the machine's root.
        ...{ XDG_RUNTIME_DIR: home, USER: userInfo().username },
      },
      { cwd: state.directory, ready: READY },
    );
    this.#daemon = daemon;
    const timer = setTimeout(() => void daemon.end(), START_TIMEOUT_MS);
    try {
      const answer = await daemon.answered;
      if (answer === "output") {
        // The build waits for its nodes, not for the daemon.
        daemon.keepAlive(false);
        return undefined;
      }
      return answer.stderr;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The command line of the daemon, run with its state as the working directory. */
export function daemonArgv(buildkitd: string, tools: Tools, rootless: boolean): string[] {
  return [
    ...boundToKmips(tools),
    tools.require("unshare"),
    ...(rootless ? ["--user", "--map-root-user", "--map-auto"] : []),
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--",
    tools.require("sh"),
    "-c",
    MOUNT_SCRIPT,
    "sh",
    buildkitd,
    ...(rootless ? ["--rootless"] : []),
    "--root",
    "/mnt/root",
    "--addr",
    `unix:///mnt/${SOCKET}`,
    "--otel-socket-path",
    "/mnt/otel.sock",
    "--cdi-disabled",
    "--containerd-worker=false",
    "--oci-worker-binary",
    tools.require("runc"),
    "--oci-worker-net=host",
    "--oci-worker-snapshotter=overlayfs",
    `--oci-worker-gc-keepstorage=${KEPT_STORAGE}`,
  ];
}

function startFailure(said: string): NodeFailure {
  const lacksIds = /newuidmap|\/etc\/sub[ug]id/.test(said);
  return new NodeFailure(
    {
      type: "tool",
      tool: "buildkitd",
      why: `it does not start: ${excerpt(said).trim()}`,
      install: lacksIds ? "apt-get install uidmap" : "kmips setup",
    },
    lacksIds
      ? "without root the builder needs newuidmap and ranges for this user in /etc/subuid and /etc/subgid: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER"
      : "kmips doctor checks what it needs",
  );
}

/** The control groups of steps that have ended; busy ones belong to another kmips and stay. */
function removeControlGroups(): void {
  for (const hierarchy of ["", ...directoriesIn(CGROUPS)]) {
    const group = join(CGROUPS, hierarchy, CGROUP);
    for (const parent of directoriesIn(group)) {
      for (const step of directoriesIn(join(group, parent))) {
        removeIfIdle(join(group, parent, step));
      }
      removeIfIdle(join(group, parent));
    }
    removeIfIdle(group);
  }
}

function directoriesIn(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

function removeIfIdle(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Absent, or in use.
  }
}
