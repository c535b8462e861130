/** Options on the command line, optional cells, and sources that nobody has locked yet. */
import { execFileSync } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { EXIT } from "../../src/model/exit-code.js";
import { World, type BuildData } from "./support.js";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let world: World;
let server: Server;
let base: string;
/** The archive that the server has now; undefined: none. */
let archive: Buffer | undefined;

function git(...args: string[]): string {
  return execFileSync("git", ["-C", join(world.root, "repository"), ...args], {
    encoding: "utf8",
    env: {
      ...{ PATH: "/usr/bin:/bin", HOME: world.root, GIT_CONFIG_NOSYSTEM: "1" },
      ...{ GIT_AUTHOR_NAME: "t", GIT_AUTHOR_EMAIL: "t@example.org" },
      ...{ GIT_COMMITTER_NAME: "t", GIT_COMMITTER_EMAIL: "t@example.org" },
    },
  }).trim();
}

function commit(text: string): string {
  writeFileSync(join(world.root, "repository", "text"), text);
  git("add", "-A");
  git("commit", "--quiet", "-m", text);
  return git("rev-parse", "HEAD");
}

function pack(text: string): Buffer {
  const directory = join(world.root, "packed");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "text"), text);
  execFileSync("tar", ["--mtime=@1", "-cf", join(world.root, "a.tar"), "-C", directory, "text"]);
  return readFileSync(join(world.root, "a.tar"));
}

