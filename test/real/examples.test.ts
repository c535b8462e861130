/**
 * Runs the commands of every example's README as a reader would, in a copy of its folder, with one
 * store for all. Needs the network, Go's emulators and the cross compiler.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  documentedCommands,
  EXAMPLE_NAMES,
  EXAMPLES,
  readRepositoryFile,
  REPOSITORY,
} from "../support/shipped.js";

const run = promisify(execFile);
let temporary: string;
let store: string;

beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), "kmips-examples-"));
  store = env["KMIPS_TEST_STORE"] ?? join(temporary, "store");
});

afterAll(() => {
  rmSync(temporary, { recursive: true, force: true });
});

/** Standard output of `kmips ARGS`, run in `directory`; fails the test unless it exits with 0. */
async function kmips(directory: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(join(REPOSITORY, "dist/kmips"), args, {
    cwd: directory,
    env: { ...env, KMIPS_STORE: store, KMIPS_PROGRESS: "plain" },
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: unknown) => {
    const { code, stderr = "" } = error as { code?: unknown; stderr?: string };
    throw new Error(`kmips ${args.join(" ")}: exit ${String(code)}\n${stderr}`);
  });
  return stdout;
}

interface BuildData {
  readonly nodes: number;
  readonly executed: number;
  readonly cached: number;
  readonly images: readonly { readonly reference: string; readonly digest: string }[];
}

describe.each(EXAMPLE_NAMES)("examples/%s", (name) => {
  it("does what its README says, and nothing the second time", async () => {
    const directory = join(temporary, name);
    cpSync(join(EXAMPLES, name), directory, { recursive: true });
    for (const command of documentedCommands(readRepositoryFile(`examples/${name}/README.md`))) {
      await kmips(directory, command);
    }
    const again = JSON.parse(await kmips(directory, ["build", "--json"])) as BuildData;
    expect(again).toMatchObject({ executed: 0, cached: again.nodes });
    expect(again.images.length).toBeGreaterThan(0);
    for (const { digest } of again.images) expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });
});
