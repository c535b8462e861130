/**
 * The platforms kmips builds for, and the only conversions between the spellings of an
 * architecture: Go and OCI (`mips64le`), Debian (`mips64el`), GNU triplets, QEMU, ELF.
 */

export type Arch =
  | "mips64le"
  | "mips64"
  | "riscv64"
  | "loong64"
  | "arm64"
  | "ppc64le"
  | "s390x"
  | "amd64";

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
