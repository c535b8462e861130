/**
 * The programs of the shipped recipes at work: a control plane that answers, kubectl, two specs of the
 * conformance tests, an interruption, the end. It builds nothing that the first build did not.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ControlPlaneLayout } from "../../src/execute/index.js";
import { Tools } from "../../src/host/index.js";
import { EXIT } from "../../src/model/exit-code.js";
import { processesLeft, run, type World } from "../e2e/support.js";
import { recipesWorld, sharedStore } from "./support.js";

const COMPONENTS = [
  "etcd",
  "kube_apiserver",
  "kube_controller_manager",
  "kube_scheduler",
  "kubectl",
  "e2e",
].map((name) => `component.${name}`);
const QUICK = "[sig-node] ConfigMap should fail to create ConfigMap with empty key [Conformance]";
const OTHER =
  "[sig-api-machinery] Secrets should fail to create secret due to empty secret key [Conformance]";
const FOCUS = "should fail to create";

interface Running {
  readonly server: string;
  readonly kubeconfig: string;
  readonly programs: readonly { readonly name: string; readonly pid: number }[];
}

let world: World;
let directory: string;
let layout: ControlPlaneLayout;
let running: Running;

beforeAll(async () => {
  world = recipesWorld(sharedStore());
  directory = join(world.root, "plane");
  layout = new ControlPlaneLayout(directory);
  await world.output(["build", ...COMPONENTS]);
  running = await world.json<Running>(["up", "--detach", "--dir", directory]);
});
afterAll(async () => {
  await world.kmips(["down", "--dir", directory]);
  await world.remove();
});

describe("kmips up", () => {
  it("answers /healthz", async () => {
    const [ca, { crt, key }] = [layout.certificate("ca").crt, layout.certificate("admin")];
    const argv = ["curl", "-sS", "--cacert", ca, "--cert", crt, "--key", key];
    const { stdout } = await run([...argv, `${running.server}/healthz`]);
    expect(stdout).toBe("ok");
    expect(running.server).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  });

  it("listens on loopback alone", async () => {
    const { stdout } = await run(["ss", "-Hltnp"]);
    const lines = stdout
      .split("\n")
      .filter((line) => running.programs.some(({ pid }) => line.includes(`pid=${pid},`)));
    expect(lines.length).toBeGreaterThanOrEqual(running.programs.length);
    for (const line of lines) expect(line).toMatch(/ 127\.0\.0\.1:\d+ /);
  });

  it("says so when it is asked for twice", async () => {
    const { code, stderr } = await world.kmips(["up", "--dir", directory]);
    expect(code).toBe(EXIT.locked);
    expect(stderr).toContain("KM0531: A control plane already runs in");
    expect(stderr).toContain("kmips down ends it");
  });
});

describe("kmips conformance", () => {
  it("is interrupted, and has no result of what was cut", async () => {
    const specs = world.start(["conformance", "--dir", directory, "--focus", FOCUS]);
    await specs.says("start ");
    specs.child.kill("SIGINT");
    const { code, stdout } = await specs.ended;
    expect(code, stdout).toBe(EXIT.interrupted);
    expect(stdout).toMatch(/^[01] of 2 specs passed, [12] not run$/m);
  });

  it("goes on where it stopped", async () => {
    const args = ["conformance", "--dir", directory, "--focus", FOCUS];
    const { code, stdout, stderr } = await world.kmips(args);
    expect(code, `${stdout}${stderr}`).toBe(EXIT.ok);
    expect(stdout).toMatch(/^2 of 2 specs passed$/m);
    const log = readFileSync(join(layout.conformance, "e2e.log"), "utf8");
    for (const name of [QUICK, OTHER]) expect(log).toContain(name.slice(name.indexOf("should")));
    expect(log).toMatch(/^SUCCESS! -- 2 Passed \| 0 Failed \| 0 Pending \| 4895 Skipped$/m);
    const junit = readFileSync(join(layout.conformance, "junit_01.xml"), "utf8");
    expect(junit).toContain('tests="2" failures="0" errors="0"');
    const again = await world.kmips(args);
    expect(again.stderr).toContain("2 specs, 2 of them have a result from before");
    expect(again.stderr).not.toContain("start ");
  });
});

describe("kubectl", () => {
  it("creates a ConfigMap and reads it", async () => {
    const { path } = new Tools({
      path: process.env["PATH"] ?? "",
      node: process.execPath,
      nodeArch: process.arch,
    }).find("qemu-mips64el-static")!;
    const kubectl = (...args: string[]): Promise<{ code: number | undefined; stdout: string }> =>
      run([path, join(layout.programs, "kubectl"), "--kubeconfig", running.kubeconfig, ...args]);
    const created = await kubectl("create", "configmap", "kmips", "--from-literal=a=first value");
    expect(created).toMatchObject({ code: 0, stdout: "configmap/kmips created\n" });
    const read = await kubectl("get", "configmap", "kmips", "-o", "jsonpath={.data.a}");
    expect(read.stdout).toBe("first value");
  });
});

describe("kmips down", () => {
  it("ends everything, and leaves nothing when that is wanted", async () => {
    const stdout = await world.output(["down", "--dir", directory, "--remove"]);
    expect(stdout).toBe("ended etcd, kube-apiserver, kube-controller-manager, kube-scheduler\n");
    expect(await processesLeft(world.root, 5_000)).toEqual([]);
    expect(existsSync(directory)).toBe(false);
    expect(await world.output(["down", "--dir", directory])).toContain("nothing runs in");
  });
});
