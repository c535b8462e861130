/**
 * What is kept of everything that was fetched: locked, listed, moved on request, and enough to
 * build again with an empty action cache and no network. Servers are on loopback.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { digestOf } from "../../cache/index.js";
import { checkPlan, readPlan } from "../../src/plan/flat-plan.js";
import type { VaultRow } from "../../src/commands/index.js";
import { World, type BuildData } from "../e2e/support.js";
import { DebianArchive } from "../support/debian-archive.js";

const SUNDAY = "Sun, 01 Nov 2026 00:00:00 UTC";
const MONDAY = "Mon, 02 Nov 2026 00:00:00 UTC";
const DEAD = "http://127.0.0.1:9";

/** Forgets every result; blobs and the vault stay. */
function forgetResults(world: World): void {
  rmSync(join(world.store, "kmips/actions"), { recursive: true });
  rmSync(join(world.store, "kmips/checkouts"), { recursive: true, force: true });
}

/** Overwrites a blob by as many other bytes. */
function damage(world: World, digest: string): void {
  const path = join(world.store, "blobs/sha256", digest.slice("sha256:".length));
  chmodSync(path, 0o644);
  writeFileSync(path, Buffer.alloc(statSync(path).size));
}

function remove(world: World, digest: string): void {
  rmSync(join(world.store, "blobs/sha256", digest.slice("sha256:".length)));
}

