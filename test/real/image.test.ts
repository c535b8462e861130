/**
 * Images as other programs see them: skopeo and umoci read the store in place, GNU tar reads the
 * layers, skopeo reads the docker-archive.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hexOf, MEDIA_TYPES } from "../../cache/index.js";
import { packLayer, rootFileSystem, writeDockerArchive } from "../../src/image/index.js";
import { platformOf } from "../../src/model/platform.js";
import { image, ImageRig, textFile } from "../image/support/rig.js";

let rig: ImageRig;
beforeEach(async () => {
  rig = await ImageRig.open();
});
afterEach(() => rig.close());

/** Whether a tool is there; says so when it is not. */
function has(tool: string): boolean {
  const found = spawnSync("sh", ["-c", `command -v ${tool}`]).status === 0;
  if (!found) console.warn(`skipped: ${tool} is not installed`);
  return found;
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8" });
}

/** An image of two layers under the name `child:1` in the store. */
async function storeImage(): Promise<ReturnType<ImageRig["assemble"]>> {
  const base = rig.assemble(
    image({
      files: [{ path: "/lib", content: { type: "link", target: "usr/lib" }, uid: 0, gid: 0 }],
      directories: [{ path: "/usr/lib", mode: 0o755, uid: 0, gid: 0 }],
    }),
  );
  const child = rig.assemble(
    image({
      files: [
        textFile("/etc/x.conf", "x\n", { mode: 0o600, uid: 70_000, gid: 3_000_000 }),
        textFile("/lib/y", "y\n"),
        textFile(`/${"long/".repeat(60)}ünicode`, "z\n"),
      ],
      users: [{ name: "web", uid: 1000, gid: 1000, home: "/", shell: "/sbin/nologin" }],
      epoch: 86_400,
    }),
    base,
  );
  const { digest, size } = child[0]!;
  await rig.store.setReferences(
    new Map([["child:1", { mediaType: MEDIA_TYPES.manifest, digest, size }]]),
  );
  return child;
}

/** An archive of an image as `kmips export --compress` writes it. */
async function compressedArchive(outputs: ReturnType<ImageRig["assemble"]>): Promise<string> {
  const path = join(rig.directory, "compressed.tar");
  const images = [{ names: ["child:1"], manifest: outputs[0]!.digest }];
  await writeDockerArchive(rig.store, images, path, { gzipLevel: 6 });
  return path;
}

