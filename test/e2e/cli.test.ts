/** The command line: what each command prints where, for people and for programs. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { EXIT, EXIT_MEANINGS } from "../../src/model/exit-code.js";
import { REPOSITORY, readRepositoryFile } from "../support/shipped.js";
import { sampleProject } from "./sample.js";
import {
  digestsOf,
  KMIPS,
  output,
  randomNumbers,
  run,
  World,
  type BuildData,
  type RunOptions,
} from "./support.js";

interface PlanData {
  readonly cached: number;
  readonly toRun: number;
  readonly waiting: number;
  readonly nodes: readonly { readonly address: string; readonly state: string }[];
}

const COMMANDS = [
  ["build"],
  ["plan"],
  ["why", "image.one"],
  ["key", "image.one"],
  ["diff", "last:image.one", "image.two"],
  ["verify", "image.base"],
  ["verify", "--store"],
  ["check"],
  ["fmt", "--check"],
  ["query"],
  ["images"],
  ["gc", "--plan"],
  ["doctor"],
] as const;

// Dozens of processes one after the other, beside the other files of the project.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let world: World;
beforeAll(async () => {
  world = new World(sampleProject(1));
  await world.build();
});
afterAll(() => world.remove());

describe("--version and --help", () => {
  it("print the version of the package", async () => {
    const { version } = JSON.parse(readRepositoryFile("package.json")) as { version: string };
    for (const flag of ["--version", "-V"]) expect(await world.output([flag])).toBe(`${version}\n`);
  });

  it("list every command and every exit code", async () => {
    const help = await world.output(["--help"]);
    expect(await world.output(["help"])).toBe(help);
    for (const [command] of COMMANDS) expect(help).toMatch(new RegExp(`^ +${command}\\b`, "m"));
    for (const [code, meaning] of EXIT_MEANINGS)
      expect(help).toMatch(new RegExp(`^ +${code} +${meaning.slice(0, 10)}`, "m"));
  });

  it("show examples of every command", async () => {
    const help = await world.output(["--help"]);
    const commands = [...help.matchAll(/^ {2}([a-z]+)(?: |$)/gm)].map(([, name = ""]) => name);
    expect(commands.length).toBeGreaterThan(15);
    for (const command of commands.filter((name) => name !== "help")) {
      const text = await world.output([command, "--help"]);
      expect(text, command).toMatch(new RegExp(`Examples:\\n +(kmips ${command}|skopeo)`));
    }
  });
});

describe("wrong usage", () => {
  it.each([
    [["biuld"], "Did you mean build?"],
    [["build", "--keepgoing"], "Did you mean --keep-going?"],
    [["build", "image.oen"], 'did you mean "image.one"'],
    [["why", "component.tow"], 'did you mean "component.two"'],
    [["key", "nothing-like-it"], "kmips query lists the nodes"],
    [["build", "--jobs", "0"], "whole number from 1"],
    [["build", "--progress", "fancy"], "use auto, tty, plain, json or quiet"],
    [["plan", "--color", "sometimes"], "use auto, always or never"],
    [["completion", "bsh"], "use bash, zsh, fish"],
    [["gc", "--max-size", "20 loaves"], "units: B kB MB GB"],
    [["export", "one"], "--output"],
    [["plan", "-C", "/none/such"], "name the project with -C DIRECTORY"],
    [["key", "image.*"], "name one"],
    [["images", "--rows", "none.tsv"], 'Cannot read "none.tsv": ENOENT'],
    [["images", "--write", "README.md"], "--rows port.tsv"],
    [["fmt", "none.kmips"], 'none.kmips": ENOENT'],
    [["down", "--dir", "project.kmips"], "is not a directory"],
    [["conformance", "--list", "--specs", "none.txt"], 'none.txt": ENOENT'],
  ])("%j exits with 2 and says what would be right", async (args, help) => {
    const { code, stdout, stderr } = await world.kmips(args);
    expect(code, stderr).toBe(EXIT.usage);
    expect(stdout).toBe("");
    expect(stderr).toContain(help);
  });
});

describe("plan", () => {
  const edits: Readonly<Record<string, () => void>> = {
    "another number": () => world.edit("words/number.h", "NUMBER", "NUMBER "),
    "a comment of the patch": () => world.edit("greet.patch", "Say", "Say it: say"),
    "a program": () => world.edit("words/two.c", "return 0;", "return 0; /* two */"),
    "an image of the others": () => world.edit("project.kmips", '"number ', '"no. '),
    "what a test expects": () => world.edit("project.kmips", "[a-z]* three", "[a-z]+ three"),
    "the layout of a recipe": () => world.edit("project.kmips", "group all", "\n\ngroup all"),
    "a time": () => utimesSync(join(world.project, "greet.patch"), 1_000_000, 1_000_000),
    "a new file": () => world.write({ "words/extra.txt": "extra\n" }),
    "a flag": () => world.edit("project.kmips", '"-O2"', '"-O1"'),
  };

  it("says exactly what the next build executes or finds unchanged, for random edits", async () => {
    const seed = Date.now() % 1_000_000;
    const random = randomNumbers(seed);
    for (let round = 0; round < 8; round++) {
      // Unlike before, so that no result of another round counts; every test still expects it.
      world.write(sampleProject(100 + round));
      world.edit("project.kmips", "^3 hello three", "^3 [a-z]* three");
      await world.build();
      const names = Object.keys(edits).filter(() => random() < 0.3);
      for (const name of names) edits[name]!();
      const what = `seed ${seed}, round ${round}: ${names.join(", ")}`;

      const plan = await world.json<PlanData>(["plan", "--all"]);
      const addressesIn = (state: string): string[] =>
        plan.nodes.filter((node) => node.state === state).map(({ address }) => address);
      const check = await world.kmips(["build", "--expect-cached"]);
      expect(check.code, what).toBe(plan.toRun > 0 ? EXIT.work : EXIT.ok);

      const { code, stderr } = await world.kmips(["build", "--progress", "json"]);
      expect(code, `${what}\n${stderr}`).toBe(EXIT.ok);
      const events = stderr
        .trim()
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Event);
      const started = events.flatMap((event) => (event.type === "started" ? [event.address] : []));
      // Or that another node with the same key made.
      const unchanged = events.flatMap((event) =>
        event.type === "finished" && event.outcome.kind === "cached" ? [event.address] : [],
      );
      // One of two nodes with the same key runs for both.
      expect(started.length > 0, what).toBe(plan.toRun > 0);
      expect([...started, ...unchanged].sort(), what).toEqual(
        [...addressesIn("invalidated"), ...addressesIn("waits")].sort(),
      );
      expect((await world.build()).executed, what).toBe(0);
    }
  });

  it("runs nothing and changes nothing", async () => {
    world.edit("words/number.h", "NUMBER", "NUMBER  ");
    const first = await world.output(["plan"]);
    expect(first).toMatch(/^cause +source\.words +source\.files: number\.h edited/m);
    expect(first).toMatch(/^follows +image\.one /m);
    expect(await world.output(["plan"])).toBe(first);
    await world.build();
    expect(await world.output(["plan"])).toMatch(/ 0 to run, 0 waiting/);
  });
});

