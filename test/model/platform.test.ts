import { describe, expect, it } from "vitest";
import {
  ARCHES,
  archByAlias,
  elfRule,
  goEnvironment,
  hasFloatOption,
  platformName,
  platformOf,
  platformSpellings,
  variantsOf,
} from "../../src/model/platform.js";

describe("platformOf()", () => {
  it("spells the defaults out, so that equal platforms are equal values", () => {
    expect(platformOf("mips64le")).toEqual({ os: "linux", arch: "mips64le", float: "hardfloat" });
    expect(platformOf("mips64le")).toEqual(platformOf("mips64le", { float: "hardfloat" }));
    expect(platformOf("arm64")).toEqual({ os: "linux", arch: "arm64", variant: "v8" });
    expect(platformOf("riscv64")).toEqual({ os: "linux", arch: "riscv64" });
  });

  it("refuses options that the architecture does not have", () => {
    expect(() => platformOf("riscv64", { float: "softfloat" })).toThrow(/floating-point/);
    expect(() => platformOf("mips64le", { variant: "v8" })).toThrow(/variant/);
    expect(hasFloatOption("mips64")).toBe(true);
    expect(hasFloatOption("amd64")).toBe(false);
    expect(variantsOf("arm64")[0]).toBe("v8");
  });
});

describe("archByAlias()", () => {
  it.each([
    ["mips64le", "mips64le"],
    ["mips64el", "mips64le"],
    ["linux/mips64le", "mips64le"],
    ["mips64el-linux-gnuabi64", "mips64le"],
    ["qemu-mips64el-static", "mips64le"],
    ["mips64", "mips64"],
    ["aarch64", "arm64"],
    ["linux/arm64/v8", "arm64"],
    ["x86_64", "amd64"],
    ["loongarch64", "loong64"],
    ["ppc64el", "ppc64le"],
    ["powerpc64le-linux-gnu", "ppc64le"],
  ] as const)("reads %s as %s", (alias, arch) => {
    expect(archByAlias(alias)).toBe(arch);
  });

  it.each(["", "mips", "linux/", "windows/amd64", "constructor", "i386"])(
    "knows no %j",
    (alias) => {
      expect(archByAlias(alias)).toBeUndefined();
    },
  );

  it("takes every spelling of every architecture back to it, except the ambiguous uname of MIPS", () => {
    for (const arch of ARCHES) {
      const { uname, ...unique } = platformSpellings(platformOf(arch));
      for (const word of Object.values(unique)) expect(archByAlias(word)).toBe(arch);
      if (arch !== "mips64le") expect(archByAlias(uname)).toBe(arch);
    }
  });
});

describe("platformSpellings()", () => {
  it("gives the names the other tools use", () => {
    expect(platformSpellings(platformOf("mips64le"))).toEqual({
      go: "mips64le",
      oci: "mips64le",
      debian: "mips64el",
      gnu: "mips64el-linux-gnuabi64",
      uname: "mips64",
      qemu: "qemu-mips64el-static",
    });
  });
});

describe("platformName()", () => {
  it("leaves the default variant out", () => {
    expect(platformName(platformOf("mips64le", { float: "softfloat" }))).toBe("linux/mips64le");
    expect(platformName(platformOf("arm64"))).toBe("linux/arm64");
    expect(platformName(platformOf("arm64", { variant: "v9" }))).toBe("linux/arm64/v9");
  });
});

describe("goEnvironment()", () => {
  it("pins the floating-point form of MIPS", () => {
    expect(goEnvironment(platformOf("mips64le"))).toEqual({
      GOOS: "linux",
      GOARCH: "mips64le",
      GOMIPS64: "hardfloat",
    });
    expect(goEnvironment(platformOf("mips64", { float: "softfloat" }))["GOMIPS64"]).toBe(
      "softfloat",
    );
  });

  it("pins the levels of the others that have some", () => {
    expect(goEnvironment(platformOf("riscv64"))).toEqual({ GOOS: "linux", GOARCH: "riscv64" });
    expect(goEnvironment(platformOf("arm64"))["GOARM64"]).toBe("v8.0");
    expect(goEnvironment(platformOf("amd64"))["GOAMD64"]).toBe("v1");
  });
});

describe("elfRule()", () => {
  it("tells every pair of architectures apart", () => {
    const marks = ARCHES.map((arch) => {
      const rule = elfRule(platformOf(arch));
      return `${rule.machine} ${rule.littleEndian}`;
    });
    expect(new Set(marks).size).toBe(ARCHES.length);
  });
});
