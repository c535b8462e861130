import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DiskFileReader, ToolMissingError, Tools } from "../../src/host/index.js";
import { platformOf } from "../../src/model/platform.js";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kmips-tools-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function program(folder: string, name: string, mode = 0o755): string {
  mkdirSync(join(directory, folder), { recursive: true });
  const path = join(directory, folder, name);
  writeFileSync(path, "#!/bin/sh\n");
  chmodSync(path, mode);
  return path;
}

function search(dpkgStatus = join(directory, "status")): Tools {
  return new Tools({
    path: [join(directory, "a"), "relative", join(directory, "b")].join(":"),
    node: "/usr/bin/node",
    nodeArch: "x64",
    dpkgStatus,
  });
}

describe("Tools", () => {
  it("finds the first program on PATH and skips what cannot run", () => {
    program("a", "kmips-test-tool", 0o644);
    const path = program("b", "kmips-test-tool");
    expect(search().find("kmips-test-tool")).toEqual({
      name: "kmips-test-tool",
      path,
      package: undefined,
      version: undefined,
    });
  });

  it("names the Debian package of a tool and its installed version", () => {
    const path = program("a", "bwrap");
    writeFileSync(
      join(directory, "status"),
      [
        "Package: bubblewrap\nStatus: install ok installed\nVersion: 0.8.0-2\n",
        "Package: git\nStatus: deinstall ok config-files\nVersion: 1:2.39\n",
      ].join("\n"),
    );
    const tools = search();
    expect(tools.find("bwrap")).toMatchObject({ path, package: "bubblewrap", version: "0.8.0-2" });
    expect(tools.packageVersion("git")).toBeUndefined();
    expect(tools.installHint("flock")).toBe("apt-get install util-linux");
    expect(tools.installHint("mips64el-linux-gnuabi64-gcc")).toBe(
      "apt-get install gcc-mips64el-linux-gnuabi64",
    );
    expect(tools.installHint("x86_64-linux-gnu-gcc")).toBe("apt-get install gcc-x86-64-linux-gnu");
  });

  it("throws for a tool that is not there", () => {
    expect(() => search().require("kmips-no-such-tool")).toThrow(ToolMissingError);
  });

  it("needs an emulator for foreign platforms only", () => {
    const path = program("a", "qemu-mips64el-static");
    const tools = search();
    expect(tools.hostArch).toBe("amd64");
    expect(tools.emulatorFor(platformOf("amd64"))).toBeUndefined();
    expect(tools.emulatorFor(platformOf("mips64le"))).toEqual({
      name: "qemu-mips64el-static",
      path,
    });
  });
});

describe("DiskFileReader", () => {
  it("reads text and canonical paths, and nothing where nothing is", () => {
    const reader = new DiskFileReader();
    const path = join(directory, "file");
    writeFileSync(path, "text");
    expect(reader.readText(path)).toBe("text");
    expect(reader.realPath(join(directory, ".", "file"))).toBe(reader.realPath(path));
    expect(reader.readText(join(path, "below"))).toBeUndefined();
    expect(reader.realPath(join(directory, "absent"))).toBeUndefined();
    expect(() => reader.readText(directory)).toThrow();
  });
});
