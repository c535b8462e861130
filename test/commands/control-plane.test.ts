/** What `kmips down` may take away, and what it leaves alone. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env, execPath } from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { controlPlaneLayout, tearDown } from "../../src/commands/control-plane.js";
import { UsageError, type Environment } from "../../src/commands/index.js";

let root: string;
let environment: Environment;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "kmips down '"));
  environment = {
    root,
    storePath: join(root, "store"),
    toolSearch: { path: env["PATH"] ?? "", node: execPath, nodeArch: process.arch },
  } as unknown as Environment;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("tearDown()", () => {
  it("removes no directory that kmips up did not make", async () => {
    const directory = join(root, "mine");
    mkdirSync(join(directory, "bin"), { recursive: true });
    writeFileSync(join(directory, "thesis.txt"), "years of work");
    await expect(tearDown(environment, directory, true)).rejects.toThrow(UsageError);
    expect(existsSync(join(directory, "thesis.txt"))).toBe(true);
    expect(existsSync(join(directory, "lock"))).toBe(false);
  });

  it.each([
    ["what a start left", ["bin", "pki"]] as const,
    ["what an early end left", []] as const,
  ])("removes %s", async (_, directories) => {
    const directory = join(root, "plane");
    mkdirSync(directory);
    writeFileSync(join(directory, "lock"), "");
    for (const name of directories) mkdirSync(join(directory, name));
    expect(await tearDown(environment, directory, true)).toEqual({ directory, ended: [] });
    expect(existsSync(directory)).toBe(false);
  });

  it.each([true, false])("makes nothing where nothing is, remove: %s", async (remove) => {
    const directory = join(root, "never");
    expect(await tearDown(environment, directory, remove)).toEqual({ directory, ended: [] });
    expect(existsSync(directory)).toBe(false);
  });
});

describe("controlPlaneLayout()", () => {
  it.each(["file", "file/a/b"])("refuses %s, where a file is", (name) => {
    writeFileSync(join(root, "file"), "");
    expect(() => controlPlaneLayout(environment, join(root, name))).toThrow(
      /file" is not a directory/,
    );
  });

  it("is below the project's place in the store when no directory is named", () => {
    expect(controlPlaneLayout(environment, undefined).root).toContain(join(root, "store"));
  });
});
