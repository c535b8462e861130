import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArchiveReader } from "../../cache/archive-reader.js";
import {
  ArchiveError,
  ArchiveWriter,
  digestOf,
  type ArchiveEntry,
  type ArchiveOptions,
  type EntryInput,
} from "../../cache/index.js";
import { makeRig, temporaryDirectory } from "./support/rig.js";

function archiveOf(entries: readonly EntryInput[], options?: ArchiveOptions): Buffer {
  const chunks: Buffer[] = [];
  const writer = new ArchiveWriter((chunk) => chunks.push(Buffer.from(chunk)), options);
  for (const entry of entries) writer.add(entry);
  writer.end();
  return Buffer.concat(chunks);
}

function readBack(
  archive: Buffer,
  kind?: "tree" | "layer",
  chunkBytes = archive.byteLength,
): { entry: ArchiveEntry; content: string }[] {
  const found: { entry: ArchiveEntry; content: string }[] = [];
  const reader = new ArchiveReader(
    {
      entry: (entry) => found.push({ entry, content: "" }),
      data: (chunk) => (found.at(-1)!.content += chunk.toString("latin1")),
    },
    kind,
  );
  for (let at = 0; at < archive.byteLength; at += chunkBytes)
    reader.write(archive.subarray(at, at + chunkBytes));
  reader.end();
  return found;
}

const long = (length: number): string => "d".repeat(Math.min(length, 250));
/** What plain headers cannot hold, and what tar-stream alone writes wrongly. */
const AWKWARD: readonly EntryInput[] = [
  { path: "a", type: "file", mode: 0, content: Buffer.from("no permissions at all") },
  {
    path: "b",
    type: "file",
    mode: 0o4755,
    uid: 300_000,
    gid: 4_000_000_000,
    content: Buffer.alloc(512, "b"),
  },
  { path: "c", type: "directory", mode: 0o1777 },
  { path: "c/.wh.gone", type: "file" },
  { path: `c/${long(250)}`, type: "directory" },
  { path: `c/${long(250)}/${long(250)}`, type: "file", content: Buffer.from("deep") },
  { path: "c/ünïcödé", type: "file", content: Buffer.alloc(1025, "u") },
  { path: "c/\u{1f600}", type: "symlink", target: `ünïcödé` },
  { path: "link", type: "symlink", target: `c/${long(250)}` },
];