beforeAll(async () => {
  world = new World();
  server = createServer((_, response) => {
    if (archive === undefined) response.writeHead(404).end();
    else response.end(archive);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  mkdirSync(join(world.root, "repository"));
  git("init", "--quiet");
  commit("one");
  git("tag", "--annotate", "-m", "one", "v1.0.0");
  world.write({
    "near.txt": "near\n",
    "project.kmips": `project {
  options {
    ## What the text is called.
    release = v1.0.0
  }
}
source near { files = ["near.txt"] }
source tagged { git = "file://${world.root}/repository", tag = "\${option.release}" }
source archived { archive = "${base}/a.tar" }
source module { go_module = "example.org/nowhere", version = v1.0.0 }
image texts {
  matrix {
    variant  = ["near", "tagged", "archived", "module"]
    optional = [{ variant = ["tagged", "archived", "module"] }]
  }
  version = option.release
  name    = "texts-\${matrix.variant}"
  labels  = { "io.kmips.variant" = matrix.variant, "io.kmips.wanted" = "0.9" }
  files {
    when = matrix.variant == "near"
    "/text" -> tree(source.near, "near.txt")
  }
  files { when = matrix.variant == "tagged", "/text" -> tree(source.tagged, "text") }
  files { when = matrix.variant == "archived", "/text" -> tree(source.archived, "text") }
  files { when = matrix.variant == "module", "/text" -> tree(source.module, "go.mod") }
}
group all { members = [image.texts] }
`,
  });
});
afterAll(async () => {
  server.close();
  await world.remove();
});

describe("sources that are not locked", () => {
  it("are no part of what nobody names", async () => {
    for (const nodes of [[], ["group.all"], ["image.*"], ["texts"], ["source.*"]]) {
      const { images } = await world.json<BuildData>(["build", ...nodes]);
      expect(images.map(({ address }) => address)).toEqual(
        nodes[0] === "source.*" ? [] : ["image.texts[near]"],
      );
    }
    expect((await world.json<{ unknown: string[] }>(["check"])).unknown).toEqual([]);
  });

  it("are told by everything that looks", async () => {
    const open = /not locked here +source\.tagged +git tag v1\.0\.0 of file:.*kmips update/;
    expect(await world.output(["plan", "texts[tagged]"])).toMatch(open);
    const plan = await world.json<{ notLocked: number; toRun: number; nodes: unknown[] }>([
      ...["plan", "texts[tagged]"],
    ]);
    expect(plan).toMatchObject({ notLocked: 1, toRun: 0 });
    expect(plan.nodes[0]).toMatchObject({ address: "source.tagged", notLocked: true });
    expect(await world.output(["why", "texts[tagged]"])).toMatch(/before a source is locked/);
    const listed = await world.kmips(["query", "source.tagged"]);
    expect(listed.stdout).toBe("source.tagged\n");
    expect(listed.stderr).toMatch(/not locked here/);
    const table = await world.output(["images"]);
    expect(table).toMatch(/^image +platform +variant +wanted/);
    expect(table).toMatch(
      /texts-tagged:1\.0\.0 .* tagged +0\.9 .* not locked here: source\.tagged/,
    );
  });

  it.each(["tagged", "archived", "module"])(
    "are refused before anything runs: %s",
    async (name) => {
      const { code, stderr } = await world.kmips(["build", `texts[${name}]`]);
      expect(code).toBe(EXIT.recipe);
      expect(stderr).toMatch(new RegExp(`KM0401: source\\.${name} is not locked here`));
      expect(stderr).toMatch(/image\.texts\[\w+\] needs it \(project\.kmips:\d+:\d+\)/);
      expect(stderr).toMatch(new RegExp(`run kmips update 'source\\.${name}'`));
      expect(stderr).not.toMatch(/^start/m);
    },
  );

  it("are locked by update: a tag's commit, which must stay what the tag names", async () => {
    const first = git("rev-parse", "v1.0.0^{commit}");
    expect(await world.output(["update", "source.tagged"])).toMatch(
      new RegExp(`\\+ git file://.*/repository v1\\.0\\.0 ${first}`),
    );
    const before = await world.json<BuildData>(["build", "texts[tagged]"]);
    expect(before.executed).toBe(2);
    const second = commit("two");
    git("tag", "--force", "v1.0.0");
    // What was fetched is kept: a moved tag matters to those who have nothing yet.
    expect((await world.json<BuildData>(["build", "texts[tagged]"])).executed).toBe(0);
    const elsewhere = await world.kmips(["build", "texts[tagged]"], {
      store: join(world.root, "other"),
    });
    expect(elsewhere.code).toBe(EXIT.buildFailed);
    expect(elsewhere.stderr).toMatch(new RegExp(`${first}[\\s\\S]*${second}`));
    expect(elsewhere.stderr).toMatch(/The tag was moved/);
    expect(await world.output(["update", "source.tagged"])).toMatch(/v1\.0\.0 +\w+ -> \w+/);
    const after = await world.json<BuildData>(["build", "texts[tagged]"]);
    expect(after.images[0]?.digest).not.toBe(before.images[0]?.digest);
    expect(await world.output(["verify", "texts[tagged]"])).toMatch(/every digest the same/);
  });

  it("are locked by update: an archive's digest", async () => {
    const missing = await world.kmips(["update", "source.archived"]);
    expect(missing.code).toBe(EXIT.network);
    archive = pack("one");
    expect(await world.output(["update", "source.archived"])).toMatch(
      new RegExp(`\\+ archive ${base}/a\\.tar sha256:`),
    );
    await world.json<BuildData>(["build", "texts[archived]"]);
    archive = pack("two");
    const other = await world.kmips(["build", "texts[archived]"], {
      store: join(world.root, "other"),
    });
    expect(other.code).toBe(EXIT.buildFailed);
    expect(other.stderr).toMatch(/or run kmips update/);
  });

  it("stay as they are where they cannot be had", async () => {
    const env = { GOPROXY: base, GOSUMDB: "off", http_proxy: undefined, HTTP_PROXY: undefined };
    archive = undefined;
    const { code, stderr } = await world.kmips(["update", "texts[module]"], { env });
    expect(code).toBe(EXIT.network);
    expect(stderr).toMatch(/example\.org\/nowhere v1\.0\.0/);
    expect(world.read("kmips.lock")).not.toMatch(/nowhere/);
    const tag = await world.kmips(["update", "source.tagged", "--set", "release=v1.0.1"]);
    expect(tag.code).toBe(EXIT.network);
    expect(tag.stderr).toMatch(/no such tag[\s\S]*did you mean v1\.0\.0/);
  });
});

describe("--set and --target", () => {
  it("are planned against the usual build, and keep histories of their own", async () => {
    await world.json<BuildData>(["build"]);
    const set = ["--set", "release=v1.0.1"];
    expect(await world.output(["plan", ...set])).toMatch(/1 cached, 0 to run|0 to run/);
    const { images } = await world.json<BuildData>(["build", ...set]);
    expect(images[0]?.reference).toBe("texts-near:1.0.1");
    const other = await world.json<BuildData>(["--target=riscv64", "build"]);
    expect(other.images[0]?.reference).toBe("texts-near:1.0.0-riscv64");
    expect(await world.output(["plan", "--target", "loong64"])).toMatch(
      /platform: linux\/mips64le/,
    );
    expect(await world.output(["images"])).toMatch(/texts-near:1\.0\.0 .* sha256:/);
    const again = await world.kmips(["build", ...set]);
    expect(again.stdout).toMatch(/^texts-near:1\.0\.1 /);
    expect(again.stderr).toMatch(/0 of \d+ nodes executed/);
  });

  it("are listed with their documentation", async () => {
    expect(await world.output(["query", "--options"])).toBe(
      "## What the text is called.\nrelease = v1.0.0  # Version\n",
    );
    expect(await world.json(["query", "--options", "--set=release=v2.0.0"])).toEqual([
      {
        ...{ name: "release", type: "Version", value: "v2.0.0", default: "v1.0.0", set: true },
        doc: "What the text is called.",
      },
    ]);
  });

  it.each([
    [["--set", "relase=v1.0.0"], /no option "relase"[\s\S]*"release"/],
    [["--set", "release=1.0.1"], /wanted a Version[\s\S]*write v1\.0\.1/],
    [["--set", "release"], /NAME=VALUE/],
    [["--target", "mips64el"], /Unknown platform[\s\S]*mips64le/],
    [["--target", "mips64le,"], /names of platforms/],
  ])("are wrong usage when they do not fit: %j", async (flags, message) => {
    for (const command of ["build", "plan", "query", "check"]) {
      const { code, stderr } = await world.kmips([command, ...flags]);
      expect(code).toBe(EXIT.usage);
      expect(stderr).toMatch(message);
    }
  });
});
