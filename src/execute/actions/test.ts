/**
 * Runs a test node: the image's programs start under the emulator in a sandbox with a network of
 * its own, and the driver beside them checks what they answer.
 *
 * As root the sandbox keeps this machine's user ids, so that programs see the owners that the
 * image declares, with the capabilities a container runtime would leave them; otherwise it has one
 * user, the image's.
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import type { RuntimeConfig } from "../../image/index.js";
import { NodeFailure } from "../../model/failure.js";
import { assertNever } from "../../model/invariant.js";
import type { TestDefinition } from "../../model/node.js";
import type { ProcessResult } from "../../model/ports.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import type { DriverSpec, ProgramSpec, Verdict } from "../driver/protocol.js";
import { withEmulatorRetry } from "../emulator-retry.js";
import { commandFailure, runSandboxed } from "../run-tool.js";
import { HOST_PROGRAMS, type Mount } from "../sandbox.js";
import { imageUser, prepareTestRoot } from "../test-root.js";
import { asNodeFailure } from "../tool-failure.js";

const ROOT = "/kmips/root";
const EMULATOR = "/.kmips/qemu";
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** The driver ends a test in time by itself and can tell where it stood; this is for its own hangs. */
const DRIVER_GRACE_MS = 15_000;

/** What container runtimes leave to root, less what makes devices. */
const CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/** Output: `report`, the names of what passed. @throws NodeFailure `test`, `emulator-crash`, `timeout` */
export async function runTest(node: TestDefinition, ctx: ActionContext): Promise<ActionOutcome> {
  const started = performance.now();
  let emulatedMs = 0;
  const notes: string[] = [];
  await withEmulatorRetry(async () => {
    const { verdict, elapsedMs, emulated } = await attemptTest(node, ctx);
    if (emulated) emulatedMs += elapsedMs;
    if (verdict.type !== "passed") throw testFailure(verdict, node);
  }, notes);
  // Stable facts only: the digest of the report must not change from run to run.
  const report = Buffer.from(
    `${JSON.stringify({ services: node.services.map(({ name }) => name), steps: node.steps.map(({ name }) => name), passed: true })}\n`,
  );
  return {
    outputs: [{ name: "report", digest: ctx.store.putBytes(report), size: report.byteLength }],
    nativeMs: Math.max(0, Math.round(performance.now() - started) - emulatedMs),
    emulatedMs,
    notes,
  };
}

async function attemptTest(
  node: TestDefinition,
  ctx: ActionContext,
): Promise<{ readonly verdict: Verdict; readonly elapsedMs: number; readonly emulated: boolean }> {
  const asRoot = userInfo().uid === 0;
  const directory = ctx.temporaryDirectory();
  const root = join(directory, "root");
  // A user of the image other than root must get through both, whatever the umask; the sandbox
  // would make the second one for itself alone.
  for (const path of [root, join(root, dirname(EMULATOR))]) {
    mkdirSync(path);
    chmodSync(path, 0o755);
  }
  const config = prepareTestRoot(node, root, asRoot, ctx);
  const emulator = findEmulator(node, ctx);
  const user = imageUser(config.User, root);
  const program = programMaker(node, config, user);
  const spec: DriverSpec = {
    root: ROOT,
    ...(emulator === undefined ? {} : { emulator: EMULATOR }),
    unshare: ctx.tools.require("unshare"),
    changeUsers: asRoot,
    services: node.services.map((service) => ({
      name: service.name,
      program: program(service.cmd, service.env),
      ready: service.ready,
    })),
    steps: node.steps.map((step) =>
      step.type === "command" ? { ...step, program: program(step.cmd, step.env) } : step,
    ),
    timeoutMs: node.timeoutMs,
  };
  const specFile = join(directory, "spec.json");
  writeFileSync(specFile, JSON.stringify(spec));
  const mounts: Mount[] = [
    ...HOST_PROGRAMS,
    { type: "ro", source: ctx.tools.node, target: "/kmips/node" },
    { type: "ro", source: ctx.testDriver, target: "/kmips/driver.cjs" },
    { type: "ro", source: specFile, target: "/kmips/spec.json" },
    { type: "rw", source: root, target: ROOT },
    { type: "proc", target: `${ROOT}/proc` },
    { type: "dev", target: `${ROOT}/dev` },
    { type: "tmpfs", target: `${ROOT}/tmp`, mode: "1777" },
    ...(emulator === undefined
      ? []
      : [{ type: "ro", source: emulator, target: `${ROOT}${EMULATOR}` } as const]),
    // Belongs to the network namespace, so what is set there stays there.
    ...(asRoot ? [{ type: "rw", source: "/proc/sys/net", target: "/proc/sys/net" } as const] : []),
  ];
  const result = await runSandboxed(
    { ...ctx, perturbation: undefined },
    {
      mounts,
      cwd: "/",
      argv: ["/kmips/node", "/kmips/driver.cjs", "/kmips/spec.json"],
      ...(asRoot
        ? { realUsers: true, capabilities: CAPABILITIES }
        : { uid: user.uid, gid: user.gid, capabilities: ["CAP_SYS_CHROOT"] }),
    },
    { what: `test ${ctx.address}`, timeoutMs: node.timeoutMs + DRIVER_GRACE_MS },
  );
  return {
    verdict: readVerdict(result, ctx),
    elapsedMs: result.elapsedMs,
    emulated: emulator !== undefined,
  };
}