describe("ArchiveWriter", () => {
  it("always writes these bytes", () => {
    expect(digestOf(archiveOf(AWKWARD, { mtime: 1 }))).toMatchInlineSnapshot(
      `"sha256:f4634bf87ba73b903443bf276fb8c4607d428bdbe5ebb0826baea325e1d767c8"`,
    );
  });

  it.each([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 33 - 1])(
    "survives GNU tar with every field at time %i",
    (mtime) => {
      const directory = temporaryDirectory();
      writeFileSync(join(directory, "a.tar"), archiveOf(AWKWARD, { mtime, kind: "layer" }));
      const lines = execFileSync(
        "tar",
        ["--numeric-owner", "--full-time", "--utc", "-tvf", "a.tar", "--quoting-style=literal"],
        {
          cwd: directory,
          env: { LC_ALL: "C.UTF-8", PATH: "/usr/bin:/bin" },
          encoding: "utf8",
        },
      )
        .trimEnd()
        .split("\n");
      const time = new Date(mtime * 1000).toISOString().replace("T", " ").slice(0, 19);
      expect(lines.map((line) => line.replace(/ +/g, " "))).toEqual([
        `---------- 0/0 21 ${time} a`,
        `-rwsr-xr-x 300000/4000000000 512 ${time} b`,
        `drwxrwxrwt 0/0 0 ${time} c/`,
        `-rw-r--r-- 0/0 0 ${time} c/.wh.gone`,
        `drwxr-xr-x 0/0 0 ${time} c/${long(250)}/`,
        `-rw-r--r-- 0/0 4 ${time} c/${long(250)}/${long(250)}`,
        `-rw-r--r-- 0/0 1025 ${time} c/ünïcödé`,
        `lrwxrwxrwx 0/0 0 ${time} c/\u{1f600} -> ünïcödé`,
        `lrwxrwxrwx 0/0 0 ${time} link -> c/${long(250)}`,
      ]);
    },
  );

  it("ends with two zero blocks and no more", () => {
    expect(archiveOf([])).toEqual(Buffer.alloc(1024));
    expect(archiveOf([{ path: "a", type: "file", content: Buffer.from("x") }]).byteLength).toBe(
      512 + 512 + 1024,
    );
  });

  const refused: [string, EntryInput[]][] = [
    ["an absolute path", [{ path: "/a", type: "file" }]],
    ["a path that climbs", [{ path: "../a", type: "file" }]],
    ["a path with a dot", [{ path: "./a", type: "file" }]],
    ["an empty component", [{ path: "a//b", type: "file" }]],
    ["a trailing slash", [{ path: "a/", type: "directory" }]],
    ["a NUL", [{ path: "a\0b", type: "file" }]],
    ["a lone surrogate", [{ path: "\ud800", type: "file" }]],
    ["a name of 256 bytes", [{ path: "é".repeat(128), type: "file" }]],
    [
      "a path that comes twice",
      [
        { path: "a", type: "file" },
        { path: "a", type: "file" },
      ],
    ],
    [
      "entries out of order",
      [
        { path: "b", type: "file" },
        { path: "a", type: "file" },
      ],
    ],
    ["a file without its directory", [{ path: "a/b", type: "file" }]],
    [
      "a file below a file",
      [
        { path: "a", type: "file" },
        { path: "a/b", type: "file" },
      ],
    ],
    [
      "a file below a link",
      [
        { path: "a", type: "symlink", target: "." },
        { path: "a/b", type: "file" },
      ],
    ],
    ["a link to nowhere", [{ path: "a", type: "symlink" }]],
    ["a link to an absolute path", [{ path: "a", type: "symlink", target: "/etc/passwd" }]],
    ["a link that climbs out", [{ path: "a", type: "symlink", target: "../x" }]],
    [
      "a link that climbs out by another link",
      [
        { path: "d", type: "directory" },
        { path: "d/up", type: "symlink", target: ".." },
        { path: "x", type: "symlink", target: "d/up/.." },
      ],
    ],
    [
      "a circle of links",
      [
        { path: "a", type: "symlink", target: "b" },
        { path: "b", type: "symlink", target: "a" },
      ],
    ],
    [
      "less content than announced",
      [{ path: "a", type: "file", content: { size: 3, chunks: [Buffer.from("xx")] } }],
    ],
    ["a mode out of range", [{ path: "a", type: "file", mode: 0o10000 }]],
    ["a negative owner", [{ path: "a", type: "file", uid: -1 }]],
    ["a directory with content", [{ path: "a", type: "directory", content: Buffer.from("x") }]],
  ];
  it.each(refused)("refuses %s", (_name, entries) => {
    expect(() => archiveOf(entries)).toThrow(ArchiveError);
  });

  it("lets a layer leave directories to the layers below, and lead anywhere", () => {
    expect(() =>
      archiveOf([{ path: "etc/mtab", type: "symlink", target: "/proc/mounts" }], { kind: "layer" }),
    ).not.toThrow();
  });
});

