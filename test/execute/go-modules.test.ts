import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { joinLdflags } from "../../src/execute/actions/go.js";
import { downloadFailure } from "../../src/execute/go-client.js";
import { goModEditArguments } from "../../src/execute/go-mod-edit.js";
import {
  escapeModule,
  hashGoMod,
  hashModuleDirectory,
  hashModuleZip,
} from "../../src/execute/module-hash.js";
import { ModuleZipError } from "../../src/execute/module-zip.js";
import { NodeFailure } from "../../src/model/failure.js";

/** A zip of deflated entries without checksums: the hash does not look at them. */
function zipOf(files: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const packed = deflateRawSync(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(8, 10);
    central.writeUInt32LE(packed.length, 20);
    central.writeUInt32LE(text.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(offset, 42);
    parts.push(local, Buffer.from(name), packed);
    directory.push(central, Buffer.from(name));
    offset += 30 + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

describe("module hashes", () => {
  const files = { "m.x/a@v1.0.0/go.mod": "module m.x/a\n", "m.x/a@v1.0.0/sub/a.go": "package a\n" };

  it("agree between a zip, in any order, and its directory", () => {
    const directory = mkdtempSync(join(tmpdir(), "kmips-h1-"));
    mkdirSync(join(directory, "sub"));
    writeFileSync(join(directory, "go.mod"), "module m.x/a\n");
    writeFileSync(join(directory, "sub", "a.go"), "package a\n");
    const expected = hashModuleDirectory(directory, "m.x/a", "v1.0.0");
    rmSync(directory, { recursive: true });
    expect(hashModuleZip(zipOf(files))).toBe(expected);
    expect(hashModuleZip(zipOf(Object.fromEntries(Object.entries(files).reverse())))).toBe(
      expected,
    );
  });

  it("are those that go.sum has", () => {
    // github.com/pkg/errors v0.9.1 has an empty go.mod but for its name.
    expect(hashGoMod(Buffer.from("module github.com/pkg/errors\n"))).toBe(
      "h1:bwawxfHBFNV+L2hUp1rHADufV3IMtnDRdf1r5NINEl0=",
    );
  });

  it("are refused for what is no zip", () => {
    const zip = zipOf(files);
    for (const broken of [
      Buffer.alloc(0),
      zip.subarray(0, zip.length - 60),
      Buffer.from(zip).fill(0xff, 50, 56),
    ]) {
      expect(() => hashModuleZip(broken)).toThrow(ModuleZipError);
    }
  });

  it("escape capitals", () => {
    expect(escapeModule("github.com/Azure/go-autorest")).toBe("github.com/!azure/go-autorest");
  });
});

describe("goModEditArguments()", () => {
  it("drops rows first and adds sorted ones", () => {
    const file = {
      Require: [{ Path: "k8s.io/node-api", Version: "v0.0.0" }],
      Replace: [
        { Old: { Path: "k8s.io/api" } },
        { Old: { Path: "k8s.io/node-api", Version: "v0.0.0" } },
        { Old: { Path: "kept.x/y" } },
        { Old: { Path: "github.com/coreos/bbolt" } },
      ],
    };
    const edits = {
      go: "1.13",
      drop: ["k8s.io/node-api"],
      require: { "z.x/z": "v2.0.0", "a.x/a": "v1.0.0" },
      replace: { "k8s.io/api": { path: "k8s.io/api", version: "v0.16.2" } },
    };
    const patched = [{ path: "github.com/coreos/bbolt", tree: "component.etcd/module/patched" }];
    expect(goModEditArguments(file, edits, patched, "/patched")).toEqual([
      "-go=1.13",
      "-droprequire=k8s.io/node-api",
      "-dropreplace=k8s.io/api",
      "-dropreplace=k8s.io/node-api@v0.0.0",
      "-dropreplace=github.com/coreos/bbolt",
      "-require=a.x/a@v1.0.0",
      "-require=z.x/z@v2.0.0",
      "-replace=k8s.io/api=k8s.io/api@v0.16.2",
      "-replace=github.com/coreos/bbolt=/patched/github.com/coreos/bbolt",
    ]);
  });
});

describe("joinLdflags()", () => {
  it("quotes words as the go tool splits them", () => {
    expect(joinLdflags(["-s", "-X", "a.b=c d", "it's"])).toBe(`-s -X 'a.b=c d' "it's"`);
    expect(() => joinLdflags([`'"`])).toThrow(NodeFailure);
  });
});

describe("downloadFailure()", () => {
  const reason = (said: string, offline = false) => downloadFailure("m", said, offline)?.reason;

  it("keeps the proxy's words when a module is not served", () => {
    const said =
      "m@v1: reading URL: 403 Forbidden\n\tserver response: This module version is not available.";
    expect(reason(said)).toEqual({ type: "network", what: "m: not served", excerpt: said });
  });

  it("tells checksums, networks and offline misses apart", () => {
    const mismatch =
      "verifying m@v1: checksum mismatch\n\tdownloaded: h1:aaa=\n\tgo.sum:     h1:bbb=\n";
    expect(reason(mismatch)).toMatchObject({
      type: "checksum",
      expected: "h1:bbb=",
      actual: "h1:aaa=",
    });
    expect(reason("dial tcp: lookup proxy: no such host")).toMatchObject({ type: "network" });
    expect(reason("m: module lookup disabled by GOPROXY=off", true)).toMatchObject({
      excerpt: expect.stringContaining("--offline") as string,
    });
    expect(reason("a.go:1:1: expected 'package'")).toBeUndefined();
  });
});
