/**
 * The start-up program as a process: what it prints, what it leaves to the full program, and, by
 * strace, that a build with nothing to do costs one stat for each entry of the plan and no more.
 */
import { build } from "esbuild";
import { spawn, spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NO_OVERRIDES, type Overrides } from "../../src/model/overrides.js";
import { fileSystemClock, writePlan, type FlatPlan } from "../../src/plan/flat-plan.js";
import { planPath, selectionText } from "../../src/plan/locations.js";

const BUILD_ID = "b".repeat(64);
/** Stands in for the full program: says what it was asked and ends with 42. */
const FULL = `exports.main = (argv) => { process.stdout.write("full " + argv.slice(2).join(" ") + "\\n"); return Promise.resolve(42); };`;

let directory: string;
let project: string;
let store: string;
let main: string;
/** Entries of the plan that the tests write. */
let entries: number;

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "kmips-fast-")));
  project = join(directory, "project");
  store = join(directory, "store");
  main = join(directory, "main.cjs");
  await build({
    entryPoints: ["src/cli/main.ts"],
    outfile: main,
    bundle: true,
    platform: "node",
    format: "cjs",
    external: ["./kmips.cjs"],
    define: {
      __KMIPS_VERSION__: JSON.stringify("1.2.3"),
      __KMIPS_BUILD_ID__: JSON.stringify(BUILD_ID),
    },
  });
  writeFileSync(join(directory, "kmips.cjs"), FULL);
  mkdirSync(join(project, "src/deep"), { recursive: true });
  mkdirSync(join(store, "blobs/sha256"), { recursive: true });
  writeFileSync(join(project, "project.kmips"), "kmips 1\n");
  for (let index = 0; index < 20; index++) writeFileSync(join(project, `src/${index}.c`), "");
  for (let index = 0; index < 10; index++) writeFileSync(join(store, `blobs/sha256/${index}`), "");
  const before = fileSystemClock(directory);
  while (fileSystemClock(directory) === before);
  prime([]);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function prime(
  selectors: readonly string[],
  tool = BUILD_ID,
  overrides: Overrides = NO_OVERRIDES,
): void {
  const digest = hash("sha256", readFileSync(join(project, "project.kmips")), "hex");
  const plan: FlatPlan = {
    tool,
    selection: selectionText(selectors, overrides),
    root: project,
    store,
    startedMs: Infinity,
    recipes: [{ path: "project.kmips", digest }],
    files: Array.from({ length: 20 }, (_, index) => `src/${index}.c`),
    directories: ["src"],
    outputs: Array.from({ length: 10 }, (_, index) => `blobs/sha256/${index}`),
    absent: ["kmips.lock"],
    answer: {
      result: "image.a a:1\n",
      resultJson: '{"images":[]}\n',
      summary: "0 of 30 nodes executed\n",
      summaryJson: '{"executed":0}\n',
    },
  };
  entries = 1 + 20 + 1 + 10 + 1;
  writePlan(planPath(store, project, plan.selection), plan);
}

