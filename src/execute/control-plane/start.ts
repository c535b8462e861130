/**
 * Starts a control plane, watches it and ends it.
 *
 * What was started is written down before anything else is, so that whatever ends kmips, another one
 * finds it. A control plane in the foreground also has the kernel's word that it ends with kmips.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import {
  endProcesses,
  freePorts,
  identifyProcess,
  isFreePort,
  LOOPBACK,
  startDaemon,
  type Tools,
} from "../../host/index.js";
import { NodeFailure } from "../../model/failure.js";
import { platformName, type Platform } from "../../model/platform.js";
import type { ProcessRunner } from "../../model/ports.js";
import { boundToKmips, emulated, SYSTEM_PATH } from "../launch.js";
import { asNodeFailure } from "../tool-failure.js";
import {
  adminIdentity,
  hasDefaultServiceAccount,
  isHealthy,
  type ClientIdentity,
} from "./api-client.js";
import { makeCertificates } from "./certificates.js";
import { componentFailure, endedFailure } from "./component-failure.js";
import {
  apiEndpoint,
  controlPlane,
  flagArguments,
  type Component,
  type ControlPlanePorts,
  type ControlPlaneProgram,
} from "./components.js";
import { kubeconfigText } from "./kubeconfig.js";
import type { ControlPlaneLayout } from "./layout.js";
import {
  emptyState,
  livingPrograms,
  removeState,
  writeState,
  type ControlPlaneState,
  type RunningProgram,
} from "./state.js";

/** An emulated apiserver needs 20 s on a quiet machine. */
const READY_TIMEOUT_MS = 600_000;
const POLL_MS = 250;
/** etcd and the apiserver close their files and connections within it. */
const GRACE_MS = 10_000;

/** A program and the digest of its bytes. */
export interface ProgramFile {
  readonly path: string;
  readonly digest: string;
}

export interface StartOptions {
  readonly layout: ControlPlaneLayout;
  readonly programs: Readonly<Record<ControlPlaneProgram, ProgramFile>>;
  readonly platform: Platform;
  /** Minor version of Kubernetes, as `minorVersionOf` tells it. */
  readonly minor: number;
  /** The apiserver's port; undefined: a free one. */
  readonly port: number | undefined;
  /** Whether it goes on when kmips ends. */
  readonly outlives: boolean;
  readonly tools: Tools;
  readonly processes: ProcessRunner;
  readonly signal: AbortSignal;
  /** Told when a program answers: its name and how long that took. */
  readonly onReady: (what: string, elapsedMs: number) => void;
}

/** A control plane that answers. */
export interface RunningControlPlane {
  readonly state: ControlPlaneState;
  /** Rejects with the NodeFailure of the first program that ends, or of an interruption. */
  readonly ended: Promise<never>;
  /** Lets kmips end without it. */
  release(): void;
}

/**
 * Starts everything and waits until it answers. Whatever goes wrong, nothing of it is left.
 * @throws NodeFailure of types `component`, `resource`, `tool`, `command`, `interrupted`
 */
export async function startControlPlane(options: StartOptions): Promise<RunningControlPlane> {
  const { layout, signal, tools, platform, minor } = options;
  const port = await takePort(options.port);
  for (const directory of [layout.certificates, layout.logs, layout.temporary, layout.data])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  const openssl = fromTools(tools, () => tools.require("openssl"));
  await makeCertificates(layout.certificates, { openssl, processes: options.processes, signal });
  const identity = adminIdentity(layout);
  writeKubeconfigs(layout, port, identity.ca);
  const ports = await otherPorts(port);
  const digests = Object.fromEntries(
    Object.entries(options.programs).map(([name, { digest }]) => [name, digest]),
  );
  const starter = new Starter(options, emptyState(platformName(platform), port, digests));
  try {
    const [etcd, apiserver, ...clients] = controlPlane(layout, ports, platform.arch, minor);
    for (const first of [etcd, apiserver]) {
      if (first === undefined) continue;
      await starter.start(first);
      await starter.untilHealthy(first, identity);
    }
    for (const client of clients) await starter.start(client);
    await Promise.all(clients.map((client) => starter.untilHealthy(client, identity)));
    await starter.until("default ServiceAccount", () =>
      hasDefaultServiceAccount(port, identity, minor),
    );
    return starter.running();
  } catch (error) {
    await starter.end();
    throw error;
  }
}

/** Ends what runs of a state, the apiserver's clients first and etcd last. */
export async function endControlPlane(
  layout: ControlPlaneLayout,
  state: ControlPlaneState,
): Promise<RunningProgram[]> {
  const living = livingPrograms(state);
  for (const program of [...living].reverse()) await endProcesses([program], GRACE_MS);
  removeState(layout);
  rmSync(layout.temporary, { recursive: true, force: true });
  return living;
}

class Starter {
  readonly #options: StartOptions;
  #state: ControlPlaneState;
  readonly #endings: Promise<never>[] = [];
  readonly #releases: (() => void)[] = [];
  readonly #startedMs = new Map<string, number>();

