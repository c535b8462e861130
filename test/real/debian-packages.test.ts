/** Package lists and packages of the machine's own Debian archive. Archives of another state: debian-archive.test.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runDebianIndex } from "../../src/execute/actions/debian-index.js";
import { runPackages } from "../../src/execute/actions/packages.js";
import { parseDebFileName } from "../../src/debian/deb-file.js";
import { parseStanzas } from "../../src/debian/package-stanza.js";
import type { DebianIndexDefinition, PackagesDefinition } from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import { openRig, type Rig } from "../execute/rig.js";

const platform = platformOf("mips64le");
const environment = Object.fromEntries(
  Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
);
const index: DebianIndexDefinition = {
  kind: "debian-index",
  suites: ["bookworm", "bookworm-updates", "bookworm-security"],
  components: ["main"],
  platform,
};
const minbase: PackagesDefinition = {
  kind: "packages",
  index: "base.debian/index",
  variant: "minbase",
  names: ["ca-certificates"],
  recommends: false,
  platform,
};

let root: string;
let rig: Rig;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "kmips-real-"));
  rig = await openRig(env["KMIPS_TEST_STORE"] ?? join(root, "store"), environment);
});

afterAll(async () => {
  await rig.store.close();
  rmSync(root, { recursive: true, force: true });
});

it("brings the signed lists of every suite, and says which suite lacks the architecture", async () => {
  const outcome = await runDebianIndex(index, rig.context("base.debian/index"));
  expect(outcome.outputs.map(({ name }) => name)).toEqual([
    "release/bookworm",
    "packages/bookworm/main",
    "release/bookworm-updates",
    "packages/bookworm-updates/main",
    "release/bookworm-security",
  ]);
  expect(outcome.notes).toEqual([
    'suite "bookworm-security" has no packages of "main" for mips64el',
  ]);
  rig.finish("base.debian/index", index, outcome);
});

it("solves and fetches a root file system, the same set under other circumstances", async () => {
  const outcome = await runPackages(minbase, rig.context("base.debian/packages"));
  const [stanzas, ...debs] = outcome.outputs;
  expect(stanzas!.name).toBe("stanzas");
  const chosen = parseStanzas(rig.store.readBytes(stanzas!.digest).toString("utf8"));
  const names = chosen.map(({ name }) => name);
  for (const wanted of ["libc6", "dpkg", "apt", "usr-is-merged", "ca-certificates", "tzdata"])
    expect(names).toContain(wanted);
  expect(debs.map(({ name }) => parseDebFileName(name.slice("deb/".length))!.name).sort()).toEqual(
    [...names].sort(),
  );
  expect(debs.map(({ name }) => name)).toEqual(debs.map(({ name }) => name).sort());
  for (const { digest, size } of debs) expect(rig.store.has(digest, size)).toBe(true);

  const perturbation = {
    directory: "/perturbed/elsewhere",
    umask: 0o077,
    timezone: "Asia/Tokyo",
    locale: "C",
    uid: 1234,
    processors: [0],
    coldCaches: true,
  };
  const again = await runPackages(
    minbase,
    rig.context("base.debian/packages", { perturbation, offline: true }),
  );
  expect(again.outputs).toEqual(outcome.outputs);
});

it("shows apt's explanation for a name that the archive does not have", async () => {
  const node = { ...minbase, names: ["no-such-package", "libc6=1.2"] };
  await expect(runPackages(node, rig.context("image.x/packages"))).rejects.toMatchObject({
    reason: {
      type: "command",
      excerpt: expect.stringContaining("Unable to locate package no-such-package") as string,
    },
  });
});
