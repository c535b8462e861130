/**
 * The platforms kmips builds for, and the only conversions between the spellings of an
 * architecture: Go and OCI (`mips64le`), Debian (`mips64el`), GNU triplets, QEMU, ELF.
 */
import { invariant } from "./invariant.js";

export type Arch =
  "mips64le" | "mips64" | "riscv64" | "loong64" | "arm64" | "ppc64le" | "s390x" | "amd64";

/** What a node is built for. Serialisable; part of keys. */
export interface Platform {
  readonly os: "linux";
  /** Go's and OCI's spelling. */
  readonly arch: Arch;
  /** OCI variant (`v8` for arm64), when the platform has one. */
  readonly variant?: string;
  /** `GOMIPS64`: mips64 and mips64le only. */
  readonly float?: "hardfloat" | "softfloat";
}

/** The names other programs give a platform. */
export interface PlatformSpellings {
  /** `GOARCH`. */
  readonly go: string;
  /** `architecture` of an OCI config; always Go's word. */
  readonly oci: string;
  /** `dpkg --print-architecture`. */
  readonly debian: string;
  /** GNU triplet, the prefix of the cross tools: `mips64el-linux-gnuabi64`. */
  readonly gnu: string;
  /** `uname -m`, which does not tell the byte order of MIPS. */
  readonly uname: string;
  /** File name of the static QEMU user emulator: `qemu-mips64el-static`. */
  readonly qemu: string;
}

/** What the ELF header of every program of an architecture must say. All of them are 64-bit. */
export interface ElfRule {
  /** `e_machine`. */
  readonly machine: number;
  readonly littleEndian: boolean;
  /** `e_flags` must equal `value` where `mask` is set. */
  readonly flags: { readonly mask: number; readonly value: number };
}

interface ArchRow {
  readonly debian: string;
  readonly gnu: string;
  readonly uname: string;
  readonly qemu: string;
  /** The first release of Go with the port. */
  readonly goSince: string;
  /** Further spellings that people type. */
  readonly aliases: readonly string[];
  /** OCI variants; the first one stands when none is named. */
  readonly variants: readonly string[];
  readonly floats: boolean;
  readonly elf: ElfRule;
}

const ANY_FLAGS = { mask: 0, value: 0 };
/** EF_MIPS_ABI2 is N32's mark, the bits of EF_MIPS_ABI name O32, O64 and EABI; N64 has neither. */
const N64_FLAGS = { mask: 0x0000f020, value: 0 };

const TABLE: Readonly<Record<Arch, ArchRow>> = {
  mips64le: {
    debian: "mips64el",
    gnu: "mips64el-linux-gnuabi64",
    uname: "mips64",
    qemu: "mips64el",
    goSince: "1.6",
    aliases: ["mipsel64"],
    variants: [],
    floats: true,
    elf: { machine: 8, littleEndian: true, flags: N64_FLAGS },
  },
  mips64: {
    debian: "mips64",
    gnu: "mips64-linux-gnuabi64",
    uname: "mips64",
    qemu: "mips64",
    goSince: "1.6",
    aliases: ["mips64be", "mips64eb"],
    variants: [],
    floats: true,
    elf: { machine: 8, littleEndian: false, flags: N64_FLAGS },
  },
  riscv64: {
    debian: "riscv64",
    gnu: "riscv64-linux-gnu",
    uname: "riscv64",
    qemu: "riscv64",
    goSince: "1.14",
    aliases: ["riscv64gc"],
    variants: [],
    floats: false,
    // Double-precision floating-point ABI (lp64d): Go's and Debian's.
    elf: { machine: 243, littleEndian: true, flags: { mask: 0x6, value: 0x4 } },
  },
  loong64: {
    debian: "loong64",
    gnu: "loongarch64-linux-gnu",
    uname: "loongarch64",
    qemu: "loongarch64",
    goSince: "1.19",
    aliases: [],
    variants: [],
    floats: false,
    // EF_LOONGARCH_ABI_DOUBLE_FLOAT.
    elf: { machine: 258, littleEndian: true, flags: { mask: 0x7, value: 0x3 } },
  },
  arm64: {
    debian: "arm64",
    gnu: "aarch64-linux-gnu",
    uname: "aarch64",
    qemu: "aarch64",
    goSince: "1.5",
    aliases: ["armv8", "armv8l"],
    variants: ["v8", "v9"],
    floats: false,
    elf: { machine: 183, littleEndian: true, flags: ANY_FLAGS },
  },
  ppc64le: {
    debian: "ppc64el",
    gnu: "powerpc64le-linux-gnu",
    uname: "ppc64le",
    qemu: "ppc64le",
    goSince: "1.5",
    aliases: ["powerpc64le"],
    variants: [],
    floats: false,
    // ABI version: 2 (ELFv2), or 0 where nothing depends on it, as in Go's static programs.
    elf: { machine: 21, littleEndian: true, flags: { mask: 0x1, value: 0 } },
  },
  s390x: {
    debian: "s390x",
    gnu: "s390x-linux-gnu",
    uname: "s390x",
    qemu: "s390x",
    goSince: "1.7",
    aliases: [],
    variants: [],
    floats: false,
    elf: { machine: 22, littleEndian: false, flags: ANY_FLAGS },
  },
  amd64: {
    debian: "amd64",
    gnu: "x86_64-linux-gnu",
    uname: "x86_64",
    qemu: "x86_64",
    goSince: "1.0",
    aliases: ["x86-64", "x64"],
    variants: [],
    floats: false,
    elf: { machine: 62, littleEndian: true, flags: ANY_FLAGS },
  },
};