describe("ArchiveReader", () => {
  it.each([1 << 20, 512, 511, 100, 1])(
    "reads back what was written, in chunks of %i bytes",
    (chunkBytes) => {
      const found = readBack(archiveOf(AWKWARD, { mtime: 7 }), "tree", chunkBytes);
      expect(found.map(({ entry }) => [entry.path, entry.type, entry.target])).toEqual(
        AWKWARD.map(({ path, type, target }) => [path, type, target]),
      );
      expect(found[1]).toMatchObject({
        entry: { mode: 0o4755, uid: 300_000, gid: 4_000_000_000, mtime: 7 },
        content: "b".repeat(512),
      });
    },
  );

  it("reads back any entry", () => {
    const entry = fc.record({
      path: fc
        .string({ unit: "grapheme", minLength: 1, maxLength: 200 })
        .filter(
          (path) =>
            !/[/\0]/.test(path) && path !== "." && path !== ".." && Buffer.byteLength(path) <= 255,
        ),
      mode: fc.nat(0o7777),
      uid: fc.nat(2 ** 31 - 1),
      gid: fc.nat(2 ** 31 - 1),
      mtime: fc.nat(2 ** 31 - 1).map((time) => time * 4),
      content: fc.uint8Array({ maxLength: 1100 }),
    });
    fc.assert(
      fc.property(entry, ({ path, mode, uid, gid, mtime, content }) => {
        const [found] = readBack(
          archiveOf([{ path, type: "file", mode, uid, gid, content }], { mtime }),
        );
        expect(found).toEqual({
          entry: { path, type: "file", mode, uid, gid, mtime, size: content.byteLength },
          content: Buffer.from(content).toString("latin1"),
        });
      }),
      { numRuns: 500 },
    );
  });

  it("accepts no two archives for one list of entries, whichever bit is flipped", () => {
    const archive = archiveOf(
      [
        { path: "d", type: "directory", uid: 300_000 },
        { path: "d/f", type: "file", content: Buffer.from("content") },
        { path: "é", type: "file" },
      ],
      { mtime: 2 ** 31 },
    );
    let accepted = 0;
    for (let at = 0; at < archive.byteLength; at++) {
      const damaged = Buffer.from(archive);
      damaged[at] = damaged[at]! ^ (1 << (at % 8));
      let found: ReturnType<typeof readBack>;
      try {
        found = readBack(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(ArchiveError);
        continue;
      }
      // Content and PAX values carry no checksum in a tar: the flip is another archive, by another digest.
      accepted++;
      const entries = found.map(({ entry: { mtime: _mtime, size: _size, ...entry }, content }) =>
        content === "" ? entry : { ...entry, content: Buffer.from(content, "latin1") },
      );
      expect(archiveOf(entries, { mtime: found[0]!.entry.mtime }).equals(damaged)).toBe(true);
    }
    expect(accepted).toBeLessThan(20);
  });

  it("refuses an archive cut short at every block, and one with more after its end", () => {
    const archive = archiveOf(AWKWARD);
    for (let length = 0; length < archive.byteLength; length += 512) {
      expect(() => readBack(archive.subarray(0, length))).toThrow(ArchiveError);
    }
    expect(() => readBack(Buffer.concat([archive, Buffer.alloc(512)]))).toThrow(ArchiveError);
    expect(() => readBack(Buffer.concat([archive, archive]))).toThrow(ArchiveError);
  });

  it("refuses what GNU tar writes, which is not canonical", () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "f"), "content");
    const archive = execFileSync("tar", ["-C", directory, "-cf", "-", "f"]);
    expect(() => readBack(archive)).toThrow(ArchiveError);
  });
});

describe("Store.captureTree()", () => {
  function fill(directory: string, names: readonly string[]): void {
    mkdirSync(join(directory, "sub", "empty"), { recursive: true });
    for (const name of names)
      writeFileSync(join(directory, name), `content of ${name}`, { mode: 0o640 });
    writeFileSync(join(directory, "sub", "tool"), "#!", { mode: 0o700 });
    symlinkSync("sub/tool", join(directory, "tool"));
  }

  it("depends on names, content and executable bits alone", async () => {
    const { store } = await makeRig();
    const [a, b] = [temporaryDirectory(), temporaryDirectory()];
    fill(a, ["x", "y", "é"]);
    fill(b, ["é", "y", "x"]);
    utimesSync(join(b, "x"), 1, 1);
    chmodSync(join(b, "x"), 0o666);
    chmodSync(join(b, "sub"), 0o711);
    expect(store.captureTree(a)).toEqual(store.captureTree(b));
    expect(
      store.listTree(store.captureTree(a).digest).map(({ path, mode }) => [path, mode]),
    ).toEqual([
      ["sub", 0o755],
      ["sub/empty", 0o755],
      ["sub/tool", 0o755],
      ["tool", 0o777],
      ["x", 0o644],
      ["y", 0o644],
      ["é", 0o644],
    ]);
    chmodSync(join(b, "x"), 0o755);
    expect(store.captureTree(b).digest).not.toBe(store.captureTree(a).digest);
  });

  it("takes only what the filter accepts, and directories for what they hold", async () => {
    const { store } = await makeRig();
    const directory = temporaryDirectory();
    fill(directory, ["x.go", "y.txt"]);
    const looked: string[] = [];
    const { digest } = store.captureTree(directory, {
      filter: (path) => (looked.push(path), /\.go$|tool/.test(path)),
      prune: (path) => path === "sub/empty",
    });
    expect(store.listTree(digest).map(({ path }) => path)).toEqual([
      "sub",
      "sub/tool",
      "tool",
      "x.go",
    ]);
    expect(looked.sort()).toEqual(["sub/tool", "tool", "x.go", "y.txt"]);
  });

  it.each([
    ["a pipe", (directory: string) => execFileSync("mkfifo", [join(directory, "pipe")])],
    ["a link out of it", (directory: string) => symlinkSync("/etc/passwd", join(directory, "out"))],
    [
      "a name that is not UTF-8",
      (directory: string) =>
        writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0xfe])]), ""),
    ],
  ])("refuses %s", async (_name, spoil) => {
    const { store } = await makeRig();
    const directory = temporaryDirectory();
    spoil(directory);
    expect(() => store.captureTree(directory)).toThrow(ArchiveError);
  });
});

