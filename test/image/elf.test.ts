import { closeSync, openSync, readSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkElf, ELF_HEADER_BYTES, readElfHeader } from "../../src/image/elf.js";
import { ARCHES, elfRule, platformOf } from "../../src/model/platform.js";
import { elfBytes } from "./support/elf.js";

const mips64le = platformOf("mips64le");

describe("checkElf()", () => {
  it("accepts what Go and gcc write for mips64le", () => {
    expect(checkElf(elfBytes(), mips64le)).toEqual({ ok: true });
    expect(checkElf(elfBytes({ flags: 0x80000007, fpAbi: 1 }), mips64le)).toEqual({ ok: true });
  });

  it.each([
    ["MIPS N64 big endian", { little: false }],
    ["MIPS N32 little endian", { bits: 32, flags: 0x80000027 }],
    ["MIPS O32 little endian", { bits: 32, flags: 0x70001007 }],
    ["MIPS O32 big endian", { bits: 32, flags: 0x70001007, little: false }],
    ["MIPS 64 of a foreign ABI little endian", { flags: 0x80000027 }],
    ["MIPS N64 little endian (softfloat)", { fpAbi: 3 }],
    ["x86-64", { machine: 62, flags: 0 }],
    ["x86 (32-bit)", { bits: 32, machine: 3, flags: 0 }],
    ["AArch64", { machine: 183, flags: 0 }],
    ["ARM (32-bit)", { bits: 32, machine: 40, flags: 0x5000400 }],
    ["RISC-V 64", { machine: 243, flags: 4 }],
    ["s390x", { machine: 22, flags: 0, little: false }],
    ["PowerPC 64 little endian", { machine: 21, flags: 2 }],
    ["ELF machine 4711 (64-bit) little endian", { machine: 4711 }],
  ] as const)("refuses %s for mips64le and says what it is", (actual, shape) => {
    expect(checkElf(elfBytes(shape), mips64le)).toEqual({
      ok: false,
      expected: "MIPS N64 little endian (hardfloat)",
      actual,
    });
  });

  it("holds a soft-float platform to what the program says of itself", () => {
    const soft = platformOf("mips64le", { float: "softfloat" });
    expect(checkElf(elfBytes({ fpAbi: 3 }), soft).ok).toBe(true);
    expect(checkElf(elfBytes({ fpAbi: 1 }), soft).ok).toBe(false);
    expect(checkElf(elfBytes(), soft).ok).toBe(true);
  });

  it("refuses the other ABIs of RISC-V, LoongArch and PowerPC", () => {
    const soft = checkElf(elfBytes({ machine: 243, flags: 0 }), platformOf("riscv64"));
    expect(soft).toMatchObject({ ok: false, actual: "RISC-V 64 without the double-float ABI" });
    expect(checkElf(elfBytes({ machine: 258, flags: 0x41 }), platformOf("loong64")).ok).toBe(false);
    expect(checkElf(elfBytes({ machine: 21, flags: 1 }), platformOf("ppc64le"))).toMatchObject({
      actual: "PowerPC 64 little endian ELFv1",
    });
  });

  it("accepts the rule of each architecture for that architecture alone", () => {
    for (const made of ARCHES) {
      const { machine, littleEndian, flags } = elfRule(platformOf(made));
      const bytes = elfBytes({ machine, little: littleEndian, flags: flags.value });
      for (const wanted of ARCHES) {
        expect(checkElf(bytes, platformOf(wanted)).ok).toBe(made === wanted);
      }
    }
  });

  it("refuses every cut of a header without failing", () => {
    for (let length = 4; length < 64; length++) {
      const verdict = checkElf(elfBytes().subarray(0, length), mips64le);
      expect(verdict).toMatchObject({ ok: false, actual: "a broken ELF header" });
    }
  });
});

describe("readElfHeader()", () => {
  it("tells static, dynamic and loadable files and objects apart", () => {
    expect(readElfHeader(elfBytes())?.linkage).toBe("static");
    expect(readElfHeader(elfBytes({ type: 1 }))?.linkage).toBe("object");
    expect(readElfHeader(elfBytes({ type: 3 }))?.linkage).toBe("library");
    const dynamic = readElfHeader(elfBytes({ type: 3, interpreter: "/lib64/ld.so.1" }));
    expect(dynamic).toMatchObject({ linkage: "dynamic", interpreter: "/lib64/ld.so.1" });
  });

  it("reads 32-bit and big-endian headers", () => {
    const header = readElfHeader(
      elfBytes({ bits: 32, little: false, interpreter: "/lib/ld.so.1", flags: 0x1007 }),
    );
    expect(header).toMatchObject({
      bits: 32,
      littleEndian: false,
      machine: 8,
      flags: 0x1007,
      interpreter: "/lib/ld.so.1",
    });
  });

  it("survives program headers that lie", () => {
    const bytes = elfBytes({ interpreter: "/lib64/ld.so.1", fpAbi: 3 });
    bytes.writeBigUInt64LE(2n ** 62n, 32);
    expect(readElfHeader(bytes)?.interpreter).toBeUndefined();
    bytes.writeBigUInt64LE(64n, 32);
    bytes.writeUInt16LE(0xffff, 56);
    bytes.writeBigUInt64LE(2n ** 62n, 64 + 8);
    expect(readElfHeader(bytes)?.interpreter).toBeUndefined();
  });

  it("is undefined for anything else", () => {
    expect(readElfHeader(Buffer.from("#!/bin/sh\n"))).toBeUndefined();
    expect(readElfHeader(Buffer.alloc(0))).toBeUndefined();
  });

  it("reads a program of this machine", () => {
    const bytes = Buffer.alloc(ELF_HEADER_BYTES);
    const fd = openSync(process.execPath, "r");
    readSync(fd, bytes, 0, bytes.length, 0);
    closeSync(fd);
    const header = readElfHeader(bytes);
    expect(header).toMatchObject({ bits: 64, linkage: "dynamic" });
    expect(header?.interpreter).toMatch(/^\/lib/);
  });
});
