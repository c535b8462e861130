/**
 * Names of packages against the lists of an archive, as its users see it: kmips with real apt and a
 * small archive on loopback.
 */
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectDirectory } from "../../src/plan/locations.js";
import { World, type Outcome } from "../e2e/support.js";
import { DebianArchive } from "../support/debian-archive.js";

const RECIPE = `base x {
  debian { suite = "test", suites = ["test"], keyring = "archive.gpg" }
}
packages alpine {
  from = "alpine"
  to   = base.x
  "bind-tools" -> ["bind9-dnsutils"]
  "musl-dev" -> deny("no musl here")
}
image i {
  from    = base.x
  install = ["curl"]
}
`;

let directory: string;
let archive: DebianArchive;
let mirror: string;
let world: World;

const kmips = (...args: string[]): Promise<Outcome> =>
  world.kmips(args, { env: { KMIPS_DEBIAN_MIRROR: mirror } });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "kn-"));
  archive = new DebianArchive(join(directory, "a"));
  for (const name of ["apt", "usr-is-merged"]) archive.add(name, "1");
  archive.add("curl", "7.88.1-10");
  archive.add("bind9-dnsutils", "1:9.18");
  archive.publish("test", "Sun, 01 Nov 2026 00:00:00 UTC");
  mirror = await archive.serve();
  world = new World({ "project.kmips": RECIPE });
  copyFileSync(archive.keyring, join(world.project, "archive.gpg"));
});

afterAll(async () => {
  await archive.close();
  await world.remove();
  rmSync(directory, { recursive: true, force: true });
});

const set = (install: string): void =>
  world.write({ "project.kmips": RECIPE.replace('install = ["curl"]', install) });

describe("a project whose archive was never asked", () => {
  it("says what is not known", async () => {
    set('install = ["curk"]');
    expect((await kmips("check")).stdout).toMatch(
      /no errors; base\.x\/index must run before everything can be checked/,
    );
    const plan = await kmips("plan");
    expect(plan.code).toBe(0);
    expect(plan.stdout).toContain(
      "unknown  base.x/index  until it has run the names of packages are not checked",
    );
    const data = JSON.parse((await kmips("plan", "--json")).stdout) as { unknown: string[] };
    expect(data.unknown).toEqual(["base.x/index"]);
    expect((await kmips("why", "image.i")).stdout).toContain("unknown  base.x/index");
  });

  it("fetches the lists first, and stops at a name that they lack before any package", async () => {
    const { code, stderr } = await kmips("build");
    expect(stderr).toContain('KM0350: test for mips64le has no package "curk"');
    expect(stderr).toContain("help: it has curl");
    expect(code).toBe(3);
    expect(archive.requests.filter((path) => path.includes("/pool/"))).toEqual([]);
  });
});

describe("a project whose archive is known", () => {
  it("is checked without asking the archive again", async () => {
    archive.requests.length = 0;
    for (const command of [["check"], ["plan"], ["build"], ["why", "image.i"]]) {
      const { code, stderr } = await kmips(...command);
      expect([command, code]).toEqual([command, 3]);
      expect(stderr).toContain("KM0350");
    }
    expect(archive.requests).toEqual([]);
    set('install = ["curl=7.88.1-10"]');
    expect((await kmips("check")).stdout).toMatch(/no errors\n$/);
    expect((await kmips("plan")).stdout).not.toContain("unknown");
  });

  it("shows what a table may map an unmapped name to, and why a denied one is", async () => {
    set('install = ["bind-utils"], packages = packages.alpine');
    const unmapped = await kmips("build");
    expect(unmapped.code).toBe(3);
    expect(unmapped.stderr).toContain(
      `KM0352: packages.alpine has no row for alpine's "bind-utils"`,
    );
    expect(unmapped.stderr).toContain('add: "bind-utils" -> ["bind9-dnsutils"]');
    set('install = ["musl-dev"], packages = packages.alpine');
    const denied = await kmips("build");
    expect(denied.code).toBe(3);
    expect(denied.stderr).toContain('KM0353: "musl-dev" is denied: no musl here');
  });

  it("learns of a new package by an update, and only by that", async () => {
    set('install = ["fresh"]');
    archive.add("fresh", "1");
    archive.publish("test", "Mon, 02 Nov 2026 00:00:00 UTC");
    expect((await kmips("check")).code).toBe(3);
    const update = await kmips("update", "base.x/index");
    expect([update.code, update.stderr]).toEqual([0, expect.any(String)]);
    expect((await kmips("check")).stdout).toMatch(/no errors\n$/);
  });

  it("reads the lists again when what is kept of them is damaged", async () => {
    const names = join(projectDirectory(world.store, world.project), "names");
    for (const name of readdirSync(names)) writeFileSync(join(names, name), "names 0\n");
    set('install = ["curk"]');
    expect((await kmips("check")).stderr).toContain("help: it has curl");
  });

  it("runs the index again when its lists are damaged", async () => {
    rmSync(join(projectDirectory(world.store, world.project), "names"), { recursive: true });
    const hex = /deb-packages test\/main\/mips64el sha256:([0-9a-f]+)/.exec(
      world.read("kmips.lock"),
    )?.[1];
    const blob = join(world.store, "blobs/sha256", hex!);
    chmodSync(blob, 0o644);
    writeFileSync(blob, readFileSync(blob, "utf8").replace("Package: curl", "Package: curk"));
    expect((await kmips("check")).stdout).toContain("base.x/index must run");
    const { code, stderr } = await kmips("build");
    expect(stderr).toContain("built  base.x/index");
    expect(stderr).toContain("KM0350");
    expect(code).toBe(3);
  });
});