type Event =
  | { readonly type: "started"; readonly address: string }
  | {
      readonly type: "finished";
      readonly address: string;
      readonly outcome: { readonly kind: string };
    }
  | { readonly type: "plan" | "note" | "warning" };

describe("--json", () => {
  // Random edits may have left the layout of the recipe as fmt would not.
  beforeAll(() => world.output(["fmt"]));

  it.each(COMMANDS.map((args) => [args.join(" "), args] as const))(
    "%s prints one document on stdout",
    async (_title, args) => {
      await world.build();
      const { code, stdout, stderr } = await world.kmips([...args, "--json"]);
      expect(code, stderr).toBe(EXIT.ok);
      expect(stdout.endsWith("\n")).toBe(true);
      expect(stdout.trim().split("\n")).toHaveLength(1);
      expect(() => JSON.parse(stdout) as unknown).not.toThrow();
    },
  );

  it("prints a key whose digest is the one that plan names", async () => {
    const key = await world.json<{ key: string; fields: { name: string }[] }>(["key", "image.one"]);
    const plan = await world.json<{ nodes: { address: string; key: string }[] }>(["plan"]);
    expect(key.key).toBe(plan.nodes.find(({ address }) => address === "image.one")?.key);
    expect(key.fields.map(({ name }) => name)).toContain("entrypoint");
    expect(await world.output(["key", "image.one"])).toContain(key.key);
  });
});