describe("packages of a Debian archive", () => {
  const NODE = "base.x/packages";
  let directory: string;
  let archive: DebianArchive;
  let mirror: string;
  let world: World;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "kv-"));
    archive = new DebianArchive(join(directory, "a"));
    mirror = await archive.serve();
    for (const name of ["base-thing", "usr-is-merged"]) archive.add(name, "1", { essential: true });
    archive.add("alpha", "1:1.0-1", { depends: "beta" });
    archive.add("beta", "2.0");
    archive.publish("vaultworm", SUNDAY);
    world = new World({
      "project.kmips": `kmips 1
project { name = "vaulted", targets = [mips64le] }
base x {
  debian {
    suite   = vaultworm
    suites  = ["vaultworm"]
    variant = essential
    include = ["alpha"]
    keyring = "archive.gpg"
  }
}
`,
    });
    writeFileSync(join(world.project, "archive.gpg"), readFileSync(archive.keyring));
  });
  afterEach(async () => {
    await archive.close();
    await world.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  const options = () => ({ env: { KMIPS_DEBIAN_MIRROR: mirror } });
  const build = (...flags: string[]): Promise<BuildData> =>
    world.json<BuildData>([...flags, "build", NODE], options());
  const lines = (): string[] => world.read("kmips.lock").trimEnd().split("\n");
  const kinds = (): string[] => lines().map((line) => line.split(" ").slice(0, -1).join(" "));

  it("are locked by the first build, and the next one has nothing to do", async () => {
    expect((await build()).executed).toBe(2);
    expect(kinds()).toEqual([
      "deb alpha 1:1.0-1 mips64el",
      "deb base-thing 1 mips64el",
      "deb beta 2.0 mips64el",
      "deb usr-is-merged 1 mips64el",
      "deb-packages vaultworm/main/mips64el",
      "deb-release vaultworm",
    ]);
    // The plan is as good as the lock that was written after the build: only a blob that was
    // written in the same tick of the clock as the plan sends the next start the long way.
    const state = join(world.store, "kmips/projects");
    const plans = readdirSync(state, { recursive: true, withFileTypes: true })
      .filter(({ name }) => /^plan-.*\.bin$/.test(name))
      .map(({ parentPath, name }) => readPlan(join(parentPath, name))!);
    expect(plans).toHaveLength(1);
    const freshness = checkPlan(plans[0]!, { root: world.project, store: world.store });
    if (freshness !== "fresh") expect(freshness.stale).toMatch(/\/blobs\/sha256\/\S+ changed$/);
    expect(await build()).toMatchObject({ executed: 0, cached: 2 });

    // A fact that is there is never changed, and the archive's progress is none of this project's.
    const locked = lines();
    archive.add("alpha", "1:2.0-1", { depends: "beta" });
    archive.publish("vaultworm", MONDAY);
    const forced = ["build", NODE, "base.x/index", "--force"];
    expect(await world.json<BuildData>(forced, options())).toMatchObject({ executed: 2 });
    expect(lines()).toEqual(locked);
  });

  it("need neither results nor a mirror, and the one that is gone is named with its node", async () => {
    const first = await build();
    await archive.close();
    forgetResults(world);
    expect(await build("--offline")).toEqual({ ...first, nativeMs: expect.any(Number) });

    const rows = await world.json<VaultRow[]>(["vault"]);
    const beta = rows.find(({ name }) => name.startsWith("beta "))!;
    expect(beta).toMatchObject({ kind: "deb", state: "present", nodes: [NODE], used: true });
    remove(world, beta.digest);
    const after = await world.json<VaultRow[]>(["vault"]);
    expect(after.filter(({ state }) => state !== "present")).toMatchObject([
      { name: "beta 2.0 mips64el", state: "missing", nodes: [NODE] },
    ]);
    forgetResults(world);
    const failed = await world.kmips(["--offline", "build", NODE]);
    expect(failed.code).toBe(6);
    expect(failed.stderr).toMatch(/FAILED base\.x\/packages {2}KM0508/);
    expect(failed.stderr).toContain("beta");
    expect(failed.stderr).toContain(beta.digest);
  });

  it("are found damaged by a check", async () => {
    await build();
    const sound = await world.kmips(["vault", "--check"]);
    expect(sound.code).toBe(0);
    expect(sound.stdout).toMatch(
      /^deb +alpha 1:1\.0-1 mips64el +sha256:\w{12} +\S+ +present +base\.x\/packages$/m,
    );
    const [row] = (await world.json<VaultRow[]>(["vault"])).filter(({ kind }) => kind === "deb");
    damage(world, row!.digest);
    const checked = await world.kmips(["vault", "--check", "--json"]);
    expect(checked.code).toBe(4);
    expect(
      (JSON.parse(checked.stdout) as VaultRow[]).filter(({ state }) => state === "damaged"),
    ).toMatchObject([{ name: row!.name }]);
    // What is damaged is fetched again.
    await build();
    expect((await world.kmips(["vault", "--check"])).code).toBe(0);
  });

  it("survive a collection; what no project is built with goes on request", async () => {
    await build();
    archive.add("alpha", "1:2.0-1", { depends: "beta" });
    archive.publish("vaultworm", MONDAY);
    await world.output(["update", "base.x"], options());
    await build();
    const names = async (): Promise<string[]> =>
      (await world.json<VaultRow[]>(["vault"]))
        .filter(({ name, state }) => name.startsWith("alpha ") && state === "present")
        .map(({ name, used }) => `${name} ${used}`);
    await world.output(["gc", "--grace", "0s", "--older-than", "0s"]);
    expect(await names()).toEqual(["alpha 1:1.0-1 mips64el false", "alpha 1:2.0-1 mips64el true"]);
    expect(await world.output(["gc", "--plan", "--vault", "--grace", "0s"])).toMatch(
      /vault entr(?:y|ies) {2}fetched, but no project was last built with it/,
    );
    await world.output(["gc", "--vault", "--grace", "0s", "--older-than", "0s"]);
    expect(await names()).toEqual(["alpha 1:2.0-1 mips64el true"]);
    forgetResults(world);
    await archive.close();
    expect((await build("--offline")).executed).toBe(2);
  });

  it("are moved by update alone, which says what before anything is rebuilt", async () => {
    await build();
    const locked = lines();
    archive.add("alpha", "1:2.0-1", { depends: "beta, gamma" });
    archive.add("gamma", "3");
    archive.publish("vaultworm", MONDAY);

    const dry = await world.kmips(["update", "base.x", "--dry-run"], options());
    expect(dry.code).toBe(0);
    expect(dry.stdout).toMatch(/^deb-release vaultworm {2}sha256:\w+ -> sha256:\w+$/m);
    expect(dry.stdout).toContain("base.x/packages  alpha 1:1.0-1 -> 1:2.0-1\n");
    expect(dry.stdout).toContain("base.x/packages  +gamma 3\n");
    expect(dry.stdout).toMatch(/^cause {4}base\.x {2}/m);
    expect(lines()).toEqual(locked);

    const dead = await world.kmips(["update", "base.x"], { env: { KMIPS_DEBIAN_MIRROR: DEAD } });
    expect(dead.code).toBe(6);
    expect(lines()).toEqual(locked);

    await world.output(["update", "base.x"], options());
    expect(kinds()).toEqual([
      "deb alpha 1:2.0-1 mips64el",
      "deb base-thing 1 mips64el",
      "deb beta 2.0 mips64el",
      "deb gamma 3 mips64el",
      "deb usr-is-merged 1 mips64el",
      "deb-packages vaultworm/main/mips64el",
      "deb-release vaultworm",
    ]);
    // Solved and fetched already: nothing is left to do but what stands on it.
    expect(await build()).toMatchObject({ executed: 0, cached: 2 });
    const again = await world.kmips(["update", "base.x"], options());
    expect(again.stdout).toBe("");
    expect(again.stderr).toContain("0 facts changed in kmips.lock");
  });
});