describe("Store.extractTree()", () => {
  it("gives a private, writable copy", async () => {
    const { store } = await makeRig();
    const { digest } = store.writeTree([
      { path: "bin/tool", type: "file", mode: 0o755, content: Buffer.from("#!") },
      { path: "empty", type: "file" },
      { path: "link", type: "symlink", target: "bin/tool" },
    ]);
    const destination = join(temporaryDirectory(), "out");
    store.extractTree(digest, destination);
    expect(lstatSync(join(destination, "bin/tool")).mode & 0o777).toBe(0o755);
    expect(lstatSync(join(destination, "empty")).mode & 0o777).toBe(0o644);
    expect(readlinkSync(join(destination, "link"))).toBe("bin/tool");
    expect(store.captureTree(destination).digest).toBe(digest);
  });

  it("refuses a directory that holds something, and touches none of it", async () => {
    const { store } = await makeRig();
    const destination = temporaryDirectory();
    writeFileSync(join(destination, "mine"), "mine");
    const { digest } = store.writeTree([{ path: "a", type: "file" }]);
    expect(() => store.extractTree(digest, destination)).toThrow(
      expect.objectContaining({ errno: "ENOTEMPTY" }),
    );
    expect(readFileSync(join(destination, "mine"), "utf8")).toBe("mine");
  });
});

describe("Store.checkout()", () => {
  it("is read-only, made once, and made again when a file differs", async () => {
    const { store, open } = await makeRig();
    const { digest } = store.writeTree([
      { path: "a", type: "file", content: Buffer.from("aa") },
      { path: "bin/b", type: "file", mode: 0o755, content: Buffer.from("bb") },
    ]);
    const directory = await store.checkout(digest);
    const made = lstatSync(join(directory, "a"));
    expect(made.mode & 0o777).toBe(0o444);
    expect(lstatSync(join(directory, "bin/b")).mode & 0o777).toBe(0o555);
    expect(await (await open()).checkout(digest)).toBe(directory);
    expect(lstatSync(join(directory, "a")).ino).toBe(made.ino);
    chmodSync(join(directory, "a"), 0o644);
    writeFileSync(join(directory, "a"), "AA");
    await (await open()).checkout(digest);
    expect(readFileSync(join(directory, "a"), "utf8")).toBe("aa");
  });

  it("is made once when asked for by several at the same time", async () => {
    const { store, open } = await makeRig();
    const other = await open();
    const { digest } = store.writeTree([{ path: "a", type: "file", content: Buffer.from("aa") }]);
    const paths = await Promise.all([
      store.checkout(digest),
      other.checkout(digest),
      store.checkout(digest),
    ]);
    expect(new Set(paths).size).toBe(1);
    expect(readFileSync(join(paths[0], "a"), "utf8")).toBe("aa");
  });
});

describe("Store.readTreeFile()", () => {
  it("finds files and nothing else", async () => {
    const { store } = await makeRig();
    const big = Buffer.alloc(3 * 1024 * 1024 + 5, "big");
    const { digest } = store.writeTree([
      { path: "d/big", type: "file", content: big },
      { path: "d/none", type: "file" },
      { path: "l", type: "symlink", target: "d/big" },
    ]);
    expect(store.readTreeFile(digest, "d/big")?.equals(big)).toBe(true);
    expect(store.readTreeFile(digest, "d/none")).toEqual(Buffer.alloc(0));
    for (const path of ["d", "l", "x", ""])
      expect(store.readTreeFile(digest, path)).toBeUndefined();
    expect(store.listTree(digest).find(({ path }) => path === "d/big")?.digest).toBe(digestOf(big));
  });
});