describe("--progress", () => {
  it("json prints one object a line, counted", async () => {
    const { stdout, stderr } = await world.kmips(
      ["build", "--progress", "json", "--force", "image.one"],
      { env: { KMIPS_PROGRESS: undefined } },
    );
    const events = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { v: number; seq: number; type: string });
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index));
    expect(new Set(events.map(({ v }) => v))).toEqual(new Set([1]));
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(["plan", "started", "finished"]),
    );
    expect(stdout).toMatch(/^one:\S+ sha256:[0-9a-f]{64} image\.one$/m);
  });

  it("quiet prints no progress", async () => {
    const { stderr } = await world.kmips(["build", "--progress", "quiet"]);
    expect(stderr).toBe("");
  });
});

describe("color", () => {
  it("is off in a pipe, on by --color always, and off by NO_COLOR", async () => {
    const plan = (args: readonly string[], env: RunOptions["env"]) =>
      world.output(["plan", "--all", ...args], env === undefined ? {} : { env });
    const plain = { NO_COLOR: undefined, CLICOLOR: undefined, CLICOLOR_FORCE: undefined };
    const escape = "\u001b[";
    expect(await plan([], plain)).not.toContain(escape);
    expect(await plan(["--color", "always"], plain)).toContain(escape);
    expect(await plan([], { ...plain, FORCE_COLOR: "1" })).toContain(escape);
    expect(await plan([], { ...plain, NO_COLOR: "1", TERM: "xterm" })).not.toContain(escape);
  });
});

describe("diff", () => {
  it("shows what changed since the last build, and between two nodes", async () => {
    await world.build();
    expect(await world.output(["diff", "last:image.base", "image.base"])).toBe("no difference\n");
    world.edit("project.kmips", '"web"', '"www"');
    const changes = await world.output(["diff", "last:image.base", "image.base"]);
    expect(changes).toMatch(/web/);
    expect(changes).toMatch(/www/);
    world.edit("project.kmips", '"www"', '"web"');
    expect(await world.output(["diff", "image.one", "image.two"])).toMatch(/one[^]*two/);
  });
});

describe("query, graph and images", () => {
  it("list nodes with what they need and what needs them", async () => {
    const all = (await world.output(["query"])).trim().split("\n");
    expect(all).toEqual(
      expect.arrayContaining(["source.words", "component.one", "image.one/test:speaks"]),
    );
    const needed = (await world.output(["query", "image.one", "--deps"])).trim().split("\n");
    expect(needed).toEqual(expect.arrayContaining(["source.words", "toolchain.cc", "image.base"]));
    expect(needed).not.toContain("component.two");
    const needing = (await world.output(["query", "image.base", "--rdeps"])).trim().split("\n");
    expect(needing).toEqual(expect.arrayContaining(["image.one", "image.two", "image.three"]));
    expect(needing).not.toContain("component.one");
  });

  it("draw a graph for Graphviz and Mermaid", async () => {
    const dot = await world.output(["graph", "image.one"]);
    expect(dot).toMatch(/^digraph kmips \{[^]*label="component\.one"[^]*n\d+ -> n\d+;[^]*\}\n$/);
    expect(await world.output(["graph", "--format", "mermaid"])).toMatch(
      /^graph LR\n[^]*n\d+\["image\.one"\][^]*n\d+ --> n\d+/,
    );
  });

  it("show no test as passed of an image that was never built", async () => {
    const other = new World({
      "project.kmips": `kmips 1\nproject { name = "a", targets = [mips64le] }\nimage x { files { "/a" -> text("a") } test "runs" { cmd = ["/a"] } }\n`,
    });
    try {
      expect(await other.output(["images"])).toMatch(/0 of 1 +not built/);
    } finally {
      await other.remove();
    }
  });

  it("show each image with its digest", async () => {
    const data = await world.build();
    const table = await world.output(["images"]);
    for (const [reference, digest] of Object.entries(digestsOf(data))) {
      expect(table).toContain(reference);
      expect(table).toContain(digest);
    }
  });
});