function findEmulator(node: TestDefinition, ctx: ActionContext): string | undefined {
  try {
    return ctx.tools.emulatorFor(node.platform)?.path;
  } catch (error) {
    throw asNodeFailure(error, ctx.tools, `running programs for ${node.platform.arch}`);
  }
}

/** How the image starts a program: entrypoint and cmd unless the test names its own. */
function programMaker(
  node: TestDefinition,
  config: RuntimeConfig,
  user: ReturnType<typeof imageUser>,
): (cmd: readonly string[] | undefined, env: Readonly<Record<string, string>>) => ProgramSpec {
  const imageEnv = Object.fromEntries(
    (config.Env ?? []).map((row) => {
      const equals = row.indexOf("=");
      return equals === -1 ? [row, ""] : [row.slice(0, equals), row.slice(equals + 1)];
    }),
  ) as Record<string, string>;
  return (cmd, env) => {
    const argv = cmd ?? [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
    if (argv.length === 0) {
      throw new NodeFailure(
        { type: "missing-input", what: "command", path: "entrypoint", candidates: [] },
        "Give the test a `cmd`, or the image an entrypoint",
      );
    }
    return {
      argv,
      env: {
        PATH: DEFAULT_PATH,
        HOME: user.home,
        HOSTNAME: "kmips",
        ...imageEnv,
        ...node.env,
        ...env,
      },
      cwd: config.WorkingDir === undefined || config.WorkingDir === "" ? "/" : config.WorkingDir,
      uid: user.uid,
      gid: user.gid,
    };
  };
}

function readVerdict(result: ProcessResult, ctx: ActionContext): Verdict {
  const line = result.stdout.trimEnd().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(line) as Verdict;
  } catch {
    throw commandFailure(`the driver of ${ctx.address}`, result);
  }
}

function testFailure(
  verdict: Exclude<Verdict, { type: "passed" }>,
  node: TestDefinition,
): NodeFailure {
  switch (verdict.type) {
    case "failed":
      return new NodeFailure({
        type: "test",
        step: verdict.step,
        expected: verdict.expected,
        actual: verdict.actual,
      });
    case "crashed":
      return new NodeFailure({
        type: "emulator-crash",
        signal: verdict.signal,
        excerpt: `step "${verdict.step}"\n${verdict.output}`,
      });
    case "timeout":
      return new NodeFailure(
        {
          type: "timeout",
          what: `step "${verdict.step}"\n${verdict.output}`.trimEnd(),
          ms: node.timeoutMs,
        },
        "Set a longer `timeout` if the step only is slow",
      );
    default:
      return assertNever(verdict);
  }
}
