import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkInstalled, dpkgFailure, refuseCrash } from "../../src/execute/debian-root.js";
import { NodeFailure } from "../../src/model/failure.js";
import type { ProcessResult } from "../../src/model/ports.js";

const result = (stdout: string, stderr = "", code = 100): ProcessResult => ({
  ...{ code, killedBy: undefined, timedOut: false, stdout, stderr, elapsedMs: 1 },
});

describe("what a failed dpkg means", () => {
  const log = [
    ...Array.from({ length: 30 }, (_, n) => `Unpacking number ${n} ...`),
    "Setting up x (1.0) ...",
    "chown: invalid user: 'nobody-knows'",
    "dpkg: error processing package x (--configure):",
    " installed x package post-installation script subprocess returned error exit status 1",
    "Errors were encountered while processing:",
    " x",
    ...Array.from({ length: 30 }, () => "noise"),
  ].join("\n");

  it("shows what the script said, and the package", () => {
    const failure = dpkgFailure("adding packages", result(log), true, "try this");
    expect(failure.help).toBe("try this");
    expect(failure.reason).toMatchObject({ type: "command", exit: "exit 100" });
    const { excerpt } = failure.reason as { excerpt: string };
    expect(excerpt).toContain("invalid user: 'nobody-knows'");
    expect(excerpt).toContain("package x (--configure)");
    expect(excerpt.split("\n").length).toBeLessThan(15);
  });

  it("shows the end of an output in which nothing looks like a fault", () => {
    const { reason } = dpkgFailure("adding packages", result("one\ntwo\n"), true);
    expect(reason).toMatchObject({ type: "command", excerpt: "one\ntwo" });
  });

  const crash = "qemu: uncaught target signal 11 (Segmentation fault) - core dumped";

  it("tells a dead emulator by its words and by the exit status of a script", () => {
    const said = dpkgFailure("adding packages", result(log, crash), true);
    expect(said.reason).toMatchObject({ type: "emulator-crash", signal: "Segmentation fault" });
    const silent = log.replace("exit status 1", "exit status 139");
    const { reason } = dpkgFailure("adding packages", result(silent), true);
    expect(reason).toMatchObject({ type: "emulator-crash", signal: "SIGSEGV" });
    // Where no emulator was, none has died.
    expect(dpkgFailure("adding packages", result(silent), false).reason.type).toBe("command");
  });

  it("refuses a success in which an emulator died", () => {
    const log = `Setting up x ...\n${crash}\nSetting up y ...\n`;
    expect(() => refuseCrash("adding packages", result(log, "", 0))).toThrowError(NodeFailure);
    expect(() => refuseCrash("adding packages", result("Setting up x ...\n", "", 0))).not.toThrow();
  });
});

describe("what is installed", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "kmips-dpkg-"));
    mkdirSync(join(root, "var/lib/dpkg"), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const stanza = (name: string, version = "1"): Parameters<typeof checkInstalled>[1][number] => ({
    ...{ name, version, architecture: "all", path: "x", sha256: "", size: 1, text: "" },
  });
  const status = (...rows: [name: string, version: string, state: string][]): void => {
    const paragraphs = rows.map(
      ([name, version, state]) =>
        `Package: ${name}\nStatus: install ok ${state}\nArchitecture: all\nVersion: ${version}\n`,
    );
    writeFileSync(join(root, "var/lib/dpkg/status"), paragraphs.join("\n"));
  };

  it("is what was chosen", () => {
    status(["a", "1", "installed"], ["b", "1", "config-files"]);
    expect(() => checkInstalled(root, [stanza("a")], true)).not.toThrow();
  });

  it.each([
    ["a package in another version", ["a", "2", "installed"], /a 1 all is absent/],
    ["a package half configured", ["a", "1", "half-configured"], /a 1 all is not configured/],
    ["a package too many", ["c", "1", "installed"], /c 1 all is too many/],
  ] as const)("is not: %s", (_, row, message) => {
    status([...row]);
    expect(() => checkInstalled(root, [stanza("a")], true)).toThrowError(message);
  });
});