describe("images of a store that another project filled", () => {
  const recipe = (text: string): string =>
    `kmips 1\nproject { name = "a", targets = [mips64le] }\nimage x { files { "/a" -> text("${text}") } }\n`;

  it("are built where the recipes are the same, and older where they changed since", async () => {
    const first = new World({ "project.kmips": recipe("a") });
    const second = new World({ "project.kmips": recipe("a") }, first.store);
    try {
      const [digest = ""] = Object.values(digestsOf(await first.build()));
      expect(await second.output(["images"])).toMatch(new RegExp(` ${digest}$`, "m"));
      second.write({ "project.kmips": recipe("b") });
      expect(await second.output(["images"])).toMatch(/not built$/m);
      first.write({ "project.kmips": recipe("b") });
      const table = await first.output(["images"]);
      expect(table).toContain(`${digest}, before the recipe changed`);
      const [row] = (await first.json<{ images: unknown[] }>(["images"])).images;
      expect(row).toMatchObject({ digest, isCurrent: false });
    } finally {
      await second.remove();
      await first.remove();
    }
  });
});

describe("verify --store", () => {
  it("exits with 4 over damage, for people as for programs", async () => {
    for (const more of [[], ["--json"]]) {
      const other = new World({
        "project.kmips": `kmips 1\nproject { name = "a", targets = [mips64le] }\nimage x { files { "/a" -> text("a") } }\n`,
      });
      try {
        await other.build();
        const blobs = join(other.store, "blobs/sha256");
        const path = join(blobs, readdirSync(blobs)[0] ?? "");
        chmodSync(path, 0o644);
        writeFileSync(path, "damaged");
        const { code, stdout } = await other.kmips(["verify", "--store", ...more]);
        expect(code, stdout).toBe(EXIT.mismatch);
        expect(stdout).toContain("damaged");
      } finally {
        await other.remove();
      }
    }
  });
});

describe("fmt", () => {
  it("formats in place, keeps comments, and has nothing to do the second time", async () => {
    const other = new World({
      "project.kmips": `kmips 1\n# why\nproject{name="a",targets=[mips64le]}\nimage   x{}# end\n`,
    });
    try {
      expect((await other.kmips(["fmt", "--check"])).code).toBe(EXIT.recipe);
      expect(await other.output(["fmt"])).toBe(`${join(other.project, "project.kmips")}\n`);
      const formatted = other.read("project.kmips");
      expect(formatted).toContain("# why\n");
      expect(formatted).toContain("# end");
      expect(await other.output(["fmt"])).toBe("");
      expect(other.read("project.kmips")).toBe(formatted);
      expect((await other.kmips(["fmt", "--check"])).code).toBe(EXIT.ok);
      expect(readdirSync(other.project)).toEqual(["project.kmips"]);
    } finally {
      await other.remove();
    }
  });

  it("keeps the mode of a file", async () => {
    const other = new World({ "project.kmips": `kmips 1\nproject{name="a"}\n` });
    try {
      const path = join(other.project, "project.kmips");
      chmodSync(path, 0o640);
      await other.output(["fmt"]);
      expect(statSync(path).mode & 0o777).toBe(0o640);
    } finally {
      await other.remove();
    }
  });

  it("follows a link to what it formats", async () => {
    const other = new World({ "real.kmips": `kmips 1\nproject{name="a"}\n` });
    try {
      symlinkSync("real.kmips", join(other.project, "project.kmips"));
      await other.output(["fmt", "project.kmips"]);
      expect(other.read("real.kmips")).toContain('name = "a"');
    } finally {
      await other.remove();
    }
  });

  it("leaves a file that it cannot read as it is", async () => {
    const text = `kmips 1\nproject{name="a"\nimage x {\n`;
    const other = new World({ "project.kmips": text });
    try {
      const { code, stderr } = await other.kmips(["fmt"]);
      expect(code).toBe(EXIT.recipe);
      expect(stderr).toMatch(/error KM\d+/);
      expect(other.read("project.kmips")).toBe(text);
    } finally {
      await other.remove();
    }
  });
});

