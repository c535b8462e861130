/** Test nodes with programs of this machine: no emulator, no network, the real sandbox. */
import { build } from "esbuild";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runTest } from "../../src/execute/actions/test.js";
import { NodeFailure } from "../../src/model/failure.js";
import type { ImageFile, TestDefinition, TestStep } from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import { openRig, type Rig } from "./rig.js";

let root: string;
let testDriver: string;
let rig: Rig;

/** A shell and what it needs, as they lie on Debian amd64. */
const LOCAL = [
  "/lib64/ld-linux-x86-64.so.2",
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/bin/cat",
  "/bin/sleep",
  "/bin/dash",
];
const FILES: readonly ImageFile[] = LOCAL.map((path) => ({
  path,
  content: { type: "local", path },
  mode: 0o755,
  uid: 0,
  gid: 0,
}));

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "kmips-driver-"));
  testDriver = join(root, "test-driver.cjs");
  await build({
    entryPoints: [join(import.meta.dirname, "../../src/execute/test-driver.ts")],
    outfile: testDriver,
    bundle: true,
    platform: "node",
    format: "cjs",
  });
  rig = await openRig(join(root, "store"));
  const shell = rig.store.putBytes(readFileSync("/bin/dash"));
  const size = readFileSync("/bin/dash").byteLength;
  rig.finish(
    "component.x",
    { kind: "group", members: [] },
    {
      outputs: [{ name: "sh", digest: shell, size, executable: true }],
      nativeMs: 0,
      emulatedMs: 0,
    },
  );
});
afterAll(async () => {
  await rig.store.close();
  rmSync(root, { recursive: true, force: true });
});

function definition(overrides: Partial<TestDefinition>): TestDefinition {
  return {
    kind: "test",
    subject: "component.x",
    files: FILES,
    services: [],
    steps: [],
    env: {},
    timeoutMs: 10_000,
    platform: platformOf("amd64"),
    ...overrides,
  };
}

function shell(
  script: string,
  more: { exit?: number; expect?: string; env?: Record<string, string> } = {},
): TestStep {
  return { name: "runs", type: "command", cmd: ["/sh", "-c", script], env: {}, exit: 0, ...more };
}

async function run(overrides: Partial<TestDefinition>): Promise<string> {
  const outcome = await runTest(definition(overrides), rig.context("x/test:t", { testDriver }));
  expect(outcome.emulatedMs).toBe(0);
  return rig.store.readBytes(outcome.outputs[0]!.digest).toString();
}

async function failureOf(overrides: Partial<TestDefinition>): Promise<NodeFailure> {
  const error: unknown = await run(overrides).catch((thrown: unknown) => thrown);
  if (error instanceof NodeFailure) return error;
  throw error instanceof Error ? error : new Error("the test passed");
}

describe.runIf(arch() === "x64")("runTest()", () => {
  it("passes with a report of stable facts only", async () => {
    const steps = [
      shell("echo out; echo err >&2", { expect: "^out\nerr$" }),
      shell("exit 3", { exit: 3 }),
    ];
    expect(await run({ steps })).toBe('{"services":[],"steps":["runs","runs"],"passed":true}\n');
  });

  it("gives programs the image's world and nothing else", async () => {
    const script =
      'echo "$A $PATH $HOME"; read name < /etc/hostname; echo $name; cat /etc/hosts; echo /*';
    const expected = [
      "^yes /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /$",
      "^kmips$",
      "^127.0.0.1 localhost kmips$",
      "^/bin /dev /etc /lib /lib64 /proc /sh /tmp$",
    ];
    for (const expect of expected)
      await run({ env: { A: "yes" }, steps: [shell(script, { expect })] });
  });

  it("takes the hosts that the test names for its own", async () => {
    const path = join(root, "hosts");
    writeFileSync(path, "127.0.0.1 elsewhere\n");
    const hosts: ImageFile = {
      path: "/etc/hosts",
      content: { type: "local", path },
      uid: 0,
      gid: 0,
    };
    await run({
      files: [...FILES, hosts],
      steps: [shell("cat /etc/hosts", { expect: "^127.0.0.1 elsewhere$" })],
    });
  });

  it("says what a step gave instead", async () => {
    const wrong = await failureOf({ steps: [shell("echo no; exit 1")] });
    expect(wrong.reason).toEqual({
      type: "test",
      step: "runs",
      expected: "exit 0",
      actual: "exit 1\nno",
    });
    const unmatched = await failureOf({ steps: [shell("echo no", { expect: "yes" })] });
    expect(unmatched.reason).toMatchObject({ expected: "/yes/", actual: "no" });
    const absent = await failureOf({
      steps: [{ name: "x", type: "command", cmd: ["/none"], env: {}, exit: 0 }],
    });
    expect(absent.reason).toMatchObject({ type: "test", step: "x", expected: "exit 0" });
  });

  it("waits for a service, signals it and reads its last words", async () => {
    const script = 'trap "echo bye; exit 3" TERM; echo ready; sleep 1000 & wait';
    const service = {
      name: "s",
      cmd: ["/sh", "-c", script],
      env: {},
      ready: { type: "log", pattern: "^ready$" } as const,
    };
    const stop: TestStep = {
      name: "stops",
      type: "signal",
      service: "s",
      signal: "TERM",
      exit: 3,
      expect: "^bye$",
    };
    await run({ services: [service], steps: [stop] });
    const twice = await failureOf({ services: [service], steps: [stop, stop] });
    expect(twice.reason).toMatchObject({ expected: "the service runs", step: "stops" });
  });

  it("tells of a service that ended before it was ready", async () => {
    const services = [
      {
        name: "s",
        cmd: ["/sh", "-c", "echo cannot; exit 2"],
        env: {},
        ready: { type: "tcp", port: 9 } as const,
      },
    ];
    const failure = await failureOf({ services });
    expect(failure.reason).toMatchObject({
      type: "test",
      step: "service s",
      expected: "ready: it listens on port 9",
    });
    expect((failure.reason as { actual: string }).actual).toContain("cannot");
  });

  it("ends a test that takes too long and names the step", async () => {
    const failure = await failureOf({ timeoutMs: 300, steps: [shell("sleep 1000")] });
    expect(failure.reason).toMatchObject({ type: "timeout", ms: 300 });
    expect((failure.reason as { what: string }).what).toContain('step "runs"');
  });

  it("has no network but its own", async () => {
    const steps: TestStep[] = [
      { name: "out", type: "http", url: "http://192.0.2.1/", method: "GET", status: 200 },
    ];
    expect((await failureOf({ steps })).reason).toMatchObject({
      actual: expect.stringContaining("ENETUNREACH") as string,
    });
  });

  it("takes scripts, links and texts as files, and refuses places behind links", async () => {
    const text = (path: string, value: string, mode = 0o644): ImageFile => ({
      path,
      content: { type: "text", text: value },
      mode,
      uid: 0,
      gid: 0,
    });
    const link: ImageFile = {
      path: "/l",
      content: { type: "link", target: "/etc" },
      uid: 0,
      gid: 0,
    };
    const files = [...FILES, text("/usr/bin/script", "#!/sh\necho $0 $1\n", 0o755), link];
    const step: TestStep = {
      name: "s",
      type: "command",
      cmd: ["script", "a"],
      env: {},
      exit: 0,
      expect: "^/usr/bin/script a$",
    };
    await run({ files, steps: [step] });
    const refused = await failureOf({ files: [...files, text("/l/x", "evil")] });
    expect(refused.reason).toMatchObject({ type: "command", exit: "refused" });
  });
});
