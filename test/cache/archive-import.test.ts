import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pack } from "tar-stream";
import { describe, expect, it } from "vitest";
import { ArchiveError, type Store } from "../../cache/index.js";
import { makeRig, temporaryDirectory } from "./support/rig.js";

interface Crafted {
  readonly name: string;
  readonly type?: "file" | "link" | "symlink" | "directory" | "character-device" | "fifo";
  readonly linkname?: string;
  readonly content?: string;
  readonly pax?: Record<string, string>;
}

/** A tar as a stranger might make it: tar-stream writes whatever names it is given. */
async function tarOf(entries: readonly Crafted[]): Promise<Buffer> {
  const packer = pack();
  for (const { name, type = "file", linkname = "", content = "", pax } of entries) {
    packer.entry({ name, type, linkname, ...(pax === undefined ? {} : { pax }) }, content);
  }
  packer.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of packer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function pathsOf(store: Store, tree: { digest: `sha256:${string}` }): string[] {
  return store.listTree(tree.digest).map(({ path }) => path);
}

describe("Store.importArchive()", () => {
  it("makes of GNU tar's archive the tree that capturing the directory makes", async () => {
    const { store } = await makeRig();
    const directory = join(temporaryDirectory(), "pkg");
    mkdirSync(join(directory, "deep", "er"), { recursive: true });
    writeFileSync(join(directory, "deep", "er", "n".repeat(200)), "long name");
    writeFileSync(join(directory, "tool"), "#!", { mode: 0o755 });
    writeFileSync(join(directory, "big"), Buffer.alloc(2 * 1024 * 1024 + 3, "big"));
    symlinkSync("deep/er", join(directory, "link"));
    linkSync(join(directory, "tool"), join(directory, "tool-again"));
    const captured = store.captureTree(directory);
    for (const format of ["gnu", "posix", "ustar"]) {
      if (format === "ustar") execFileSync("rm", [join(directory, "deep", "er", "n".repeat(200))]);
      const archive = execFileSync(
        "tar",
        [`--format=${format}`, "-C", dirname(directory), "-cf", "-", "pkg"],
        { maxBuffer: 1 << 26 },
      );
      const expected = format === "ustar" ? store.captureTree(directory) : captured;
      expect(await store.importArchive([archive], { strip: 1 })).toEqual(expected);
    }
  });

  it("does not depend on the order of entries or the size of chunks", async () => {
    const { store } = await makeRig();
    const entries: Crafted[] = [
      { name: "b/x", content: "x" },
      { name: "a", content: "a".repeat(2000) },
      { name: "b/", type: "directory" },
    ];
    const [one, two] = [await tarOf(entries), await tarOf([...entries].reverse())];
    const pieces = Array.from({ length: Math.ceil(two.byteLength / 333) }, (_, index) =>
      two.subarray(index * 333, (index + 1) * 333),
    );
    expect(await store.importArchive([one])).toEqual(await store.importArchive(pieces));
    expect(pathsOf(store, await store.importArchive([one]))).toEqual(["a", "b", "b/x"]);
  });

  const hostile: [string, Crafted[]][] = [
    ["a path that climbs", [{ name: "../evil", content: "x" }]],
    ["a path that climbs later", [{ name: "a/../../evil", content: "x" }]],
    ["an absolute path", [{ name: "/evil", content: "x" }]],
    ["a PAX path that climbs", [{ name: "good", content: "x", pax: { path: "../evil" } }]],
    [
      "a name twice",
      [
        { name: "a", content: "1" },
        { name: "a", content: "2" },
      ],
    ],
    [
      "a name twice in two spellings",
      [
        { name: "a", content: "1" },
        { name: "./a", content: "2" },
      ],
    ],
    [
      "a file through a link",
      [
        { name: "l", type: "symlink", linkname: "/tmp" },
        { name: "l/evil", content: "x" },
      ],
    ],
    [
      "a file through a link inside",
      [
        { name: "d/", type: "directory" },
        { name: "l", type: "symlink", linkname: "d" },
        { name: "l/f", content: "x" },
      ],
    ],
    ["a link to an absolute path", [{ name: "l", type: "symlink", linkname: "/etc/passwd" }]],
    ["a link that climbs", [{ name: "d/l", type: "symlink", linkname: "../../x" }]],
    ["a hard link to outside", [{ name: "l", type: "link", linkname: "/etc/passwd" }]],
    [
      "a hard link to what is not there",
      [
        { name: "l", type: "link", linkname: "later" },
        { name: "later", content: "x" },
      ],
    ],
    [
      "a hard link to a link",
      [
        { name: "s", type: "symlink", linkname: "x" },
        { name: "l", type: "link", linkname: "s" },
      ],
    ],
    ["a device", [{ name: "d", type: "character-device" }]],
    ["a pipe", [{ name: "p", type: "fifo" }]],
    ["a NUL in a PAX path", [{ name: "good", content: "x", pax: { path: "a\0b" } }]],
    ["two sizes", [{ name: "a", content: "x", pax: { size: "513" } }]],
    [
      "a sparse file",
      [{ name: "a", content: "x", pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0" } }],
    ],
  ];
  it.each(hostile)("refuses %s, and writes nothing outside", async (_name, entries) => {
    const { store } = await makeRig();
    const around = readdirSync(dirname(store.root));
    await expect(store.importArchive([await tarOf(entries)])).rejects.toThrow(ArchiveError);
    expect(readdirSync(dirname(store.root))).toEqual(around);
    expect(readdirSync(store.paths.blobs)).toEqual([]);
  });

  it("refuses an entry after the end marker, which tar-stream would hand out", async () => {
    const { store } = await makeRig();
    const [one, two] = [
      await tarOf([{ name: "a", content: "a" }]),
      await tarOf([{ name: "b", content: "b" }]),
    ];
    await expect(store.importArchive([Buffer.concat([one, two])])).rejects.toThrow(
      "there are bytes after its end",
    );
  });

  it("refuses an archive cut short anywhere", async () => {
    const { store } = await makeRig();
    const archive = await tarOf([
      { name: "a", content: "a".repeat(700) },
      { name: "b", content: "b" },
    ]);
    for (let length = 0; length < archive.byteLength; length += 256) {
      await expect(store.importArchive([archive.subarray(0, length)])).rejects.toThrow(
        ArchiveError,
      );
    }
  });

  it("refuses what unpacks to more than the limit", async () => {
    const { store } = await makeRig();
    const archive = await tarOf([
      { name: "a", content: "a".repeat(700) },
      { name: "b", content: "b" },
    ]);
    await expect(store.importArchive([archive], { limitBytes: 600 })).rejects.toThrow(ArchiveError);
    await expect(store.importArchive([archive], { limitEntries: 1 })).rejects.toThrow(ArchiveError);
  });

  it("passes on the failure of whoever delivers the archive", async () => {
    const { store } = await makeRig();
    const archive = await tarOf([{ name: "a", content: "a".repeat(700) }]);
    async function* broken(): AsyncGenerator<Buffer> {
      yield archive.subarray(0, 600);
      throw new TypeError("connection lost");
    }
    await expect(store.importArchive(broken())).rejects.toThrow("connection lost");
  });
});