describe("completion", () => {
  it.each(["bash", "zsh", "fish"])("prints a script that %s understands", async (shell) => {
    const script = await world.output(["completion", shell]);
    expect(script).toContain("expect-cached");
    if (spawnSync(shell, ["-c", "true"]).error !== undefined) {
      console.warn(`${shell} is not installed: its script is not parsed`);
      return;
    }
    const path = join(world.root, `completion.${shell}`);
    writeFileSync(path, script);
    await output([shell, "-n", path]);
  });

  it("completes commands, options and nodes in bash", async () => {
    const script = join(world.root, "completion.bash");
    writeFileSync(script, await world.output(["completion", "bash"]));
    const complete = async (...words: string[]): Promise<string[]> => {
      const line = words.map((word) => `'${word}'`).join(" ");
      const program = `. '${script}'; COMP_WORDS=(kmips ${line}); COMP_CWORD=${words.length}; _kmips; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const text = await output(["bash", "-c", program], {
        cwd: world.project,
        env: { PATH: `${join(KMIPS, "..")}:${process.env["PATH"] ?? ""}` },
      });
      return text.trim().split("\n");
    };
    expect(await complete("bu")).toEqual(["build", "bundle"]);
    expect(await complete("build", "--expect")).toEqual(["--expect-cached", "--expect-recorded"]);
    expect(await complete("why", "image.t")).toEqual(
      expect.arrayContaining(["image.two", "image.three"]),
    );
  });
});

describe("a project elsewhere", () => {
  it("imports the shipped recipes by their short name, wherever kmips is called from", async () => {
    const other = new World({
      "project.kmips": `kmips 1
import "kmips:kubernetes/pause.kmips"
project {
  name    = "mine"
  targets = [mips64le]
  options { kubernetes = v1.16.2 }
}
image mine { from = image.pause, files { "/motd" -> text("mine\\n") } }
`,
    });
    try {
      const inner = join(other.project, "deep/er");
      mkdirSync(inner, { recursive: true });
      for (const [args, cwd] of [
        [["query", "image.mine", "--deps"], other.project],
        [["query", "image.mine", "--deps"], inner],
        [["-C", other.project, "query", "image.mine", "--deps"], "/"],
        [["query", "image.mine", "--deps", "-C", "project"], other.root],
      ] as const) {
        const nodes = (await other.output(args, { cwd })).trim().split("\n");
        expect(nodes).toEqual(expect.arrayContaining(["source.kubernetes", "image.pause"]));
      }
    } finally {
      await other.remove();
    }
  });

  it("has its store where it says: flag, then KMIPS_STORE, then the cache directory", async () => {
    const other = new World(sampleProject(1));
    try {
      const cache = join(other.root, "cache");
      const env = { KMIPS_STORE: undefined, XDG_CACHE_HOME: cache };
      await other.output(["build", "image.base"], { env });
      expect(readdirSync(cache)).toEqual(["kmips"]);
      await other.output(["build", "image.base", "--store", "../flagged"]);
      expect(readdirSync(other.root)).toContain("flagged");
      expect(readdirSync(other.root)).not.toContain("store");
      expect(readdirSync(other.project).sort()).toEqual(["greet.patch", "project.kmips", "words"]);
    } finally {
      await other.remove();
    }
  });

  it("may have spaces, quotes and letters of any kind in its path", async () => {
    const other = new World();
    try {
      const odd = join(other.root, `it's "ünï" 100% $HOME`);
      mkdirSync(odd);
      rmSync(other.project, { recursive: true });
      symlinkSync(odd, other.project);
      other.write(sampleProject(1));
      const store = join(odd, "a store");
      const data = await other.json<BuildData>(["build"], { cwd: odd, store });
      expect(data.images).toHaveLength(4);
      expect((await other.kmips(["build", "--expect-cached"], { cwd: odd, store })).code).toBe(0);
    } finally {
      await other.remove();
    }
  });
});

describe("npx kmips", () => {
  it("is the program, in a clone", async () => {
    const { version } = JSON.parse(readRepositoryFile("package.json")) as { version: string };
    const { code, stdout, stderr } = await run(["npx", "--no-install", "kmips", "--version"], {
      cwd: REPOSITORY,
    });
    expect(code, stderr).toBe(0);
    expect(stdout).toBe(`${version}\n`);
  });
});
