/** `kmips conformance`: the specs of a list, run against the project's control plane. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  boundToKmips,
  ConformanceResults,
  type ControlPlaneLayout,
  deleteTestNamespaces,
  emulated,
  endedFailure,
  parseSpecList,
  readState,
  runSpecs,
  SYSTEM_PATH,
  type SpecEvent,
  type JunitCase,
} from "../execute/index.js";
import { NodeFailure } from "../model/failure.js";
import { platformName } from "../model/platform.js";
import { shellWord } from "../model/shell-word.js";
import {
  controlPlaneLayout,
  endedProgram,
  findPrograms,
  runningControlPlane,
  withLock,
  type BuiltProgram,
} from "./control-plane.js";
import { UsageError } from "./errors.js";
import { readNamedFile } from "./named-files.js";
import type { Environment, Workspace } from "./workspace.js";

/** The list that comes with kmips, below the shipped recipes. */
const SHIPPED_LIST = "kubernetes/conformance-api-only.txt";

export interface SpecSelection {
  readonly directory: string | undefined;
  /** A list instead of the shipped one. */
  readonly specs: string | undefined;
  /** Only the names that it finds. */
  readonly focus: RegExp | undefined;
}

export interface ConformanceRequest extends SpecSelection {
  readonly jobs: number;
  /** Whether earlier results are removed first. */
  readonly fresh: boolean;
  readonly signal: AbortSignal;
  readonly onEvent: (event: ConformanceEvent) => void;
}

export type ConformanceEvent =
  | SpecEvent
  /** `kept` of the `selected` specs have a result from before. */
  | { readonly type: "plan"; readonly selected: number; readonly kept: number }
  /** Earlier results were of other programs. */
  | { readonly type: "outdated" };

export interface SpecRow {
  readonly name: string;
  /** Undefined when it has not ended yet. */
  readonly result: JunitCase | undefined;
}

export interface ConformanceReport {
  readonly rows: readonly SpecRow[];
  readonly log: string;
  readonly junit: string;
}

/** The selected specs and what became of them until now. @throws UsageError */
export function listSpecs(environment: Environment, selection: SpecSelection): ConformanceReport {
  const results = new ConformanceResults(
    controlPlaneLayout(environment, selection.directory).conformance,
  );
  return reportOf(results, selectSpecs(environment, selection).selected);
}

/**
 * Runs the selected specs that have no result yet. `e2e.log` and `junit_01.xml` are written whatever
 * happens, with every result that is kept.
 * @throws UsageError; NodeFailure when the control plane ends meanwhile
 */
export async function runConformance(
  workspace: Workspace,
  request: ConformanceRequest,
): Promise<ConformanceReport> {
  const { environment, tools } = workspace;
  const layout = controlPlaneLayout(environment, request.directory);
  const { all, selected } = selectSpecs(environment, request);
  const controlPlane = runningControlPlane(layout);
  const [e2eTest, kubectl] = findPrograms(workspace, [
    { component: "component.e2e", program: "e2e_test" },
    { component: "component.kubectl", program: "kubectl" },
  ]) as [BuiltProgram, BuiltProgram];
  mkdirSync(layout.conformance, { recursive: true, mode: 0o700 });
  const lock = { path: join(layout.conformance, "lock"), what: "Another kmips runs specs" };
  return withLock(lock, tools, async () => {
    const results = new ConformanceResults(layout.conformance);
    const digests = {
      ...readState(layout)?.digests,
      e2e_test: e2eTest.digest,
      kubectl: kubectl.digest,
    };
    if (results.open(digests, request.fresh)) request.onEvent({ type: "outdated" });
    const rest = selected.filter((name) => results.get(name) === undefined);
    const kept = selected.length - rest.length;
    request.onEvent({ type: "plan", selected: selected.length, kept });
    try {
      await deleteTestNamespaces(controlPlane.server, layout);
      const unknown = await runSpecs(rest, {
        launcher: [...boundToKmips(tools), ...emulated(tools, e2eTest.platform)],
        ...copyPrograms(workspace, layout, e2eTest, kubectl),
        kubeconfig: controlPlane.kubeconfig,
        env: { PATH: SYSTEM_PATH, HOME: layout.conformance, TMPDIR: temporary(layout) },
        processes: environment.processes,
        signal: request.signal,
        results,
        jobs: request.jobs,
        checkServer: () => checkServer(layout),
        onEvent: request.onEvent,
      });
      if (unknown.length > 0) {
        throw new UsageError(
          `${platformName(e2eTest.platform)} e2e.test has no spec "${unknown.join('", "')}"`,
          "--specs names a list that fits this release of Kubernetes",
        );
      }
    } finally {
      results.write(all);
    }
    return reportOf(results, selected);
  });
}

function reportOf(results: ConformanceResults, names: readonly string[]): ConformanceReport {
  const rows = names.map((name) => ({ name, result: results.get(name) }));
  return { rows, log: results.log, junit: results.junit };
}

/** Every spec of the list, and those that the focus finds. @throws UsageError when it finds none */
function selectSpecs(
  environment: Environment,
  { specs, focus }: SpecSelection,
): { readonly all: readonly string[]; readonly selected: readonly string[] } {
  const path = specs ?? join(environment.shipped, SHIPPED_LIST);
  const { names, repeated } = parseSpecList(readNamedFile(path));
  if (repeated.length > 0)
    throw new UsageError(`"${path}" names a spec twice: ${repeated.join(", ")}`);
  const selected = focus === undefined ? names : names.filter((name) => focus.test(name));
  if (selected.length === 0)
    throw new UsageError(`No spec in "${path}" matches`, "kmips conformance --list shows them");
  return { all: names, selected };
}

/** @throws NodeFailure when a program of the control plane has ended */
function checkServer(layout: ControlPlaneLayout): void {
  const state = readState(layout);
  if (state !== undefined) {
    const dead = endedProgram(state);
    if (dead !== undefined) throw endedFailure(dead.name, dead.log, "no word to this kmips");
    return;
  }
  throw new NodeFailure(
    { type: "busy", what: `The control plane in "${layout.root}" was ended while specs ran` },
    "kmips up --detach starts it again; kmips conformance goes on where it stopped",
  );
}

function copyPrograms(
  { store, tools }: Workspace,
  layout: ControlPlaneLayout,
  e2eTest: BuiltProgram,
  kubectl: BuiltProgram,
): { readonly e2eTest: string; readonly kubectl: string } {
  mkdirSync(layout.programs, { recursive: true, mode: 0o700 });
  const program = join(layout.programs, "e2e.test");
  store.copyTo(e2eTest.digest, program, 0o755);
  const target = join(layout.programs, "kubectl");
  store.copyTo(kubectl.digest, target, 0o755);
  const launcher = emulated(tools, kubectl.platform);
  if (launcher.length === 0) return { e2eTest: program, kubectl: target };
  // e2e.test starts kubectl by its path alone, and the kernel may have no handler for its machine.
  const script = `${target}.sh`;
  const command = [...launcher, target].map(shellWord).join(" ");
  writeFileSync(script, `#!/bin/sh\nexec ${command} "$@"\n`);
  chmodSync(script, 0o755);
  return { e2eTest: program, kubectl: script };
}

function temporary(layout: ControlPlaneLayout): string {
  mkdirSync(layout.temporary, { recursive: true, mode: 0o700 });
  return layout.temporary;
}
