import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build } from "esbuild";
import { FlockLocker, LockError, ToolMissingError } from "../../src/host/index.js";

const locker = new FlockLocker("/usr/bin/flock", "/usr/bin/cat");
let directory: string;
let holder: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "kmips-flock-"));
  // A process of its own that takes a lock, says so, and stays.
  holder = join(directory, "holder.mjs");
  const contents = `
    import { FlockLocker } from "./src/host/flock.ts";
    await new FlockLocker("/usr/bin/flock", "/usr/bin/cat").acquire(process.argv[2], "exclusive", true);
    console.log("held");
    setInterval(() => undefined, 1000);
  `;
  await build({
    stdin: { contents, resolveDir: join(import.meta.dirname, "../..") },
    outfile: holder,
    bundle: true,
    platform: "node",
    format: "esm",
  });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("FlockLocker", () => {
  it("excludes a second holder until released", async () => {
    const path = join(directory, "exclusive");
    const first = await locker.acquire(path, "exclusive", false);
    expect(first).toBeDefined();
    expect(await locker.acquire(path, "exclusive", false)).toBeUndefined();
    expect(await locker.acquire(path, "shared", false)).toBeUndefined();
    const waiting = locker.acquire(path, "exclusive", true);
    await first?.release();
    await (await waiting)?.release();
    expect(
      await locker.acquire(path, "exclusive", false).then((lock) => lock?.release()),
    ).toBeUndefined();
  });

  it("lets readers share", async () => {
    const path = join(directory, "shared");
    const locks = [
      await locker.acquire(path, "shared", false),
      await locker.acquire(path, "shared", false),
    ];
    expect(locks.every((lock) => lock !== undefined)).toBe(true);
    expect(await locker.acquire(path, "exclusive", false)).toBeUndefined();
    for (const lock of locks) await lock?.release();
  });

  it("is released when its process is killed", async () => {
    const path = join(directory, "killed");
    const child = spawn(execPath, [holder, path], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    expect(await locker.acquire(path, "exclusive", false)).toBeUndefined();
    child.kill("SIGKILL");
    const lock = await locker.acquire(path, "exclusive", true);
    expect(lock).toBeDefined();
    await lock?.release();
  });

  it("says what is wrong with a file that cannot be locked", async () => {
    const path = join(directory, "no", "such", "directory");
    await expect(locker.acquire(path, "exclusive", true)).rejects.toThrow(LockError);
    const absent = new FlockLocker(join(directory, "flock"), "/usr/bin/cat");
    await expect(absent.acquire(path, "exclusive", true)).rejects.toThrow(ToolMissingError);
  });
});
