/** `kmips doctor`: what this machine needs for a project, and one fixing command per gap. */
import { statfsSync } from "node:fs";
import { compilerPrograms, type Tools } from "../host/index.js";
import type { BuildGraph } from "../model/graph.js";
import { platformName, platformSpellings, type Platform } from "../model/platform.js";

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** Debian package that fixes it. */
  readonly package?: string;
  /** The command or act that fixes it. */
  readonly fix?: string;
}

/** Free bytes below which a build is likely to fail. */
const WANTED_FREE_BYTES = 4 * 1024 ** 3;

/** Checks the tools that the graph needs, and the disk of the store. Starts no process. */
export function diagnose(graph: BuildGraph, tools: Tools, storeParent: string): Check[] {
  const checks: Check[] = ["bwrap", "flock", "patch", "xz"].map((name) => checkTool(tools, name));
  const definitions = [...graph.nodes.values()].map((node) => node.definition);
  const usesGo = definitions.some((d) => d.kind === "toolchain" && d.type === "go");
  if (usesGo) checks.push(checkTool(tools, "go"));
  if (definitions.some((d) => d.kind === "source" && d.origin.type === "git"))
    checks.push(checkTool(tools, "git"));
  for (const definition of definitions) {
    if (definition.kind === "toolchain" && definition.type === "cc") {
      checks.push(checkCompiler(tools, definition.triplet, definition.packages));
    }
  }
  const tested = new Map<string, Platform>();
  for (const definition of definitions) {
    if (definition.kind === "test")
      tested.set(platformName(definition.platform), definition.platform);
  }
  for (const [name, platform] of tested) {
    if (platform.arch === tools.hostArch) continue;
    const check = checkTool(tools, platformSpellings(platform).qemu);
    checks.push({ ...check, name: `emulator for ${name}` });
  }
  checks.push(checkDisk(storeParent));
  return [...new Map(checks.map((check) => [check.name, check])).values()];
}

function checkTool(tools: Tools, name: string): Check {
  const tool = tools.find(name);
  if (tool !== undefined) {
    return {
      name,
      ok: true,
      detail: `${tool.path}${tool.version === undefined ? "" : ` (${tool.version})`}`,
    };
  }
  const fix = tools.installHint(name);
  return { name, ok: false, detail: "not installed", fix, package: fix.split(" ").at(-1) ?? name };
}

function checkCompiler(tools: Tools, triplet: string, packages: readonly string[]): Check {
  const name = `C compiler for ${triplet}`;
  const missing = packages.filter((candidate) => tools.packageVersion(candidate) === undefined);
  if (missing.length === 0 && compilerPrograms(triplet).length > 0) {
    return {
      name,
      ok: true,
      detail: packages.map((p) => `${p} ${tools.packageVersion(p) ?? ""}`).join(", "),
    };
  }
  return {
    name,
    ok: false,
    detail: `not installed: ${missing.join(" ")}`,
    fix: `apt-get install ${missing.join(" ")}`,
    package: missing.join(" "),
  };
}

function checkDisk(path: string): Check {
  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  const ok = free >= WANTED_FREE_BYTES;
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
  return ok
    ? { name: "disk", ok, detail }
    : {
        name: "disk",
        ok,
        detail,
        fix: "kmips gc --plan shows what can go; --store names another disk",
      };
}
