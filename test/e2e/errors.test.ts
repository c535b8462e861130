/**
 * What a newcomer sees when something is wrong: the exit code, the telling words and what to do.
 * Mistakes that need Go or the network are in test/real/go-errors.test.ts.
 */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { EXIT } from "../../src/model/exit-code.js";
import { World, type Outcome } from "./support.js";

vi.setConfig({ testTimeout: 60_000 });

let world: World;

beforeAll(() => {
  world = new World();
});
beforeEach(() => {
  rmSync(world.project, { recursive: true, force: true });
});
afterAll(() => world.remove());

const HEAD = `kmips 1
import "kmips:toolchain/cc.kmips"
project { name = "wrong", targets = [mips64le] }
`;

/** A component over one patched text file. */
const PATCHED = `${HEAD}
source words { files = ["words.txt"] }
component words {
  source = source.words
  patches { patch "two.patch" { reason = "The second word is in another language" } }
  c { toolchain = toolchain.cc, programs = { words = ["words.c"] } }
}
`;

/** Builds a project of these files. */
function build(files: Readonly<Record<string, string>>, ...args: string[]): Promise<Outcome> {
  world.write(files);
  return world.kmips(["build", ...args]);
}

function diagnosticCount(outcome: Outcome): number {
  return outcome.stderr.split("\n").filter((line) => line.startsWith("error KM")).length;
}

describe("a recipe with mistakes", () => {
  it("gets one diagnostic for each of six, each with its place and a fix, in one run", async () => {
    const outcome = await build({
      "app.c": "int main(void) { return 0; }\n",
      "project.kmips": `kmips 1
import "kmips:toolchain/cc.kmips"

project { name = "six", targets = [mips64le] }

source app { files = ["app.c"] }

component app {
  source = source.appp
  c {
    toolchain = toolchain.cc
    programs  = { app = ["app.c"] }
    flag      = ["-O2"]
  }
}

image app {
  version = "1.0.0"
  files { "/app" -> component.app.ap }
}

image other { test "runs" { timeout = 60sec, cmd = ["/app"] } }

group all { members = [image.app, image.none] }
`,
    });
    expect(outcome.code).toBe(EXIT.recipe);
    expect(outcome.stdout).toBe("");
    expect(diagnosticCount(outcome), outcome.stderr).toBe(6);
    for (const [message, place, fix] of [
      ['Unknown source "appp"', "project.kmips:9:19", 'did you mean "app"?'],
      ['Unknown attribute "flag"', "project.kmips:13:5", 'did you mean "flags"?'],
      ["wanted a Version", "project.kmips:18:13", "write v1.0.0"],
      ['makes no program "ap"', "project.kmips:19:35", 'did you mean "app"?'],
      ['"sec" is no unit', "project.kmips:22:39", "ms s m h for durations"],
      ['Unknown image "none"', "project.kmips:24:41", 'declare it with "image none'],
    ] as const) {
      const text = outcome.stderr.split("\n\n").find((part) => part.includes(message));
      expect(text, `${message} in\n${outcome.stderr}`).toBeDefined();
      expect(text).toContain(place);
      expect(text).toMatch(/\^/);
      expect(text).toContain(`help: `);
      expect(text).toContain(fix);
    }
  });

  it("gets the same diagnostics as one JSON document", async () => {
    const { code, stdout } = await build(
      { "project.kmips": `${HEAD}image a { form = scratch }\nimage b { verson = v1 }\n` },
      "--json",
    );
    expect(code).toBe(EXIT.recipe);
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { message: string }[] };
    expect(diagnostics.map(({ message }) => message)).toEqual([
      expect.stringContaining('"form"'),
      expect.stringContaining('"verson"'),
    ]);
  });

  it("is shown a cycle as a path", async () => {
    const outcome = await build({
      "project.kmips": `${HEAD}image a { from = image.b }\nimage b { from = image.c }\nimage c { from = image.a }\n`,
    });
    expect(outcome.code).toBe(EXIT.recipe);
    expect(diagnosticCount(outcome)).toBe(1);
    expect(outcome.stderr).toContain("image.a -> image.b -> image.c -> image.a");
    expect(outcome.stderr).toContain("help: remove one of these references");
  });

  it("is told the patch that is missing, and the one that is there", async () => {
    const outcome = await build({
      "words.txt": "one\n",
      "tow.patch": "",
      "project.kmips": PATCHED,
    });
    expect(outcome.code).toBe(EXIT.recipe);
    expect(outcome.stderr).toContain('Cannot find the patch "two.patch"');
    expect(outcome.stderr).toContain('help: did you mean "tow.patch"?');
  });

  it.each([
    ["60", "is 60 without a unit", "help: write 60s"],
    ["60MB", "wanted a Duration", ""],
    ["60min", '"min" is no unit', "help: the units are"],
  ])("is told what is wrong with a time limit of %s", async (limit, message, help) => {
    const outcome = await build({
      "project.kmips": `${HEAD}image a { test "t" { timeout = ${limit}, cmd = ["/a"] } }\n`,
    });
    expect(outcome.code).toBe(EXIT.recipe);
    expect(diagnosticCount(outcome)).toBe(1);
    expect(outcome.stderr).toContain(message);
    expect(outcome.stderr).toContain(help);
  });

  it("starts nothing and leaves no store behind", async () => {
    const { code } = await world.kmips(["check"], { cwd: world.root });
    expect(code).toBe(EXIT.usage);
    const outcome = await build({ "project.kmips": `${HEAD}image a { form = scratch }\n` });
    expect(outcome.stderr).not.toContain("start ");
  });
});