  constructor(options: StartOptions, state: ControlPlaneState) {
    this.#options = options;
    this.#state = state;
    const { signal } = options;
    const interrupted = new Promise<never>((_, reject) => {
      const stop = (): void => reject(new NodeFailure({ type: "interrupted" }));
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    });
    this.#add(interrupted);
  }

  /** Something that ends all waiting when it rejects. */
  #add(ending: Promise<never>): void {
    // Looked at by whoever races it; until then its rejection is nobody's surprise.
    ending.catch(() => undefined);
    this.#endings.push(ending);
  }

  async start({ name, flags, env }: Component): Promise<void> {
    const { layout, programs, tools, platform, outlives } = this.#options;
    const log = layout.log(name);
    // Only the last run's.
    rmSync(log, { force: true });
    this.#startedMs.set(name, performance.now());
    const daemon = await startDaemon({
      argv: [
        ...(outlives ? [] : fromTools(tools, () => boundToKmips(tools))),
        ...emulated(tools, platform),
        programs[name].path,
        ...flagArguments(flags),
      ],
      env: { PATH: SYSTEM_PATH, HOME: layout.root, TMPDIR: layout.temporary, ...env },
      cwd: layout.root,
      log,
    });
    const identity = identifyProcess(daemon.pid);
    if (identity === undefined) throw endedFailure(name, log, await daemon.exited);
    this.#state = {
      ...this.#state,
      programs: [...this.#state.programs, { ...identity, name, log }],
    };
    writeState(layout, this.#state);
    this.#releases.push(() => daemon.release());
    this.#add(
      daemon.exited.then((how) => {
        throw endedFailure(name, log, how);
      }),
    );
  }

  async untilHealthy({ name, health }: Component, identity: ClientIdentity): Promise<void> {
    await this.until(name, () => isHealthy(health, identity));
  }

  /** Asks until the answer is yes. @throws NodeFailure when a program ends, or it takes too long */
  async until(what: string, isReady: () => Promise<boolean>): Promise<void> {
    const { onReady, layout } = this.#options;
    const start = this.#startedMs.get(what) ?? performance.now();
    const over = new AbortController();
    const asking = async (): Promise<void> => {
      while (!over.signal.aborted && !(await isReady())) {
        if (performance.now() - start > READY_TIMEOUT_MS) {
          const name = this.#startedMs.has(what) ? what : "kube-controller-manager";
          const why = `${what} is not ready after ${READY_TIMEOUT_MS / 1000} s`;
          throw componentFailure(name, layout.log(name), why);
        }
        await delay(POLL_MS);
      }
    };
    try {
      await Promise.race([asking(), ...this.#endings]);
    } finally {
      over.abort();
    }
    onReady(what, performance.now() - start);
  }

  running(): RunningControlPlane {
    const { layout } = this.#options;
    this.#state = { ...this.#state, ready: true };
    writeState(layout, this.#state);
    const ended = Promise.race(this.#endings);
    ended.catch(() => undefined);
    return {
      state: this.#state,
      ended,
      release: () => {
        for (const release of this.#releases) release();
      },
    };
  }

  async end(): Promise<void> {
    await endControlPlane(this.#options.layout, this.#state);
  }
}

/** What `find` takes from this machine's tools. @throws NodeFailure when one is missing */
function fromTools<Found>(tools: Tools, find: () => Found): Found {
  try {
    return find();
  } catch (error) {
    throw asNodeFailure(error, tools, "starting a control plane");
  }
}

/** The port that was asked for, or a free one. @throws NodeFailure when another program has it */
async function takePort(wanted: number | undefined): Promise<number> {
  if (wanted === undefined) {
    const [port = 0] = await freePorts(1);
    return port;
  }
  if (await isFreePort(wanted)) return wanted;
  throw new NodeFailure(
    {
      type: "resource",
      errno: "EADDRINUSE",
      path: `${LOOPBACK}:${wanted}`,
      what: "another program listens on the port that kube-apiserver is to have",
    },
    "name another with --port, or none: then kmips takes a free one",
  );
}

type FivePorts = [number, number, number, number, number];

/** Free ports for all that the apiserver's port is not for. */
async function otherPorts(apiserver: number): Promise<ControlPlanePorts> {
  const free = await freePorts(5, [apiserver]);
  const [etcdClient, etcdPeer, etcdHealth, controllerManager, scheduler] = free as FivePorts;
  return { apiserver, etcdClient, etcdPeer, etcdHealth, controllerManager, scheduler };
}

function writeKubeconfigs(layout: ControlPlaneLayout, port: number, ca: Buffer): void {
  for (const user of ["admin", "controller-manager", "scheduler"]) {
    const { crt, key } = layout.certificate(user);
    const text = kubeconfigText({
      server: apiEndpoint(port),
      user: user === "admin" ? "kubernetes-admin" : `system:kube-${user}`,
      ca,
      certificate: readFileSync(crt),
      key: readFileSync(key),
    });
    writeFileSync(layout.kubeconfig(user), text, { mode: 0o600 });
  }
}