describe("archives, commits and Go modules", () => {
  let directory: string;
  let server: Server;
  let world: World;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "kv-"));
    const sh = (script: string): string =>
      execFileSync("sh", ["-euc", script], { cwd: directory, encoding: "utf8" }).trim();
    sh(`mkdir arch && echo archived > arch/a.txt && tar -czf arch.tar.gz arch
      git init -q work && cd work && git config user.name t && git config user.email t@example.org
      echo one > g.txt && git add -A && git commit -qm one && echo two > g.txt && git commit -qam two
      cd .. && git clone -q --bare work repo.git && git -C repo.git update-server-info`);
    const commit = sh("git -C work rev-parse HEAD~1");
    const digest = digestOf(readFileSync(join(directory, "arch.tar.gz")));
    server = createServer((request, response) => {
      try {
        response.end(readFileSync(join(directory, new URL(request.url!, DEAD).pathname)));
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    world = new World({
      "project.kmips": `kmips 1
import "kmips:toolchain/go.kmips"
project { name = "fetched", targets = [riscv64] }
source main { files = ["main.go", "go.mod"] }
source quote { go_module = "rsc.io/quote", version = v1.5.2 }
source arch { archive = "${url}/arch.tar.gz", digest = ${digest}, strip = 1 }
source repo { git = "${url}/repo.git", commit = "${commit}" }
component main {
  source = source.main
  go { toolchain = toolchain.go, packages = { main = "." } }
}
image main {
  version = v1.0.0
  files {
    "/main" -> component.main.main
    "/arch" -> tree(source.arch)
    "/repo" -> tree(source.repo)
    "/quote" -> tree(source.quote)
  }
  entrypoint = ["/main"]
  test "speaks" { cmd = ["/main"], expect = re"^id [0-9a-f-]+$" }
}
`,
      "go.mod": "module example.org/main\n\ngo 1.21\n\nrequire github.com/google/uuid v1.6.0\n",
      "main.go": `package main

import (
	"fmt"

	"github.com/google/uuid"
)

func main() { fmt.Println("id", uuid.NewSHA1(uuid.NameSpaceDNS, []byte("x"))) }
`,
    });
  });
  afterAll(async () => {
    server.close();
    await world.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  it("are all there for a build without results, network and servers", async () => {
    const first = await world.build();
    expect(first).toMatchObject({ executed: 9 });
    server.close();
    server.closeAllConnections();
    await world.output(["gc", "--grace", "0s", "--older-than", "0s"]);
    forgetResults(world);
    const offline = { env: { GOPROXY: DEAD, http_proxy: DEAD, https_proxy: DEAD } };
    const again = await world.json<BuildData>(["--offline", "build"], offline);
    expect(again).toMatchObject({ executed: 9, images: first.images });

    const rows = await world.json<VaultRow[]>(["vault", "--check"]);
    expect(rows.map(({ kind, nodes, state }) => [kind, nodes.join(), state])).toEqual([
      ["archive", "source.arch", "present"],
      ["git", "source.repo", "present"],
      ["gomod", "component.main/modules", "present"],
      ["gomod", "toolchain.go", "present"],
      ["gomod", "source.quote", "present"],
    ]);
    remove(world, rows.find(({ kind }) => kind === "git")!.digest);
    forgetResults(world);
    const failed = await world.kmips(["--offline", "build", "source.repo"], offline);
    expect(failed.code).toBe(6);
    expect(failed.stderr).toMatch(/source\.repo {2}KM0508: commit [0-9a-f]{40} of http/);
  });
});
