/**
 * Shipped images of every template as others see them: skopeo and umoci read the store in place, crane validates
 * what a registry on this machine received and what `kmips export` wrote.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  digestsOf,
  output,
  removeAll,
  start,
  type BuildData,
  type Running,
  type World,
} from "../e2e/support.js";
import { REPRESENTATIVE } from "../support/shipped.js";
import { recipesWorld, sharedStore } from "./support.js";

/** crane, by the version that is known to work. */
const CRANE = "github.com/google/go-containerregistry/cmd/crane@v0.20.3";
const HEADER_BYTES = 64;

let world: World;
let scratch: string;
let crane: string;
let registry: Running;
let registryHost: string;
let digests: Record<string, string>;
/** Reference → address of the node. */
let addresses: ReadonlyMap<string, string>;

beforeAll(async () => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), "kmips-outside-")));
  world = recipesWorld(sharedStore());
  const data = await world.json<BuildData>(["build", "group.representative"]);
  digests = digestsOf(data);
  addresses = new Map(data.images.map(({ reference, address }) => [reference, address]));
  await output(["go", "install", CRANE], {
    cwd: scratch,
    env: {
      GOBIN: join(scratch, "bin"),
      GOMODCACHE: join(scratch, "modules"),
      GOCACHE: join(scratch, "cache"),
      GOFLAGS: "-modcacherw",
    },
  });
  crane = join(scratch, "bin/crane");
  for (const name of ["modules", "cache"]) await removeAll(join(scratch, name));
  const blobs = join(scratch, "registry");
  mkdirSync(blobs);
  registry = start([crane, "registry", "serve", "--address", "127.0.0.1:0", "--disk", blobs]);
  const port = await registry.says(/serving on port (\d+)/);
  registryHost = `127.0.0.1:${port}`;
});
afterAll(async () => {
  registry.child.kill("SIGKILL");
  await registry.ended;
  await world.remove();
  await removeAll(scratch);
});

/** Programs of another machine than the images are for, and how many programs were looked at. */
function foreignPrograms(root: string): { programs: number; foreign: string[] } {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size >= HEADER_BYTES);
  const programs = files.flatMap((path): (readonly [string, Buffer])[] => {
    const header = readFileSync(path).subarray(0, HEADER_BYTES);
    return header.toString("latin1", 1, 4) === "ELF" ? [[path, header]] : [];
  });
  const foreign = programs.filter(([, header]) => {
    const [is64, isLittle] = [header[4] === 2, header[5] === 1];
    return !(is64 && isLittle && header.readUInt16LE(18) === 8);
  });
  return { programs: programs.length, foreign: foreign.map(([path]) => path) };
}

describe.each(REPRESENTATIVE)("%s", (reference) => {
  it("is read by skopeo in place", async () => {
    const name = `oci:${world.store}:${reference}`;
    const inspected = JSON.parse(await output(["skopeo", "inspect", name])) as {
      Digest: string;
    };
    expect(inspected).toMatchObject({ Architecture: "mips64le", Os: "linux" });
    expect(inspected.Digest).toBe(digests[reference]);
  });

  it("is unpacked by umoci, with programs for MIPS N64 little endian alone", async () => {
    const bundle = join(scratch, "bundle");
    await output([
      "umoci",
      "unpack",
      "--rootless",
      "--image",
      `${world.store}:${reference}`,
      bundle,
    ]);
    const { programs, foreign } = foreignPrograms(join(bundle, "rootfs"));
    expect(programs).toBeGreaterThan(0);
    expect(foreign).toEqual([]);
    await removeAll(bundle);
  });

  it("is pushed to a registry, where crane finds it valid", async () => {
    const address = addresses.get(reference) ?? "";
    const remote = (await world.output(["push", address, "--prefix", registryHost])).trim();
    expect(remote.endsWith(`/${reference}`)).toBe(true);
    await output([crane, "validate", "--insecure", "--remote", remote]);
    const config = JSON.parse(await output([crane, "config", "--insecure", remote])) as object;
    expect(config).toMatchObject({ architecture: "mips64le", os: "linux" });
  });
});

describe("kmips export", () => {
  it.each(["etcd", "pause"])("writes an archive of %s that crane finds valid", async (name) => {
    const archive = join(scratch, `${name}.tar`);
    await world.output(["export", name, "-o", archive]);
    await output([crane, "validate", "--tarball", archive]);
    await world.output(["export", name, "-o", archive, "--compress"]);
    await output([crane, "validate", "--tarball", archive]);
  });

  it("writes several images into one archive that skopeo reads", async () => {
    const archive = join(scratch, "several.tar");
    await world.output(["export", "pause", "mounttest", "-o", archive]);
    for (const name of [
      "k8s.gcr.io/pause:3.1",
      "gcr.io/kubernetes-e2e-test-images/mounttest:1.0",
    ]) {
      const text = await output(["skopeo", "inspect", `docker-archive:${archive}:${name}`]);
      expect(JSON.parse(text)).toMatchObject({ Architecture: "mips64le" });
    }
  });
});

describe("kmips push", () => {
  it("ends with the code for networks when the registry is not there", async () => {
    registry.child.kill("SIGKILL");
    await registry.ended;
    const { code, stderr } = await world.kmips(["push", "pause", "--prefix", registryHost]);
    expect(code).toBe(6);
    expect(stderr).toContain(registryHost);
  });

  it("refuses what is no image", async () => {
    const { code, stderr } = await world.kmips(["push", "source.etcd", "--prefix", "127.0.0.1:1"]);
    expect(code).toBe(2);
    expect(stderr).toContain("names no image");
  });
});