describe("an image in the store", () => {
  it.skipIf(!has("skopeo"))("is read by skopeo in place", async () => {
    const [manifest, config] = await storeImage();
    const name = `oci:${rig.store.root}:child:1`;
    expect(run("skopeo", "inspect", "--raw", name)).toBe(
      rig.store.readBytes(manifest!.digest).toString(),
    );
    expect(JSON.parse(run("skopeo", "inspect", "--config", name))).toMatchObject(
      JSON.parse(rig.store.readBytes(config!.digest).toString()) as object,
    );
    const copy = join(rig.directory, "copy");
    run("skopeo", "copy", "--quiet", name, `dir:${copy}`);
    expect(readFileSync(join(copy, "manifest.json"), "utf8")).toContain(config!.digest);
  });

  it.skipIf(!has("umoci"))("is unpacked by umoci to what kmips unpacks", async () => {
    const [manifest] = await storeImage();
    const bundle = join(rig.directory, "bundle");
    run("umoci", "unpack", "--rootless", "--image", `${rig.store.root}:child:1`, bundle);
    const own = join(rig.directory, "own");
    mkdirSync(own);
    rootFileSystem(rig.store, manifest!.digest, own, { setOwners: false });
    const theirs = join(bundle, "rootfs");
    const listing = (root: string): string =>
      run(
        "sh",
        "-c",
        `cd "$1" && find . -mindepth 1 -printf '%p %y %m %l %T@\\n' | sort`,
        "sh",
        root,
      );
    // Neither tool dates directories that a later entry was written into alike.
    const withoutDirectories = (text: string): string[] =>
      text.split("\n").filter((line) => !line.includes(" d "));
    expect(withoutDirectories(listing(own))).toEqual(withoutDirectories(listing(theirs)));
    expect(run("diff", "-r", own, theirs)).toBe("");
    expect(statSync(join(theirs, "usr/lib/y")).mtimeMs).toBe(86_400_000);
  });

  it.skipIf(!has("tar"))("has layers that GNU tar lists with the right owners", async () => {
    const child = await storeImage();
    const layer = child.find((output) => output.name === "layer/1")!;
    const listing = run("tar", "--numeric-owner", "-tvf", rig.store.blobPath(layer.digest));
    expect(listing).toMatch(/^-rw------- 70000\/3000000 +2 1970-01-02 00:00 etc\/x\.conf$/m);
    expect(listing).toMatch(/^-rw-r--r-- 0\/0 +2 1970-01-02 00:00 usr\/lib\/y$/m);
  });

  it.skipIf(!has("skopeo"))("is read by skopeo from a docker-archive", async () => {
    const child = await storeImage();
    const path = join(rig.directory, "image.tar");
    await writeDockerArchive(rig.store, [{ names: ["child:1"], manifest: child[0]!.digest }], path);
    const config = JSON.parse(
      run("skopeo", "inspect", "--config", `docker-archive:${path}`),
    ) as object;
    expect(config).toMatchObject({ architecture: "mips64le", os: "linux" });
    const again = JSON.parse(
      run("skopeo", "inspect", "--config", `oci-archive:${path}:child:1`),
    ) as object;
    expect(again).toMatchObject({
      rootfs: { diff_ids: child.slice(2).map((layer) => layer.digest) },
    });
  });

  it.skipIf(!has("skopeo"))("is read by skopeo from an archive of compressed layers", async () => {
    const child = await storeImage();
    const path = await compressedArchive(child);
    const oci = `oci-archive:${path}:child:1`;
    const raw = JSON.parse(run("skopeo", "inspect", "--raw", oci)) as {
      layers: { mediaType: string }[];
    };
    expect(raw.layers.map(({ mediaType }) => mediaType)).toEqual([
      MEDIA_TYPES.layerGzip,
      MEDIA_TYPES.layerGzip,
    ]);
    for (const name of [oci, `docker-archive:${path}`]) {
      expect(JSON.parse(run("skopeo", "inspect", "--config", name))).toMatchObject({
        architecture: "mips64le",
        rootfs: { diff_ids: child.slice(2).map((layer) => layer.digest) },
      });
      // Copying makes skopeo unpack the layers and compare them with the diffIDs.
      run("skopeo", "copy", "--quiet", name, `docker-archive:${join(rig.directory, "copy.tar")}`);
      rmSync(join(rig.directory, "copy.tar"));
    }
  });

  it.skipIf(!has("umoci"))("is unpacked by umoci from compressed layers alike", async () => {
    const child = await storeImage();
    const layout = join(rig.directory, "layout");
    mkdirSync(layout);
    run("tar", "-xf", await compressedArchive(child), "-C", layout);
    const bundles = ["plain", "packed"].map((name) => join(rig.directory, name));
    for (const [at, place] of [rig.store.root, layout].entries())
      run("umoci", "unpack", "--rootless", "--image", `${place}:child:1`, bundles[at]!);
    const [plain, packed] = bundles.map((bundle) => join(bundle, "rootfs"));
    expect(run("diff", "-r", plain!, packed!)).toBe("");
  });

  it.skipIf(!has("gzip") || !has("tar"))(
    "has compressed layers that GNU gzip unpacks",
    async () => {
      const program = join(rig.directory, "program");
      writeFileSync(program, readFileSync(process.execPath).subarray(4096, 4_000_000));
      const content = { type: "local", path: program } as const;
      const outputs = rig.assemble(image({ files: [{ path: "/p", content, uid: 0, gid: 0 }] }));
      const packed = await packLayer(rig.store, outputs[2]!.digest, {
        directory: rig.directory,
        gzipLevel: 6,
      });
      expect(run("sh", "-c", 'gzip -dc < "$1" | sha256sum', "sh", packed.path).slice(0, 64)).toBe(
        hexOf(outputs[2]!.digest),
      );
    },
  );

  it.skipIf(!has("mips64el-linux-gnuabi64-gcc"))(
    "refuses a program of gcc's for this machine",
    () => {
      const source = join(rig.directory, "m.c");
      const program = join(rig.directory, "m");
      run("sh", "-c", `echo 'int main(void){return 0;}' > "$1"`, "sh", source);
      const files = [
        { path: "/m", content: { type: "local", path: program } as const, uid: 0, gid: 0 },
      ];
      run("mips64el-linux-gnuabi64-gcc", "-static", "-o", program, source);
      expect(rig.assemble(image({ files }))).toHaveLength(3);
      const soft = image({ files, platform: platformOf("mips64le", { float: "softfloat" }) });
      expect(() => rig.assemble(soft)).toThrow(/elf/);
      expect(() => rig.assemble(image({ files, platform: platformOf("amd64") }))).toThrow(/elf/);
    },
  );
});