function kmips(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: options.cwd ?? project,
    env: { PATH: process.env["PATH"], KMIPS_STORE: store, ...options.env },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const NOTHING_TO_DO = {
  status: 0,
  stdout: "image.a a:1\n",
  stderr: "0 of 30 nodes executed\n",
};

describe("main", () => {
  it("prints the version", () => {
    expect(kmips(["--version"])).toEqual({ status: 0, stdout: "1.2.3\n", stderr: "" });
  });

  it("repeats the answer of the last build when nothing changed", () => {
    expect(kmips(["build"])).toEqual(NOTHING_TO_DO);
    expect(kmips(["build", "--expect-cached"])).toEqual(NOTHING_TO_DO);
  });

  it("finds project and store from anywhere", () => {
    expect(kmips(["build"], { cwd: join(project, "src/deep") })).toEqual(NOTHING_TO_DO);
    expect(kmips(["build", "-C", "project"], { cwd: directory })).toEqual(NOTHING_TO_DO);
    expect(kmips(["--directory=project", "build"], { cwd: directory })).toEqual(NOTHING_TO_DO);
    const env = { KMIPS_STORE: "/nowhere" };
    expect(kmips(["build", "--store", "../store"], { env })).toEqual(NOTHING_TO_DO);
    expect(kmips(["build", "--store=../store"], { env })).toEqual(NOTHING_TO_DO);
    expect(kmips(["build"], { env }).status).toBe(42);
  });

  it("answers for the very overrides that the plan was made with", () => {
    const overrides = { options: new Map([["version", "v1.0.1"]]), targets: ["riscv64", "arm64"] };
    const args = ["--set", "version=v1.0.1", "build", "--target=arm64", "--target", "riscv64"];
    expect(kmips(args).status).toBe(42);
    prime([], BUILD_ID, overrides);
    expect(kmips(args)).toEqual(NOTHING_TO_DO);
    expect(
      kmips(["build", "--set=version=v1.0.0", "--set=version=v1.0.1", "--target=arm64,riscv64"]),
    ).toEqual(NOTHING_TO_DO);
    expect(kmips(["build", "--set=version=v1.0.2", "--target=arm64,riscv64"]).status).toBe(42);
    expect(kmips(["build", "--set=version=v1.0.1"]).status).toBe(42);
    expect(kmips(["build", "--set", "version"]).status).toBe(42);
    expect(kmips(["build"])).toEqual(NOTHING_TO_DO);
  });

  it("says as much as it was asked to", () => {
    expect(kmips(["build", "--json"])).toMatchObject({ stdout: '{"images":[]}\n' });
    expect(kmips(["build", "--progress=json"])).toMatchObject({ stderr: '{"executed":0}\n' });
    expect(kmips(["build"], { env: { KMIPS_PROGRESS: "json" } })).toMatchObject({
      stderr: '{"executed":0}\n',
    });
    expect(kmips(["build"], { env: { KMIPS_PROGRESS: "loud" } }).status).toBe(42);
    expect(kmips(["build", "--progress", "quiet"])).toMatchObject({
      stdout: "image.a a:1\n",
      stderr: "",
    });
  });

  it.each([
    [["build", "--jobs", "4"]],
    [["build", "-k"]],
    [["build", "other"]],
    [["build", "--progress", "loud"]],
    [["build", "--store"]],
    [["build", "-C", "gone"]],
    [["build", "--"]],
    [["plan", "build"]],
    [["--expect-cached", "build"]],
    [["--help"]],
    [["--version", "build"]],
    [["plan"]],
    [[]],
  ])("leaves %j to the full program, in the directory it was called in", (args) => {
    expect(kmips(args)).toEqual({ status: 42, stdout: `full ${args.join(" ")}\n`, stderr: "" });
  });

  it("leaves a changed project, and another version's plan, to the full program", () => {
    writeFileSync(join(project, "kmips.lock"), "");
    expect(kmips(["build"]).status).toBe(42);
    rmSync(join(project, "kmips.lock"));
    expect(kmips(["build"])).toEqual(NOTHING_TO_DO);
    prime(["image.a"], "c".repeat(64));
    expect(kmips(["build", "image.a"]).status).toBe(42);
  });

  it("calls what escapes the full program a bug", () => {
    writeFileSync(
      join(directory, "kmips.cjs"),
      `exports.main = async () => { throw new Error("oops"); };`,
    );
    try {
      const { status, stderr } = kmips(["plan"]);
      expect([status, stderr.split("\n")[0]]).toEqual([70, "bug in kmips: Error: oops"]);
    } finally {
      writeFileSync(join(directory, "kmips.cjs"), FULL);
    }
  });

  it("ends as if by SIGPIPE, and silently, when its reader is gone", async () => {
    const child = spawn(process.execPath, [main, "build", "--progress", "quiet"], {
      cwd: project,
      env: { PATH: process.env["PATH"], KMIPS_STORE: store },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(child, "close")) as [number];
    expect([code, stderr]).toEqual([141, ""]);
  });
});

const hasStrace = spawnSync("strace", ["-V"]).status === 0;
if (!hasStrace) console.warn("skipped: strace is not installed (apt-get install strace)");

describe.skipIf(!hasStrace)("a build with nothing to do, by its system calls", () => {
  /** The calls from the opening of the plan file on, and all calls. */
  function trace(): { readonly all: string[]; readonly after: string[] } {
    const output = join(directory, "trace");
    const { status } = spawnSync(
      "strace",
      [
        "-f",
        "-qq",
        "-o",
        output,
        "-e",
        "trace=%process,%network,%file",
        process.execPath,
        main,
        "build",
      ],
      { cwd: project, env: { PATH: process.env["PATH"], KMIPS_STORE: store } },
    );
    expect(status).toBe(0);
    const all = readFileSync(output, "utf8").split("\n");
    const opened = all.findIndex((line) => line.includes("plan-"));
    return { all, after: all.slice(opened + 1) };
  }

  it("starts no process, opens no socket and does not load the full program", () => {
    const { all } = trace();
    const forks = all.filter(
      (line) => / (?:clone3?|v?fork)\(/.test(line) && !line.includes("CLONE_THREAD"),
    );
    expect(forks).toEqual([]);
    expect(all.filter((line) => / exec\w*\(/.test(line))).toHaveLength(1);
    expect(all.filter((line) => / (?:socket|connect|socketpair)\(/.test(line))).toEqual([]);
    expect(all.filter((line) => line.includes("kmips.cjs"))).toEqual([]);
  });

  it("stats every entry of the plan once and opens nothing else", () => {
    const { after } = trace();
    const stats = after.filter((line) => / (?:statx|stat|lstat|newfstatat)\(/.test(line));
    // `fstat` of the plan file is a statx of its descriptor, without a name.
    const named = stats.filter((line) => !line.includes('""'));
    expect(named).toHaveLength(entries);
    expect(after.filter((line) => / open(?:at)?\(/.test(line))).toEqual([]);
  });
});

describe("the shell shim", () => {
  it("puts the CA bundle aside and finds the program through links", () => {
    // Only the text of the shim is wanted here, not a whole build.
    const source = readFileSync("esbuild.config.mjs", "utf8");
    const text = /const SHIM = `([^]*?)`;/.exec(source)![1]!.replaceAll("\\$", "$");
    const shim = join(directory, "kmips");
    writeFileSync(shim, text);
    chmodSync(shim, 0o755);
    mkdirSync(join(directory, "bin/inner"), { recursive: true });
    symlinkSync("../../kmips", join(directory, "bin/inner/kmips"));
    symlinkSync(join(directory, "bin/inner/kmips"), join(directory, "bin/kmips"));
    writeFileSync(
      join(directory, "kmips.cjs"),
      `exports.main = async () => { console.log(process.env.NODE_EXTRA_CA_CERTS, process.env.KMIPS_EXTRA_CA_CERTS); return 0; };`,
    );
    try {
      for (const path of [shim, join(directory, "bin/kmips"), join(directory, "bin/inner/kmips")]) {
        const run = (env: Record<string, string>): string =>
          spawnSync(path, ["doctor"], {
            env: { PATH: process.env["PATH"], ...env },
            encoding: "utf8",
          }).stdout;
        expect(run({ NODE_EXTRA_CA_CERTS: "/ca.pem" })).toBe("undefined /ca.pem\n");
        expect(run({})).toBe("undefined undefined\n");
      }
      const bare = spawnSync("sh", ["kmips", "--version"], { cwd: directory, encoding: "utf8" });
      expect(bare.stdout).toBe("1.2.3\n");
    } finally {
      writeFileSync(join(directory, "kmips.cjs"), FULL);
    }
  });
});