describe("a node that fails", () => {
  it("shows both digests of an archive that is another one", async () => {
    world.write({ "words.txt": "one\n" });
    execFileSync("tar", ["-cf", "words.tar", "words.txt"], { cwd: world.project });
    const outcome = await build({
      "project.kmips": `${HEAD}
source words { archive = "words.tar", digest = sha256:${"0".repeat(64)} }
image words { files { "/words" -> tree(source.words, ".") } }
`,
    });
    expect(outcome.code).toBe(EXIT.buildFailed);
    expect(outcome.stderr).toMatch(/KM0503: Checksum of \S*words\.tar does not match/);
    expect(outcome.stderr).toMatch(/expected sha256:0{64}\n +actual +sha256:[0-9a-f]{64}\n/);
    expect(outcome.stderr).toMatch(/help: .*digest/);
    expect(outcome.stderr).toContain("1 failed, 1 skipped because of it");
  });

  it("names the package of a compiler that is not installed", async () => {
    // The processor that the fewest build machines have a cross compiler for.
    const outcome = await build({
      "app.c": "int main(void) { return 0; }\n",
      "project.kmips": `kmips 1
import "kmips:toolchain/cc.kmips"
project { name = "missing", targets = [loong64] }
source app { files = ["app.c"] }
component app { source = source.app, c { toolchain = toolchain.cc, programs = { app = ["app.c"] } } }
`,
    });
    expect(outcome.code).toBe(EXIT.environment);
    expect(outcome.stderr).toMatch(/KM0507: Tool "loongarch64-linux-gnu-gcc" is not usable/);
    expect(outcome.stderr).toMatch(/apt-get install .*gcc-loongarch64-linux-gnu/);
    const doctor = await world.kmips(["doctor"]);
    expect(doctor.code).toBe(EXIT.environment);
    expect(doctor.stdout).toMatch(/^MISSING .*loongarch64/m);
    expect(doctor.stdout).toMatch(/^fix .*apt-get install .*gcc-loongarch64/m);
  });

  it("shows what the C compiler says, and where", async () => {
    const outcome = await build({
      "app.c": "int main(void) { return undeclared; }\n",
      "project.kmips": `${HEAD}
source app { files = ["app.c"] }
component app { source = source.app, c { toolchain = toolchain.cc, programs = { app = ["app.c"] } } }
`,
    });
    expect(outcome.code).toBe(EXIT.buildFailed);
    expect(outcome.stderr).toMatch(/FAILED component\.app {2}KM0501: compiling app failed: exit 1/);
    expect(outcome.stderr).toMatch(/app\.c:1:25: error: .undeclared. undeclared/);
    expect(outcome.stderr).toContain("kmips log 'component.app'");
    const log = await world.kmips(["log", "component.app"]);
    expect(log).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("app.c:1:25") as string,
    });
    // A failure is not remembered as a result.
    expect((await world.kmips(["build", "--expect-cached"])).code).toBe(EXIT.work);
  });

  it("shows the hunk that does not apply beside what the file has there", async () => {
    const outcome = await build({
      "words.txt": "one\ndeux\nthree\n",
      "two.patch": patch("words.txt", "two", "zwei"),
      "project.kmips": PATCHED,
    });
    expect(outcome.code).toBe(EXIT.buildFailed);
    expect(outcome.stderr).toContain('KM0502: Patch "two.patch" does not apply');
    expect(outcome.stderr).toMatch(
      /words\.txt:2\n.*@@ -1,3 \+1,3 @@\n.*one\n.*-two\n.*\+zwei\n.*three\n/,
    );
    expect(outcome.stderr).toMatch(/words\.txt has there:\n.*1 {2}one\n.*2 {2}deux\n/);
    expect(outcome.stderr).toMatch(/help: Rebase/);
  });

  it("says of a patch that upstream has it", async () => {
    const outcome = await build({
      "words.txt": "one\nzwei\nthree\n",
      "two.patch": patch("words.txt", "two", "zwei"),
      "project.kmips": PATCHED,
    });
    expect(outcome.code).toBe(EXIT.buildFailed);
    expect(outcome.stderr).toContain('Patch "two.patch" is already upstream');
    expect(outcome.stderr).toMatch(/help: Remove the patch, or set `retire`/);
  });

  it("says which file of a patch the source does not have", async () => {
    const outcome = await build({
      "words.txt": "one\n",
      "two.patch": patch("word.txt", "two", "zwei"),
      "project.kmips": PATCHED,
    });
    expect(outcome.code).toBe(EXIT.buildFailed);
    expect(outcome.stderr).toContain('the source has no file "word.txt"');
    expect(outcome.stderr).toMatch(/help: Did you mean "words\.txt"\?/);
  });

  it("refuses a program of another machine in an image", async () => {
    world.write({
      "project.kmips": `${HEAD}image a { files { "/a" -> file(local("program"), mode = 0o755) } }\n`,
    });
    writeFileSync(join(world.project, "program"), elfHeader(62));
    const outcome = await world.kmips(["build"]);
    expect(outcome.code).toBe(EXIT.buildFailed);
    expect(outcome.stderr).toContain('KM0504: Program "/a" is for another machine');
    expect(outcome.stderr).toMatch(/expected MIPS N64 little endian.*\n +actual +x86-64/);
    expect(outcome.stderr).toMatch(/help: /);
  });

  it("does not keep others from being built with --keep-going", async () => {
    world.write({
      "bad.c": "int main(void) { return undeclared; }\n",
      "good.c": "int main(void) { return 0; }\n",
      "project.kmips": `${HEAD}
source c { files = ["bad.c", "good.c"] }
component bad { source = source.c, c { toolchain = toolchain.cc, programs = { bad = ["bad.c"] } } }
component good {
  source = source.c
  c { toolchain = toolchain.cc, programs = { good = ["good.c"] }, flags = ["-static"] }
}
image bad { files { "/bad" -> component.bad.bad } }
image good { files { "/good" -> component.good.good } }
`,
    });
    const outcome = await world.kmips(["build", "--keep-going"]);
    expect(outcome.code).toBe(EXIT.buildFailed);
    expect(outcome.stdout).toMatch(/^good:latest sha256:[0-9a-f]{64} image\.good\n$/);
    expect(outcome.stderr).toContain("1 failed, 1 skipped because of it");
  });
});

/** A patch of the second of three lines of a file. */
function patch(path: string, before: string, after: string): string {
  return `Say it differently

--- a/${path}
+++ b/${path}
@@ -1,3 +1,3 @@
 one
-${before}
+${after}
 three
`;
}

/** The header of a little-endian 64-bit ELF program for a machine number. */
function elfHeader(machine: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write("\x7fELF", "latin1");
  bytes.set([2, 1, 1], 4);
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeUInt16LE(64, 52);
  return bytes;
}
