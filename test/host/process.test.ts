import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ChildProcessRunner, SpawnError, ToolMissingError } from "../../src/host/index.js";

const env = { PATH: "/usr/bin:/bin" };
const runner = new ChildProcessRunner();
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kmips-process-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Whether a process runs; one that is dead but not yet reaped by its adopter does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${String(pid)}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** A Node child that starts a grandchild in its own group and prints its pid. */
const PARENT = `
  const child = require("node:child_process").spawn("/usr/bin/sleep", ["1000"], { stdio: "inherit" });
  console.log(child.pid);
`;

describe("ChildProcessRunner", () => {
  it("passes argv as it is, without a shell", async () => {
    const result = await runner.run({ argv: ["printf", "%s|", "$HOME", "a b", "`id`", ""], env });
    expect(result).toMatchObject({ code: 0, stdout: "$HOME|a b|`id`||", timedOut: false });
  });

  it("gives the child exactly the declared environment and standard input", async () => {
    const result = await runner.run({ argv: ["/usr/bin/env"], env: { A: "1" } });
    expect(result.stdout).toBe("A=1\n");
    expect((await runner.run({ argv: ["cat"], env, stdin: "in" })).stdout).toBe("in");
    expect((await runner.run({ argv: ["cat"], env })).stdout).toBe("");
  });

  it("reports exit codes and signals", async () => {
    expect((await runner.run({ argv: ["sh", "-c", "exit 7"], env })).code).toBe(7);
    const killed = await runner.run({ argv: ["sh", "-c", "kill -9 $$"], env });
    expect(killed).toMatchObject({ code: undefined, killedBy: "SIGKILL" });
  });

  it("streams output and keeps its last mebibyte", async () => {
    const chunks: string[] = [];
    const script = `process.stdout.write("a".repeat(3 << 20) + "end"); process.stderr.write("e")`;
    let size = 0;
    const result = await runner.run({
      argv: [execPath, "-e", script],
      env,
      onOutput: (chunk, stream) => {
        size += chunk.byteLength;
        chunks.push(stream);
      },
    });
    expect(size).toBe((3 << 20) + 4);
    expect(new Set(chunks)).toEqual(new Set(["stdout", "stderr"]));
    expect(result.stdout).toHaveLength(1 << 20);
    expect(result.stdout.endsWith("aend")).toBe(true);
  });

  it("tells a missing program from a missing directory", async () => {
    await expect(runner.run({ argv: ["kmips-no-such-tool"], env })).rejects.toThrow(
      ToolMissingError,
    );
    await expect(runner.run({ argv: [directory], env })).rejects.toThrow(ToolMissingError);
    const nowhere = join(directory, "nowhere");
    await expect(runner.run({ argv: ["true"], env, cwd: nowhere })).rejects.toThrow(SpawnError);
  });

  it("ends the whole group at a time-out", async () => {
    let pid = 0;
    const result = await runner.run({
      argv: [execPath, "-e", `${PARENT}; setInterval(() => {}, 1000)`],
      env,
      timeoutMs: 1_000,
      onOutput: (chunk) => {
        pid = Number(chunk.toString());
      },
    });
    expect(result).toMatchObject({ timedOut: true, killedBy: "SIGTERM" });
    expect(pid).toBeGreaterThan(0);
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it("ends the group on abort", async () => {
    const abort = new AbortController();
    const result = await runner.run({
      argv: ["sh", "-c", "echo started; exec sleep 1000"],
      env,
      signal: abort.signal,
      onOutput: () => abort.abort(),
    });
    expect(result).toMatchObject({ timedOut: false, killedBy: "SIGTERM" });
  });

  it("does not wait for, nor leave behind, what a finished child started", async () => {
    const result = await runner.run({ argv: [execPath, "-e", `${PARENT}; child.unref()`], env });
    expect(result.code).toBe(0);
    expect(Number(result.stdout)).toBeGreaterThan(0);
    await expect.poll(() => isAlive(Number(result.stdout))).toBe(false);
  });
});
