import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath, pid } from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  endProcesses,
  freePorts,
  identifyProcess,
  isAlive,
  isFreePort,
  LOOPBACK,
  startDaemon,
  ToolMissingError,
} from "../../src/host/index.js";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kmips-daemon-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A Node that says `ready` and runs the script. */
function start(script: string): ReturnType<typeof startDaemon> {
  const argv = [execPath, "-e", `${script}; console.log("ready"); setInterval(() => {}, 1e6)`];
  return startDaemon({ argv, env: {}, cwd: directory, log: join(directory, "log") });
}

async function untilReady(): Promise<void> {
  const text = (): string => readFileSync(join(directory, "log"), "utf8");
  await expect.poll(text, { timeout: 15_000 }).toContain("ready");
}

describe("identifyProcess()", () => {
  it("tells a process from another one of the same pid", () => {
    const self = identifyProcess(pid)!;
    expect(self).toEqual(identifyProcess(pid));
    expect(isAlive(self)).toBe(true);
    expect(isAlive({ ...self, started: `${self.started}0` })).toBe(false);
    const [boot, ticks] = self.started.split(":");
    expect(boot).toMatch(/^[0-9a-f-]{36}$/);
    expect(isAlive({ pid, started: `other-boot:${ticks!}` })).toBe(false);
  });

  it("finds nothing where nothing runs", () => {
    expect(identifyProcess(2 ** 22 + 1)).toBeUndefined();
  });
});

describe("startDaemon() and endProcesses()", () => {
  it("keeps what a program writes and ends it politely", async () => {
    const daemon = await start(`process.on("SIGTERM", () => process.exit(7))`);
    const identity = identifyProcess(daemon.pid)!;
    await untilReady();
    await endProcesses([identity], 10_000);
    expect(await daemon.exited).toBe("exit 7");
    expect(isAlive(identity)).toBe(false);
  });

  it("kills what does not want to end", async () => {
    const daemon = await start(`process.on("SIGTERM", () => {})`);
    const identity = identifyProcess(daemon.pid)!;
    await untilReady();
    await endProcesses([identity], 100);
    expect(await daemon.exited).toBe("SIGKILL");
  });

  it("spares a process that only has the pid", async () => {
    const daemon = await start("");
    const identity = identifyProcess(daemon.pid)!;
    await endProcesses([{ ...identity, started: "earlier-boot:1" }], 0);
    expect(isAlive(identity)).toBe(true);
    await endProcesses([identity], 0);
  });

  it("names a program that is not there", async () => {
    const request = { argv: ["/no/such"], env: {}, cwd: directory, log: join(directory, "log") };
    await expect(startDaemon(request)).rejects.toThrow(ToolMissingError);
  });
});

describe("freePorts()", () => {
  it("finds different ports that nothing has", async () => {
    const ports = await freePorts(5);
    expect(new Set(ports).size).toBe(5);
    for (const port of ports) expect(await isFreePort(port)).toBe(true);
  });

  it("passes over one that is taken or excepted", async () => {
    const [taken = 0, excepted = 0, free = 0] = await freePorts(3);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(taken, LOOPBACK, resolve));
    expect(await isFreePort(taken)).toBe(false);
    const wanted = [taken, excepted, free];
    const random = (): number => ((wanted.shift() ?? 0) - 20_000 + 0.5) / 10_000;
    expect(await freePorts(1, [excepted], random)).toEqual([free]);
    await new Promise((resolve) => server.close(resolve));
  });
});
