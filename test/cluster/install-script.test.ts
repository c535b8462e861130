import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { installScript } from "../../src/cluster/index.js";
import { platformOf } from "../../src/model/platform.js";

let root: string;
let bundle: string;
/** A bundle in a directory with a space, and a containerd that has every image. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "kmips-install-"));
  bundle = join(root, "a bundle");
  const programs = join(bundle, "files/release/v1.16.2/bin/linux/mips64le");
  mkdirSync(programs, { recursive: true });
  mkdirSync(join(root, "bin"));
  writeFileSync(join(programs, "kubelet"), "program");
  writeFileSync(join(bundle, "images.tar"), "images");
  writeFileSync(join(bundle, "images.txt"), "k8s.gcr.io/pause:3.1\n");
  const sums = execFileSync("sha256sum", ["images.tar"], { cwd: bundle });
  writeFileSync(join(bundle, "SHA256SUMS"), sums);
  writeFileSync(join(bundle, "install.sh"), installScript(platformOf("mips64le"), 24));
  const ctr = '#!/bin/sh\ncase "$*" in *"images ls -q") echo k8s.gcr.io/pause:3.1 ;; esac\n';
  writeFileSync(join(root, "bin/ctr"), ctr, { mode: 0o755 });
});
afterEach(() => rmSync(root, { recursive: true }));

function install(
  args: readonly string[],
  more: Record<string, string> = {},
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync("sh", ["a bundle/install.sh", ...args], {
    cwd: root,
    env: { PATH: `${join(root, "bin")}:${env["PATH"]}`, ...more },
    encoding: "utf8",
  });
}

describe("install.sh", () => {
  it("loads and pins with the engine that was named", () => {
    const { status, stdout, stderr } = install(["--engine", "ctr"]);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("+ ctr --namespace k8s.io images label k8s.gcr.io/pause:3.1");
    expect(stdout).toContain("loaded 1 names of images into ctr");
  });

  // Two names of the list in one word were an engine that loads nothing, and it said that all was loaded.
  it.each(["ctr nerdctl", "cri-o", "*"])("knows no engine %j", (engine) => {
    const { status, stderr } = install(["--engine", engine]);
    expect(status).toBe(1);
    expect(stderr).toContain(
      `there is no engine "${engine}": name one of ctr nerdctl podman docker`,
    );
  });

  // They went below the bundle.
  it("puts programs in the directory that is meant from where the user is", () => {
    expect(install(["--programs", "to here"]).status).toBe(0);
    expect(existsSync(join(root, "to here/kubelet"))).toBe(true);
    expect(install(["--programs", "/usr/bin"], { DESTDIR: "below" }).status).toBe(0);
    expect(existsSync(join(root, "below/usr/bin/kubelet"))).toBe(true);
  });

  it("touches nothing when a file is not that of the sums", () => {
    writeFileSync(join(bundle, "images.tar"), "damaged");
    const { status, stdout, stderr } = install(["--engine", "ctr"]);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("images.tar: FAILED");
  });
});
