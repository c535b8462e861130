/**
 * The proof that programs of a platform run here: one is compiled and started, by path through the
 * emulator as tests do it, and by the kernel where it has a handler.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binfmtState, type Tools } from "../host/index.js";
import {
  elfRule,
  goEnvironment,
  platformName,
  platformSpellings,
  type Platform,
} from "../model/platform.js";
import type { Check } from "./check.js";
import type { Environment } from "./workspace.js";

/** Prints the size of a pointer and the first byte of a 16-bit 1: no other machine prints the same. */
const C_PROGRAM = `#include <stdio.h>
int main(void) {
  unsigned short one = 1;
  printf("%d %d\\n", (int)sizeof(void *), *(unsigned char *)&one);
  return 0;
}
`;
const GO_PROGRAM = `package main

import (
	"fmt"
	"unsafe"
)

func main() {
	one := uint16(1)
	fmt.Println(unsafe.Sizeof(uintptr(0)), *(*byte)(unsafe.Pointer(&one)))
}
`;
/** Go compiles its library first when it never did for the platform. */
const COMPILE_TIMEOUT_MS = 300_000;
const RUN_TIMEOUT_MS = 30_000;

/** Compiles the program and runs it. Nothing of it stays. */
export async function runLiveProgram(
  platform: Platform,
  host: { readonly tools: Tools; readonly environment: Environment },
): Promise<Check> {
  const { tools, environment } = host;
  const name = `program for ${platformName(platform)}`;
  const { qemu, gnu } = platformSpellings(platform);
  const emulator = tools.find(qemu);
  if (emulator === undefined)
    return { name, ok: false, detail: "not run: no emulator", fix: tools.installHint(qemu) };
  const directory = mkdtempSync(join(tmpdir(), "kmips-doctor-"));
  try {
    const program = join(directory, "program");
    const compiler = compilerFor(platform, tools, directory);
    if (compiler === undefined) {
      const fix = tools.installHint(`${gnu}-gcc`);
      return { name, ok: false, detail: "not run: neither a cross compiler nor Go", fix };
    }
    const compiled = await environment.processes.run({
      argv: [...compiler.argv, program, compiler.source],
      cwd: directory,
      env: { ...environment.variables, ...compiler.env },
      timeoutMs: COMPILE_TIMEOUT_MS,
    });
    if (compiled.code !== 0) {
      const [line = ""] = compiled.stderr.trim().split("\n").slice(-1);
      return { name, ok: false, detail: `not compiled: ${line}`, fix: compiler.fix };
    }
    const ways = [[emulator.path, program], ...(binfmtState(platform).usable ? [[program]] : [])];
    for (const argv of ways) {
      const { code, stdout, stderr, killedBy } = await environment.processes.run({
        argv,
        env: {},
        timeoutMs: RUN_TIMEOUT_MS,
      });
      const wanted = `8 ${elfRule(platform).littleEndian ? 1 : 0}`;
      if (code !== 0 || stdout.trim() !== wanted) {
        const said = `${stdout} ${stderr}`.trim() || (killedBy ?? `exit ${String(code)}`);
        const fix = `apt-get install --reinstall ${emulator.package ?? "qemu-user-static"}`;
        return { name, ok: false, detail: `expected "${wanted}", got: ${said}`, fix };
      }
    }
    const how = ways.length > 1 ? "by path and by the kernel" : "by path";
    return { name, ok: true, detail: `compiled by ${compiler.name}, ran ${how}` };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Compiler {
  readonly name: string;
  /** Up to the option that names the output. */
  readonly argv: readonly string[];
  readonly source: string;
  readonly env: Readonly<Record<string, string>>;
  readonly fix: string;
}

/** Debian's cross compiler, which is quick, or Go, which can do it for every platform. */
function compilerFor(platform: Platform, tools: Tools, directory: string): Compiler | undefined {
  const { gnu } = platformSpellings(platform);
  const gcc = tools.find(`${gnu}-gcc`);
  const library = `libc6-dev-${platformSpellings(platform).debian}-cross`;
  if (gcc !== undefined && tools.packageVersion(library) !== undefined) {
    const source = join(directory, "program.c");
    writeFileSync(source, C_PROGRAM);
    const argv = [gcc.path, "-static", "-o"];
    const fix = `apt-get install --reinstall ${gcc.package ?? ""} ${library}`;
    return { name: gcc.name, argv, source, env: {}, fix };
  }
  const go = tools.find("go");
  if (go === undefined) return undefined;
  const source = join(directory, "program.go");
  writeFileSync(source, GO_PROGRAM);
  const env = { ...goEnvironment(platform), CGO_ENABLED: "0", GOFLAGS: "", GO111MODULE: "off" };
  const fix = tools.installHint(`${gnu}-gcc`);
  return { name: "go", argv: [go.path, "build", "-o"], source, env, fix };
}
