/** Recorded digests: written from a store, checked without one, compared with what a build makes. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EXIT } from "../../src/model/exit-code.js";
import { World } from "./support.js";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const PROJECT = {
  "project.kmips": `kmips 1
project { name = "recorded", targets = [mips64le] }
source files { directory = "files" }
image base { version = v1, files { "/etc/motd" -> text("hello\\n") } }
image top { version = v1, from = image.base, files { "/etc/issue" -> local("issue") } }
image docker {
  version    = v1
  dockerfile = source.files / "Dockerfile"
  rewrite { drop = [re"^ENV DROPPED"] }
  files { "laid" -> text("over\\n") }
}
group all { members = [image.base, image.top] }
`,
  issue: "one\n",
  "files/Dockerfile": 'FROM scratch\nENV DROPPED=1\nCOPY laid /laid\nCMD ["/laid"]\n',
};

let world: World;
beforeEach(async () => {
  world = new World(PROJECT);
  await world.build();
});
afterEach(() => world.remove());

/** Reference → state of its record. */
async function states(store?: string): Promise<Record<string, string>> {
  const { stdout } = await world.kmips(
    ["check", "--recorded", "--json"],
    store === undefined ? {} : { store },
  );
  const rows = JSON.parse(stdout) as { reference: string; state: string }[];
  return Object.fromEntries(rows.map(({ reference, state }) => [reference, state]));
}

const ALL_CURRENT = { "base:1": "current", "top:1": "current", "docker:1": "current" };

describe("kmips update --record", () => {
  it("writes a fact for each built image, sorted, once", async () => {
    expect((await world.kmips(["check", "--recorded"])).code).toBe(EXIT.mismatch);
    await world.output(["update", "--record", "--dry-run"]);
    expect(() => world.read("kmips.lock")).toThrow(/ENOENT/);
    const { stderr } = await world.kmips(["update", "--record"]);
    expect(stderr).toContain("3 images recorded");
    const lines = world.read("kmips.lock").trimEnd().split("\n");
    expect(lines).toEqual([...lines].sort());
    const hash = "sha256:[0-9a-f]{64}";
    for (const name of ["base", "docker", "top"])
      expect(lines.filter((line) => line.startsWith(`image ${name}:1 `))).toEqual([
        expect.stringMatching(new RegExp(`^image ${name}:1 linux/mips64le ${hash} ${hash}$`)),
      ]);
    expect((await world.kmips(["update", "--record"])).stderr).toContain("0 facts changed");
    expect((await world.kmips(["check", "--recorded"])).code).toBe(EXIT.ok);
  });

  it("replaces what another recipe left, and drops what no image has", async () => {
    await world.output(["update", "--record"]);
    world.write({ issue: "two\n" });
    world.edit("project.kmips", "image docker {", "image whale {");
    await world.build();
    await world.output(["update", "--record"]);
    const names = world.read("kmips.lock").match(/^image \S+/gm);
    expect(names).toEqual(["image base:1", "image top:1", "image whale:1"]);
  });

  it("keeps what is recorded of images that were not asked for or are not built", async () => {
    world.edit(
      "project.kmips",
      "group all",
      `image extra {
  matrix { variant = ["a", "b"], optional = [{ variant = "b" }] }
  name    = "extra-\${matrix.variant}"
  version = v1
  files { "/extra" -> text("extra\\n") }
}
group all`,
    );
    await world.build();
    await world.output(["build", "image.extra[b]"]);
    await world.output(["update", "--record", "image.extra[*]", "image.extra[b]"]);
    expect(world.read("kmips.lock").match(/^image extra\S*/gm)).toHaveLength(2);
    const tool = "tool apt 2.6.1 amd64\n";
    world.write({ "kmips.lock": world.read("kmips.lock") + tool });
    await world.output(["update", "--record"]);
    expect(world.read("kmips.lock").match(/^image extra\S*/gm)).toHaveLength(2);
    const recorded = world.read("kmips.lock");
    const elsewhere = { store: join(world.root, "another") };
    await world.output(["update", "--record"], elsewhere);
    expect(world.read("kmips.lock")).toBe(recorded);
    expect(recorded).toContain(tool);
  });

  it("drops the tools of earlier records when none of these stays", async () => {
    await world.output(["update", "--record"]);
    world.write({ "kmips.lock": `${world.read("kmips.lock")}tool apt 2.6.1 amd64\n` });
    await world.output(["update", "--record"]);
    expect(world.read("kmips.lock")).not.toContain("tool ");
  });

  it("keeps what a group took, with the machine it was built on", async () => {
    world.write({ issue: "two\n" });
    await world.output(["build", "group.all"]);
    await world.output(["update", "--record"]);
    expect(world.read("kmips.lock")).toMatch(
      /^run group\.all \d{4}-\d\d-\d\dT[\d:]+Z \S+;\d+_cores;\S+;kmips_\S+;\d+_results;\S+_native;\S+_emulated sha256:[0-9a-f]{64}$/m,
    );
  });
});

