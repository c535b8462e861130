import { mkdirSync, writeFileSync, chmodSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { assembleIndex } from "../../src/image/index.js";
import { NodeFailure } from "../../src/model/failure.js";
import type { ImageDefinition } from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import { elfBytes } from "./support/elf.js";
import { NO_CONFIG } from "../../src/model/no-config.js";
import { image, ImageRig, textFile } from "./support/rig.js";

let rig: ImageRig;
beforeEach(async () => {
  rig = await ImageRig.open();
});
afterEach(() => rig.close());

/** The failure that an assembly ends in. */
function failureOf(run: () => unknown): NodeFailure["reason"] {
  try {
    run();
  } catch (error) {
    if (error instanceof NodeFailure) return error.reason;
    throw error;
  }
  throw new Error("It did not fail");
}

const ROOT = { uid: 0, gid: 0 } as const;

describe("assembleImage()", () => {
  it("writes files with the directories above them, sorted, owned and dated by the recipe", () => {
    const outputs = rig.assemble(
      image({
        files: [textFile("/etc/x.conf", "x", { mode: 0o600, uid: 7, gid: 8 }), textFile("/a", "a")],
        directories: [{ path: "/data", mode: 0o700, uid: 1000, gid: 1000 }],
        epoch: 86_400,
      }),
    );
    expect(rig.summary(outputs, 0)).toEqual({
      a: "644 0:0 a",
      data: "700 1000:1000 /",
      etc: "755 0:0 /",
      "etc/x.conf": "600 7:8 x",
    });
    expect(new Set(rig.layer(outputs, 0).map((row) => row.mtime))).toEqual(new Set([86_400]));
    expect(outputs.map((output) => output.name)).toEqual(["manifest", "config", "layer/0"]);
  });

  it("describes itself in canonical JSON without anything of this machine", () => {
    const outputs = rig.assemble(
      image({
        files: [textFile("/a", "a")],
        config: {
          entrypoint: ["/a"],
          cmd: ["b"],
          env: { Z: "1", A: "2" },
          labels: { z: "1", a: "2" },
          ports: ["8080/tcp", "53/udp"],
          volumes: ["/data"],
          workdir: "/w",
          user: "1000",
          stopSignal: "SIGTERM",
        },
      }),
    );
    const layer = outputs.find((output) => output.name === "layer/0")!;
    const config = outputs.find((output) => output.name === "config")!;
    expect(rig.store.readBytes(config.digest).toString()).toBe(
      `{"created":"1970-01-01T00:00:00Z","architecture":"mips64le","os":"linux","config":{"User":"1000",` +
        `"ExposedPorts":{"53/udp":{},"8080/tcp":{}},"Env":["Z=1","A=2"],"Entrypoint":["/a"],"Cmd":["b"],` +
        `"Volumes":{"/data":{}},"WorkingDir":"/w","Labels":{"a":"2","z":"1"},"StopSignal":"SIGTERM"},` +
        `"rootfs":{"type":"layers","diff_ids":["${layer.digest}"]},` +
        `"history":[{"created":"1970-01-01T00:00:00Z","created_by":"kmips"}]}`,
    );
    expect(rig.json(outputs, "manifest")).toEqual({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: config.digest,
        size: config.size,
      },
      layers: [
        {
          mediaType: "application/vnd.oci.image.layer.v1.tar",
          digest: layer.digest,
          size: layer.size,
        },
      ],
    });
  });

  it("gives the same digests whatever the order of declaration, the umask and the time zone", () => {
    rig.addOutput("component.c", "prog", elfBytes());
    const parts: ImageDefinition = image({
      files: [
        textFile("/z/1", "1"),
        {
          path: "/bin/prog",
          content: { type: "output", node: "component.c", output: "prog" },
          ...ROOT,
        },
        textFile("/a-b", "2"),
        textFile("/a/b", "3"),
      ],
      directories: [{ path: "/y", mode: 0o755, ...ROOT }],
    });
    const first = rig.assemble(parts);
    const before = process.umask(0o077);
    const zone = process.env["TZ"];
    try {
      process.env["TZ"] = "Asia/Kolkata";
      expect(rig.assemble({ ...parts, files: [...parts.files].reverse() })).toEqual(first);
    } finally {
      process.umask(before);
      if (zone === undefined) delete process.env["TZ"];
      else process.env["TZ"] = zone;
    }
  });

  it("gives programs 0755 and data 0644 unless the recipe says otherwise", () => {
    const local = join(rig.directory, "run.sh");
    writeFileSync(local, "#!/bin/sh\n");
    chmodSync(local, 0o700);
    rig.addOutput("component.c", "prog", elfBytes());
    rig.addOutput("component.c", "data", Buffer.from("d"), false);
    const output = (name: string) =>
      ({ type: "output", node: "component.c", output: name }) as const;
    const outputs = rig.assemble(
      image({
        files: [
          { path: "/prog", content: output("prog"), ...ROOT },
          { path: "/data", content: output("data"), ...ROOT },
          { path: "/run.sh", content: { type: "local", path: local }, ...ROOT },
          { path: "/suid", content: output("prog"), mode: 0o4755, ...ROOT },
          { path: "/link", content: { type: "link", target: "/prog" }, ...ROOT },
        ],
      }),
    );
    const modes = Object.fromEntries(
      rig.layer(outputs, 0).map((row) => [row.path, row.mode.toString(8)]),
    );
    expect(modes).toMatchObject({ prog: "755", data: "644", "run.sh": "755", suid: "4755" });
    expect(rig.summary(outputs, 0)["link"]).toContain("-> /prog");
  });

  it("copies a file, a directory or all of a tree, through its links", () => {
    rig.addTree("source.k", [
      { path: "html/index.html", type: "file", content: Buffer.from("hi") },
      { path: "html/run", type: "file", mode: 0o755, content: Buffer.from("#!") },
      { path: "html/latest", type: "symlink", target: "index.html" },
      { path: "html-old/x", type: "file", content: Buffer.from("old") },
      { path: "alias", type: "symlink", target: "html" },
    ]);
    const tree = (path: string) => ({ type: "tree", node: "source.k", path }) as const;
    const outputs = rig.assemble(
      image({
        files: [
          { path: "/www", content: tree("alias"), uid: 5, gid: 6 },
          { path: "/one.html", content: tree("html/latest"), ...ROOT },
          { path: "/all", content: tree("html-old"), mode: 0o750, ...ROOT },
        ],
      }),
    );
    expect(rig.summary(outputs, 0)).toEqual({
      // A mode is that of the files: a directory keeps its own.
      all: "755 0:0 /",
      "all/x": "750 0:0 old",
      "one.html": "644 0:0 hi",
      www: "755 5:6 /",
      "www/index.html": "644 5:6 hi",
      "www/latest": "777 5:6 -> index.html",
      "www/run": "755 5:6 #!",
    });
    const everything = rig.assemble(image({ files: [{ path: "/", content: tree(""), ...ROOT }] }));
    expect(Object.keys(rig.summary(everything, 0))).toContain("html-old/x");
  });

  it("names the path of a tree that is not there, and where its name occurs", () => {
    rig.addTree("source.k", [{ path: "test/html/index.html", type: "file" }]);
    const content = { type: "tree", node: "source.k", path: "images/html" } as const;
    const files = [{ path: "/html", content, ...ROOT }];
    expect(failureOf(() => rig.assemble(image({ files })))).toEqual({
      type: "missing-input",
      what: '"/html"',
      path: "images/html",
      candidates: ["test/html"],
    });
  });

  it("fails on a program for another machine and names it", () => {
    rig.addOutput("component.c", "prog", elfBytes({ machine: 62, flags: 0 }));
    const content = { type: "output", node: "component.c", output: "prog" } as const;
    const run = () => rig.assemble(image({ files: [{ path: "/bin/prog", content, ...ROOT }] }));
    expect(failureOf(run)).toEqual({
      type: "elf",
      file: "/bin/prog",
      expected: "MIPS N64 little endian (hardfloat)",
      actual: "x86-64",
    });
  });

  it("checks files of trees and of this machine as well", () => {
    const local = join(rig.directory, "prog");
    writeFileSync(local, elfBytes({ little: false }));
    rig.addTree("source.k", [
      { path: "lib/x.so", type: "file", content: elfBytes({ machine: 183 }) },
    ]);
    const big = image({
      files: [{ path: "/p", content: { type: "local", path: local }, mode: 0o755, ...ROOT }],
    });
    expect(failureOf(() => rig.assemble(big))).toMatchObject({
      file: "/p",
      actual: "MIPS N64 big endian",
    });
    const content = { type: "tree", node: "source.k", path: "" } as const;
    const foreign = image({ files: [{ path: "/usr", content, ...ROOT }] });
    expect(failureOf(() => rig.assemble(foreign))).toMatchObject({
      file: "/usr/lib/x.so",
      actual: "AArch64",
    });
  });

  it("takes what nobody may execute as data, whatever machine it is for", () => {
    rig.addTree("source.go", [
      { path: "race.syso", type: "file", content: elfBytes({ machine: 62, flags: 0 }) },
    ]);
    const content = { type: "tree", node: "source.go", path: "" } as const;
    expect(() =>
      rig.assemble(image({ files: [{ path: "/go/src", content, ...ROOT }] })),
    ).not.toThrow();
  });

  it("refuses one path for a file and a directory, and a file below a file", () => {
    const both = image({ files: [textFile("/a/b", "1"), textFile("/a", "2")] });
    expect(failureOf(() => rig.assemble(both))).toMatchObject({
      exit: '"/a" is both a directory and a file',
    });
    const below = image({ files: [textFile("/a", "2"), textFile("/a/b", "1")] });
    expect(failureOf(() => rig.assemble(below))).toMatchObject({
      exit: '"/a/b" lies below "/a", which is a file',
    });
  });

  it("names a file of this machine that is not there", () => {
    const path = join(rig.directory, "gone");
    const files = [{ path: "/x", content: { type: "local", path } as const, ...ROOT }];
    expect(failureOf(() => rig.assemble(image({ files })))).toMatchObject({
      type: "missing-input",
      path,
    });
    mkdirSync(path);
    expect(failureOf(() => rig.assemble(image({ files })))).toMatchObject({
      type: "missing-input",
      path,
    });
  });

  it("omits a layer that would be empty", () => {
    const outputs = rig.assemble(image({ config: { ...NO_CONFIG, cmd: ["/x"] } }));
    expect(outputs.map((output) => output.name)).toEqual(["manifest", "config"]);
    expect(rig.json(outputs, "config")).toMatchObject({
      rootfs: { type: "layers", diff_ids: [] },
      history: [],
    });
  });

  it("writes account files for the image's users", () => {
    const outputs = rig.assemble(
      image({ users: [{ name: "web", uid: 1000, gid: 1001, home: "/", shell: "/sbin/nologin" }] }),
    );
    expect(rig.summary(outputs, 0)).toEqual({
      etc: "755 0:0 /",
      "etc/group": "644 0:0 web:x:1001:\n",
      "etc/passwd": "644 0:0 web:x:1000:1001::/:/sbin/nologin\n",
    });
  });

  describe("over a base", () => {
    it("passes the base's layers through and adds one", () => {
      const base = rig.assemble(image({ files: [textFile("/base", "b")] }));
      const child = rig.assemble(
        image({ base: "image.base", files: [textFile("/child", "c")] }),
        base,
      );
      expect(child.find((output) => output.name === "layer/0")).toEqual(
        base.find((output) => output.name === "layer/0"),
      );
      expect(rig.summary(child, 1)).toEqual({ child: "644 0:0 c" });
      expect(rig.json(child, "config")).toMatchObject({
        rootfs: { diff_ids: [{}, {}].map((_, index) => child[2 + index]!.digest) },
        history: [{ created_by: "kmips" }, { created_by: "kmips" }],
      });
    });

    it("merges the config as docker does", () => {
      const base = rig.assemble(
        image({
          config: {
            entrypoint: ["/entry"],
            cmd: ["base-cmd"],
            env: { PATH: "/bin", KEEP: "1" },
            labels: { a: "base", b: "base" },
            ports: ["1/tcp"],
            volumes: ["/v"],
            workdir: "/w",
            user: "1",
            stopSignal: "SIGINT",
          },
        }),
      );
      const configOf = (config: Partial<ImageDefinition["config"]>) =>
        rig.json<{ config: object }>(
          rig.assemble(image({ config: { ...NO_CONFIG, ...config } }), base),
          "config",
        ).config;
      expect(configOf({})).toEqual(rig.json<{ config: object }>(base, "config").config);
      expect(
        configOf({ env: { NEW: "2", PATH: "/usr/bin" }, labels: { b: "child" }, ports: ["2/tcp"] }),
      ).toMatchObject({
        Env: ["PATH=/usr/bin", "KEEP=1", "NEW=2"],
        Labels: { a: "base", b: "child" },
        ExposedPorts: { "1/tcp": {}, "2/tcp": {} },
        Entrypoint: ["/entry"],
        Cmd: ["base-cmd"],
      });
      expect(configOf({ cmd: ["new"] })).toMatchObject({ Entrypoint: ["/entry"], Cmd: ["new"] });
      const reset = configOf({ entrypoint: ["/new"] });
      expect(reset).toMatchObject({ Entrypoint: ["/new"] });
      expect(reset).not.toHaveProperty("Cmd");
    });

    it("leaves directories of the base alone and writes through its links", () => {
      const base = rig.assemble(
        image({
          files: [{ path: "/lib", content: { type: "link", target: "usr/lib" }, ...ROOT }],
          directories: [
            { path: "/usr/lib", mode: 0o755, ...ROOT },
            { path: "/tmp", mode: 0o1777, ...ROOT },
          ],
        }),
      );
      rig.addTree("source.k", [{ path: "f", type: "file" }]);
      const child = rig.assemble(
        image({
          files: [
            textFile("/lib/x", "x"),
            textFile("/tmp/y", "y"),
            { path: "/lib", content: { type: "tree", node: "source.k", path: "" }, uid: 9, gid: 9 },
          ],
        }),
        base,
      );
      expect(rig.summary(child, 1)).toEqual({
        "tmp/y": "644 0:0 y",
        "usr/lib/f": "644 9:9 ",
        "usr/lib/x": "644 0:0 x",
      });
    });

    it("merges users into the base's account files, found through its layers", () => {
      const first = rig.assemble(
        image({
          files: [textFile("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:1:1::/:/x\n")],
        }),
      );
      const base = rig.assemble(image({ files: [textFile("/other", "")] }), first);
      const users = [
        { name: "web", uid: 1000, gid: 1000, home: "/", shell: "/y" },
        { name: "db", uid: 1001, gid: 1001, home: "/db", shell: "/y" },
      ];
      const child = rig.assemble(image({ users }), base);
      expect(rig.summary(child, 2)).toEqual({
        "etc/group": "644 0:0 web:x:1000:\ndb:x:1001:\n",
        "etc/passwd":
          "644 0:0 root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000::/:/y\ndb:x:1001:1001::/db:/y\n",
      });
    });

    it("refuses a base for another platform", () => {
      const base = rig.assemble(image({ platform: platformOf("arm64") }));
      expect(failureOf(() => rig.assemble(image(), base))).toMatchObject({
        exit: "the base is for linux/arm64/v8, the image for linux/mips64le",
      });
    });
  });
});

describe("assembleIndex()", () => {
  it("names each image's platform, in the order given", () => {
    const manifests = (["riscv64", "arm64", "mips64le"] as const).map(
      (arch) => rig.assemble(image({ platform: platformOf(arch) }))[0]!,
    );
    const { outputs } = assembleIndex(manifests, rig.store);
    expect(rig.json(outputs, "index")).toEqual({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [
        { architecture: "riscv64", os: "linux" },
        { architecture: "arm64", os: "linux", variant: "v8" },
        { architecture: "mips64le", os: "linux" },
      ].map((platform, index) => ({
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: manifests[index]!.digest,
        size: manifests[index]!.size,
        platform,
      })),
    });
  });
});
