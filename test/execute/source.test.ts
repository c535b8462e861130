/** Sources that need no network: local files, archives and git repositories. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../cache/index.js";
import { runSource, valueNow } from "../../src/execute/actions/source.js";
import type { ActionContext } from "../../src/execute/context.js";
import type { SourceOrigin } from "../../src/model/node.js";
import { openRig, type Rig } from "./rig.js";

let root: string;
let project: string;
let rig: Rig;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "kmips-source-"));
  rig = await openRig(join(root, "store"), { PATH: "/usr/bin:/bin", HOME: root });
  project = join(root, "project");
  mkdirSync(join(project, "sub"), { recursive: true });
  writeFileSync(join(project, "a.txt"), "a\n");
  writeFileSync(join(project, "sub", "run"), "#!/bin/sh\n");
  chmodSync(join(project, "sub", "run"), 0o755);
  symlinkSync("sub/run", join(project, "link"));
});
afterAll(async () => {
  await rig.store.close();
  rmSync(root, { recursive: true, force: true });
});

async function entriesOf(
  origin: SourceOrigin,
  overrides?: Partial<ActionContext>,
): Promise<string[]> {
  const outcome = await runSource({ kind: "source", origin }, rig.context("source.x", overrides));
  return rig.store
    .listTree(outcome.outputs[0]!.digest)
    .map(({ path, type, mode, target }) =>
      type === "symlink" ? `${path} -> ${String(target)}` : `${path} ${(mode & 0o777).toString(8)}`,
    );
}

const PROJECT = ["a.txt 644", "link -> sub/run", "sub 755", "sub/run 755"];

describe("directory and files", () => {
  it("become a tree with links as links", async () => {
    expect(await entriesOf({ type: "directory", path: project, include: [], exclude: [] })).toEqual(
      PROJECT,
    );
    expect(await entriesOf({ type: "files", base: project, paths: ["sub/run"] })).toEqual([
      "sub 755",
      "sub/run 755",
    ]);
  });

  it("are refused when they changed since they were keyed", async () => {
    const inputs = {
      ...rig.context("x").inputs,
      list: () => [{ path: "a.txt", digest: digestOf("older"), executable: false }],
    };
    await expect(
      entriesOf({ type: "directory", path: project, include: [], exclude: [] }, { inputs }),
    ).rejects.toMatchObject({ reason: { type: "checksum", actual: digestOf("a\n") } });
  });

  it("are missed by name", async () => {
    await expect(
      entriesOf({ type: "files", base: project, paths: ["b.txt"] }),
    ).rejects.toMatchObject({
      reason: { type: "missing-input", path: join(project, "b.txt") },
    });
    await expect(
      entriesOf({ type: "directory", path: join(root, "none"), include: [], exclude: [] }),
    ).rejects.toMatchObject({ reason: { type: "missing-input" } });
  });
});

describe("a toolchain", () => {
  it("is the tree that it brought, byte for byte", async () => {
    const tree = rig.store.writeTree([
      { path: "src/a.go", type: "file", content: Buffer.from("a") },
    ]);
    const outputs = [{ name: "tree", digest: tree.digest, size: tree.size }];
    rig.finish(
      "toolchain.go",
      { kind: "toolchain", type: "go", version: "go1.26.8" },
      { outputs, nativeMs: 0, emulatedMs: 0 },
    );
    const outcome = await runSource(
      { kind: "source", origin: { type: "toolchain", node: "toolchain.go" } },
      rig.context("source.go"),
    );
    expect(outcome.outputs).toEqual(outputs);
  });
});

describe("archive", () => {
  function archive(name: string, ...options: string[]): { location: string; digest: string } {
    const location = join(root, name);
    execFileSync("tar", [...options, "-cf", location, "-C", root, "project"]);
    return { location, digest: digestOf(readFileSync(location)) };
  }

  it.each([
    ["plain.tar", []],
    ["packed.tar.gz", ["--gzip"]],
    ["packed.tar.xz", ["--xz"]],
  ])("%s is unpacked without its first directory", async (name, options) => {
    expect(await entriesOf({ type: "archive", ...archive(name, ...options), strip: 1 })).toEqual(
      PROJECT,
    );
  });

  it("is refused by both digests when it is another one", async () => {
    const { location, digest } = archive("other.tar", "--mtime=@1");
    const expected = digestOf("another");
    await expect(
      entriesOf({ type: "archive", location, digest: expected, strip: 0 }),
    ).rejects.toMatchObject({
      reason: { type: "checksum", expected, actual: digest },
    });
    expect(rig.store.has(expected)).toBe(false);
  });

  it("cannot write outside, nor bring what a tree cannot hold", async () => {
    const location = join(root, "evil.tar");
    const canary = join(root, "canary");
    execFileSync("tar", [
      "-cPf",
      location,
      "--transform",
      `s|.*|../../..${canary}|`,
      join(project, "a.txt"),
    ]);
    const digest = digestOf(readFileSync(location));
    await entriesOf({ type: "archive", location, digest, strip: 0 }).catch(() => undefined);
    expect(() => readFileSync(canary)).toThrow();
    execFileSync("mkfifo", [join(root, "fifo")]);
    execFileSync("tar", ["-cf", location, "-C", root, "fifo"]);
    const fifo = digestOf(readFileSync(location));
    await expect(
      entriesOf({ type: "archive", location, digest: fifo, strip: 0 }),
    ).rejects.toMatchObject({
      reason: { type: "command", exit: "refused" },
    });
  });

  it("is read again from where it came when the kept one is damaged", async () => {
    const { location, digest } = archive("kept.tar", "--mtime=@3");
    const origin = { type: "archive", location, digest, strip: 1 } as const;
    const { fetched } = await runSource({ kind: "source", origin }, rig.context("source.x"));
    expect(fetched).toEqual([
      { kind: "archive", name: location, digest, size: readFileSync(location).byteLength },
    ]);
    const blob = rig.store.blobPath(fetched![0]!.digest);
    chmodSync(blob, 0o644);
    writeFileSync(blob, Buffer.alloc(fetched![0]!.size));
    expect(await entriesOf(origin)).toEqual(PROJECT);
  });

  it("is fetched over HTTP once, then found by its digest even offline", async () => {
    const { location, digest } = archive("served.tar", "--mtime=@2");
    const server = createServer((request, response) => {
      if (request.url === "/moved") response.writeHead(302, { location: "/served.tar" }).end();
      else if (request.url === "/served.tar") response.end(readFileSync(location));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    const origin = { type: "archive", location: `${base}/moved`, digest, strip: 1 } as const;
    try {
      await expect(entriesOf(origin, { offline: true })).rejects.toMatchObject({
        reason: { type: "network" },
      });
      expect(await entriesOf(origin)).toEqual(PROJECT);
      expect(await entriesOf(origin, { offline: true })).toEqual(PROJECT);
      await expect(
        entriesOf({ ...origin, location: `${base}/none`, digest: digestOf("x") }),
      ).rejects.toMatchObject({
        reason: { type: "network", excerpt: "the server answered 404 Not Found" },
      });
    } finally {
      server.close();
    }
  });
});

describe("git", () => {
  let repository: string;
  let first: string;

  beforeAll(() => {
    repository = join(root, "repository");
    const git = (...args: string[]): string =>
      execFileSync("git", ["-C", repository, ...args], {
        encoding: "utf8",
        env: { PATH: "/usr/bin:/bin", HOME: root, GIT_CONFIG_NOSYSTEM: "1" },
      }).trim();
    mkdirSync(repository);
    git("init", "--quiet");
    git("config", "user.name", "t");
    git("config", "user.email", "t@example.org");
    writeFileSync(
      join(repository, ".gitattributes"),
      "*.txt export-subst eol=crlf\nhidden export-ignore\n",
    );
    writeFileSync(join(repository, "a.txt"), "$Format:%H$\n");
    writeFileSync(join(repository, "hidden"), "here\n");
    git("add", "-A");
    git("commit", "--quiet", "-m", "one");
    first = git("rev-parse", "HEAD");
    writeFileSync(join(repository, "a.txt"), "two\n");
    git("commit", "--quiet", "-am", "two");
  });

  it("brings exactly one commit, unaltered by attributes", async () => {
    const origin = { type: "git", url: repository, commit: first } as const;
    expect(await entriesOf(origin)).toEqual([".gitattributes 644", "a.txt 644", "hidden 644"]);
    const outcome = await runSource({ kind: "source", origin }, rig.context("source.x"));
    expect(rig.store.readTreeFile(outcome.outputs[0]!.digest, "a.txt")?.toString()).toBe(
      "$Format:%H$\n",
    );
  });

  it("keeps the commit's objects, and needs nothing else to bring it again", async () => {
    const there = { type: "git", url: repository, commit: first } as const;
    const { outputs, fetched } = await runSource(
      { kind: "source", origin: there },
      rig.context("source.x"),
    );
    expect(fetched).toMatchObject([{ kind: "git", name: first }]);
    const key = digestOf("source.x");
    rig.store.putVault({ key, address: "source.x", items: fetched! });
    const gone = { type: "git", url: "https://127.0.0.1:9/gone.git", commit: first } as const;
    const offline = rig.context("source.x", { offline: true });
    const again = await runSource({ kind: "source", origin: gone }, offline);
    expect(again.outputs).toEqual(outputs);
    expect(again.fetched).toEqual(fetched);

    const pack = rig.store.blobPath(fetched![0]!.digest);
    chmodSync(pack, 0o644);
    writeFileSync(pack, Buffer.alloc(fetched![0]!.size));
    await expect(runSource({ kind: "source", origin: gone }, offline)).rejects.toMatchObject({
      reason: { type: "network", what: `commit ${first} of ${gone.url}` },
    });
    expect((await runSource({ kind: "source", origin: there }, offline)).outputs).toEqual(outputs);
  });

  it("takes a repository whole when its server does not name old commits", async () => {
    const strict = join(root, "strict.git");
    execFileSync("git", ["clone", "--quiet", "--bare", repository, strict], {
      env: { PATH: "/usr/bin:/bin", HOME: root },
    });
    const origin = { type: "git", url: `file://${strict}`, commit: first } as const;
    const { fetched } = await runSource(
      { kind: "source", origin },
      rig.context("source.strict", {
        environment: {
          ...rig.context("x").environment,
          GIT_PROTOCOL: "version=0",
          GIT_CONFIG_COUNT: "1",
          GIT_CONFIG_KEY_0: "protocol.version",
          GIT_CONFIG_VALUE_0: "0",
        },
      }),
    );
    expect(fetched).toMatchObject([{ kind: "git", name: first }]);
  });

  it("refuses a commit that is not there", async () => {
    const commit = "0123456789".repeat(4);
    await expect(entriesOf({ type: "git", url: repository, commit })).rejects.toMatchObject({
      reason: { type: "checksum", expected: commit },
    });
  });

  it("brings the commit that the lock has for a tag, and refuses a moved one", async () => {
    const run = (...args: string[]) => execFileSync("git", ["-C", repository, ...args]);
    run("tag", "v1.0.0", first);
    const origin = { type: "git", url: repository, tag: "v1.0.0", place: "repository" } as const;
    const lockOf = (commit: string) => ({
      lockedSum: () => undefined,
      locked: (kind: string, name: string) =>
        `${kind} ${name}` === "git repository v1.0.0" ? commit : undefined,
    });
    await expect(entriesOf(origin)).rejects.toMatchObject({
      reason: { type: "missing-input", what: "kmips.lock" },
      help: expect.stringMatching(/kmips update 'source\.x'/) as string,
    });
    expect(await entriesOf(origin, { lock: lockOf(first) })).toContain("a.txt 644");
    const other = "0123456789".repeat(4);
    await expect(entriesOf(origin, { lock: lockOf(other) })).rejects.toMatchObject({
      reason: { type: "checksum", expected: other, actual: first },
      help: expect.stringMatching(/moved/) as string,
    });
    expect(await valueNow(origin, rig.context("source.x"))).toBe(first);
    await expect(
      valueNow({ ...origin, tag: "v1.0.1" }, rig.context("source.x")),
    ).rejects.toMatchObject({
      reason: { type: "network" },
      help: "did you mean v1.0.0?",
    });
    await expect(
      valueNow({ ...origin, url: "https://127.0.0.1:9/x" }, rig.context("x", { offline: true })),
    ).rejects.toMatchObject({ reason: { type: "network" } });
  });

  it("cannot be made to run a program by its URL", async () => {
    const canary = join(root, "git-canary");
    for (const url of [`ext::sh -c "touch ${canary}"`, `--upload-pack=touch ${canary}`]) {
      await expect(
        entriesOf({ type: "git", url, commit: "0123456789".repeat(4) }),
      ).rejects.toMatchObject({
        reason: { type: "network" },
      });
    }
    expect(() => readFileSync(canary)).toThrow();
  });
});