describe("kmips check --recorded", () => {
  beforeEach(() => world.output(["update", "--record"]));

  it("needs nothing built", async () => {
    expect(await states(`${world.root}/other`)).toEqual(ALL_CURRENT);
  });

  it("names what a live file decides, and what stands on an image", async () => {
    world.write({ issue: "two\n" });
    expect(await states()).toEqual({ ...ALL_CURRENT, "top:1": "changed" });
    world.write({ issue: "one\n" });
    world.edit("project.kmips", "hello", "good day");
    expect(await states()).toEqual({ ...ALL_CURRENT, "base:1": "changed", "top:1": "changed" });
  });

  it("knows the rules and rows of a Dockerfile that was never read", async () => {
    const other = `${world.root}/other`;
    for (const [before, after] of [
      ['re"^ENV DROPPED"', 're"^ENV DROP"'],
      ["over", "above"],
    ] as const) {
      world.edit("project.kmips", before, after);
      expect(await states(other)).toEqual({ ...ALL_CURRENT, "docker:1": "changed" });
      world.write({ "project.kmips": PROJECT["project.kmips"] });
    }
    world.edit("files/Dockerfile", "/laid", "/put");
    expect(await states(other)).toEqual({ ...ALL_CURRENT, "docker:1": "changed" });
  });

  it("does not mind comments and documentation", async () => {
    world.edit("project.kmips", "image base", "## The ground.\n# really\nimage base");
    expect(await states()).toEqual(ALL_CURRENT);
  });
});

describe("a build that is not as recorded", () => {
  /** Puts another digest into the record of an image, as another machine would have left it. */
  function disturb(name: string): void {
    const line = new RegExp(`^(image ${name}:1 .* sha256:).*$`, "m");
    world.write({
      "kmips.lock": world.read("kmips.lock").replace(line, `$1${"0".repeat(64)}`),
    });
  }

  it("says so, and with --expect-recorded exits 4", async () => {
    await world.output(["update", "--record"]);
    expect((await world.kmips(["build", "--expect-recorded"])).code).toBe(EXIT.ok);
    disturb("base");
    const { code, stderr } = await world.kmips(["build", "--expect-recorded"]);
    expect(code).toBe(EXIT.mismatch);
    expect(stderr).toContain("error: image.base is not as recorded: base:1 linux/mips64le");
    expect(stderr).toContain(`  recorded sha256:${"0".repeat(64)}\n  built    sha256:`);
    expect(stderr).toContain("kmips verify image.base looks for the cause");
    const loose = await world.kmips(["build", "base", "--force"]);
    expect(loose.code).toBe(EXIT.ok);
    expect(loose.stderr).toContain("warning: image.base is not as recorded");
    expect(await states()).toEqual({ ...ALL_CURRENT, "base:1": "not as recorded" });
  });

  it("is no fault of a recipe that changed since, unless records are expected", async () => {
    await world.output(["update", "--record"]);
    world.write({ issue: "two\n" });
    const { code, stderr } = await world.kmips(["build"]);
    expect(code).toBe(EXIT.ok);
    expect(stderr).not.toContain("recorded");
    const strict = await world.kmips(["build", "--expect-recorded"]);
    expect(strict.code).toBe(EXIT.mismatch);
    expect(strict.stderr).toContain("image.top has no record of its recipe as it is (changed)");
  });
});
