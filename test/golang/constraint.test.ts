import { describe, expect, it } from "vitest";
import { headFits, nameFits, type GoPlatform } from "../../src/golang/constraint.js";

const RISCV: GoPlatform = { os: "linux", arch: "riscv64", tags: [] };
const MIPS: GoPlatform = { os: "linux", arch: "mips64le", tags: ["netgo"] };

describe("names of Go files", () => {
  it.each([
    ["db.go", true],
    ["syscall_linux.go", true],
    ["syscall_linux_riscv64.go", true],
    ["asm_linux_riscv64.s", true],
    ["syscall_linux_mips64x.go", true],
    ["bolt_mips64le.go", false],
    ["syscall_freebsd_riscv64.go", false],
    ["zsyscall_windows.go", false],
    ["db_test.go", false],
    ["_hidden.go", false],
    [".hidden.go", false],
    // Only what follows an underscore is a word.
    ["windows.go", true],
    ["riscv64.go", true],
    ["linux_riscv64.go", true],
    ["my_mips64.go", false],
    // The go tool looks at no more than what stands before the first dot.
    ["api_windows.pb.go", false],
    ["api.pb_windows.go", true],
  ])("%s: %s on riscv64", (name, expected) => {
    expect(nameFits(name, RISCV)).toBe(expected);
  });
});

describe("build constraints", () => {
  it.each([
    ["//go:build linux && !cgo", true, true],
    ["//go:build mips64 || mips64le", false, true],
    ["//go:build !(mips64 || mips64le)", true, false],
    ["//go:build netgo", false, true],
    ["//go:build unix && go1.18", true, true],
    ["//go:build ignore", false, false],
    ["// +build mips64 mips64le", false, true],
    ["// +build linux,!mips64le", true, false],
    ["// +build riscv64\n// +build !gccgo", true, false],
    // The newer form counts when both are there.
    ["//go:build riscv64\n// +build mips64le", true, false],
    ["/* //go:build ignore */", true, true],
    // This began a comment that went on to the next one's end, and took the constraint with it.
    ["// see pkg/*.go\n//go:build riscv64\n/* more */", true, false],
    ["", true, true],
  ])("%j", (head, riscv, mips) => {
    const text = `// Copyright\n\n${head}\n\npackage x\n\n//go:build ignore\n`;
    expect([headFits(text, RISCV), headFits(text, MIPS)]).toEqual([riscv, mips]);
  });
});