/** Every architecture, the one kmips is named after first. */
export const ARCHES: readonly Arch[] = Object.keys(TABLE) as Arch[];

/** Whether `text` is Go's and OCI's spelling of a known architecture. */
export function isArch(text: string): text is Arch {
  return Object.hasOwn(TABLE, text);
}

/** The OCI variants an architecture may name; empty when it has none. The first is the default. */
export function variantsOf(arch: Arch): readonly string[] {
  return TABLE[arch].variants;
}

/** Whether programs of the architecture come in hard-float and soft-float form. */
export function hasFloatOption(arch: Arch): boolean {
  return TABLE[arch].floats;
}

/**
 * The platform of an architecture, with its defaults spelled out, so that equal platforms are
 * equal values. `float` and `variant` must fit the architecture (`hasFloatOption`, `variantsOf`).
 */
export function platformOf(
  arch: Arch,
  options: { readonly float?: Platform["float"]; readonly variant?: string } = {},
): Platform {
  const row = TABLE[arch];
  invariant(
    options.float === undefined || row.floats,
    `${arch} has no floating-point option: ${options.float}`,
  );
  invariant(
    options.variant === undefined || row.variants.includes(options.variant),
    `${arch} has no variant ${options.variant}`,
  );
  const variant = options.variant ?? row.variants[0];
  return {
    os: "linux",
    arch,
    ...(variant === undefined ? {} : { variant }),
    ...(row.floats ? { float: options.float ?? "hardfloat" } : {}),
  };
}

/**
 * The architecture behind any usual spelling: Go, OCI (`linux/mips64le`, with or without a
 * variant), Debian, GNU triplet, `uname -m`, QEMU. `mips64` is Go's big-endian architecture,
 * although a little-endian kernel answers the same word. Undefined when nothing fits.
 */
export function archByAlias(alias: string): Arch | undefined {
  let word = alias.toLowerCase();
  if (word.startsWith("linux/")) word = word.slice(6).split("/", 1)[0]!;
  if (isArch(word)) return word;
  return ARCHES.find((arch) => {
    const row = TABLE[arch];
    return (
      word === row.debian ||
      word === row.gnu ||
      word === row.uname ||
      word === row.qemu ||
      word === `qemu-${row.qemu}` ||
      word === `qemu-${row.qemu}-static` ||
      row.aliases.includes(word)
    );
  });
}

/** The first release of Go that builds for an architecture, e.g. `1.14`. */
export function goSince(arch: Arch): string {
  return TABLE[arch].goSince;
}

/** How Go, OCI, Debian, the GNU tools, the kernel and QEMU call the platform. */
export function platformSpellings(platform: Platform): PlatformSpellings {
  const row = TABLE[platform.arch];
  return {
    go: platform.arch,
    oci: platform.arch,
    debian: row.debian,
    gnu: row.gnu,
    uname: row.uname,
    qemu: `qemu-${row.qemu}-static`,
  };
}

/** `linux/mips64le`: what `--platform` takes. The default variant is left out, others are named. */
export function platformName(platform: Platform): string {
  const { os, arch, variant } = platform;
  return variant === undefined || variant === TABLE[arch].variants[0]
    ? `${os}/${arch}`
    : `${os}/${arch}/${variant}`;
}

/** The platform as OCI descriptors and configs spell it. */
export function ociPlatform({ os, arch, variant }: Platform): {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
} {
  return { architecture: arch, os, ...(variant === undefined ? {} : { variant }) };
}

/** The variables that make the go tool build for the platform, whatever the host's own say. */
export function goEnvironment(platform: Platform): Readonly<Record<string, string>> {
  return {
    GOOS: platform.os,
    GOARCH: platform.arch,
    ...(platform.float === undefined ? {} : { GOMIPS64: platform.float }),
    ...(platform.arch === "arm64" ? { GOARM64: `${platform.variant ?? "v8"}.0` } : {}),
    ...(platform.arch === "amd64" ? { GOAMD64: "v1" } : {}),
  };
}

/** What every ELF file of the platform must say in its header. */
export function elfRule(platform: Platform): ElfRule {
  return TABLE[platform.arch].elf;
}
