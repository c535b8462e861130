/** `kmips verify`: what differs between two runs is found and named, what does not passes. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXIT } from "../../src/model/exit-code.js";
import { World } from "../e2e/support.js";

/** A project with one C program, linked with `flag`. */
function project(flag: string): Record<string, string> {
  return {
    "app.c": `int main(void) { return 0; }\n`,
    "project.kmips": `kmips 1
import "kmips:toolchain/cc.kmips"
project { name = "verified", targets = [mips64le] }
source app { files = ["app.c"] }
component app {
  source = source.app
  c { toolchain = toolchain.cc, programs = { app = ["app.c"] }, flags = ["-static", "${flag}"] }
}
image app { files { "/app" -> component.app.app } }
`,
  };
}

let world: World;
beforeAll(() => {
  world = new World();
});
afterAll(() => world.remove());

describe("kmips verify", () => {
  it("passes what comes out the same under other circumstances", async () => {
    world.write(project("-Wl,--build-id=sha1"));
    await world.build();
    const { code, stdout, stderr } = await world.kmips(["verify", "image.app"]);
    expect(code, stderr).toBe(EXIT.ok);
    expect(stdout).toBe("2 nodes rebuilt elsewhere, every digest the same\n");
  });

  it("names the first node that differs, its output and the class of the cause", async () => {
    world.write(project("-Wl,--build-id=uuid"));
    const { images } = await world.build();
    const { code, stdout, stderr } = await world.kmips(["verify", "image.app"]);
    expect(code, stderr).toBe(EXIT.mismatch);
    expect(stdout).toMatch(
      /^component\.app is not reproducible: output "app" differs at byte \d+\n/,
    );
    expect(stdout).toMatch(
      /\n {2}stored {2}sha256:[0-9a-f]{64}\n {2}rebuilt sha256:[0-9a-f]{64}\n/,
    );
    expect(stdout).toMatch(/\n {2}cause {3}random-or-time: .*build-id=uuid/);
    // Looking does not touch what is stored.
    expect((await world.build()).images).toEqual(images);
    const json = await world.kmips(["verify", "image.app", "--json"]);
    expect(json.code).toBe(EXIT.mismatch);
    expect(JSON.parse(json.stdout)).toMatchObject({
      divergence: { address: "component.app", output: "app", cause: "random-or-time" },
    });
  });

  it("passes a program with the time of its compilation, which is always the same", async () => {
    world.write(project("-DSTAMP=__TIME__"));
    world.write({
      "app.c": `static const char stamp[] __attribute__((used)) = STAMP;\nint main(void) { return 0; }\n`,
    });
    await world.build();
    const { code, stdout } = await world.kmips(["verify"]);
    expect(code, stdout).toBe(EXIT.ok);
  });

  it("rebuilds as many nodes at once as there are slots, and still names the one that differs", async () => {
    const programs = ["one", "two", "three"];
    const flag = (name: string): string => (name === "two" ? "uuid" : "sha1");
    world.write({
      ...project("-O1"),
      "project.kmips": `kmips 1
import "kmips:toolchain/cc.kmips"
project { name = "verified", targets = [mips64le] }
source app { files = ["app.c"] }
${programs
  .map(
    (name) => `component ${name} {
  source = source.app
  c { toolchain = toolchain.cc, programs = { app = ["app.c"] }, flags = ["-static", "-Wl,--build-id=${flag(name)}", "-D${name}"] }
}`,
  )
  .join("\n")}
`,
    });
    expect((await world.kmips(["build"])).code).toBe(EXIT.ok);
    const { code, stdout, stderr } = await world.kmips(["verify", "--jobs", "3"]);
    expect(code, stderr).toBe(EXIT.mismatch);
    expect(stdout).toMatch(/^component\.two is not reproducible: output "app" differs/);
    expect(stderr.split("] built")[0]).toContain("start  component.three");
  });

  it("does not verify what was never built", async () => {
    world.write(project("-O1"));
    const { code, stderr } = await world.kmips(["verify"]);
    expect(code).toBe(EXIT.usage);
    expect(stderr).toContain("is not built");
    expect(stderr).toContain("help: run kmips build first");
  });
});
