/**
 * Which machine a program is for, read from its ELF header without other tools.
 *
 * Tells the MIPS ABIs (N64, N32, O32) and byte orders apart, and static from dynamic programs.
 * It reads a prefix of the file only, and judges headers, never code. ELF: System V gABI chapter 4;
 * MIPS: "64-bit ELF Object File Specification" and the PT_MIPS_ABIFLAGS of binutils.
 */
import { elfRule, type ElfRule, type Platform } from "../model/platform.js";

/** How many bytes of a file are enough: header, program headers and the notes linkers put behind. */
export const ELF_HEADER_BYTES = 4096;

export interface ElfHeader {
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  /** `e_machine`. */
  readonly machine: number;
  /** `e_flags`. */
  readonly flags: number;
  /**
   * `static` and `dynamic` programs differ by their interpreter; a `library` may also be a static
   * program that loads anywhere (static-pie); an `object` is not linked.
   */
  readonly linkage: "static" | "dynamic" | "library" | "object";
  /** Path of the dynamic loader. */
  readonly interpreter?: string;
  /** MIPS: what the program says of its floating-point form; Go's programs say nothing. */
  readonly float?: "hardfloat" | "softfloat";
}

export type ElfVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly expected: string; readonly actual: string };

const EM_MIPS = 8;
const EF_MIPS_ABI2 = 0x20;
const PT_INTERP = 3;
const PT_MIPS_ABIFLAGS = 0x70000003;
const MIPS_FP_ABI_SOFT = 3;

/** Names of machines that turn up in images by mistake; a pair is [64-bit, 32-bit]. */
const MACHINES: Readonly<Record<number, readonly [string, string]>> = {
  3: ["x86", "x86 (32-bit)"],
  20: ["PowerPC", "PowerPC (32-bit)"],
  21: ["PowerPC 64", "PowerPC 64 (32-bit class)"],
  22: ["s390x", "s390 (31-bit)"],
  40: ["ARM", "ARM (32-bit)"],
  62: ["x86-64", "x86-64 x32"],
  183: ["AArch64", "AArch64 ILP32"],
  243: ["RISC-V 64", "RISC-V 32"],
  247: ["BPF", "BPF (32-bit class)"],
  258: ["LoongArch 64", "LoongArch 32"],
};
/** Machines that exist in one byte order only; for the others the order is part of the name. */
const ONE_ORDER = new Set([3, 22, 40, 62, 183, 243, 258]);

/** Whether the bytes begin like an ELF file. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/**
 * Reads the header from the first bytes of a file (`ELF_HEADER_BYTES` are enough, fewer give fewer
 * facts). Undefined when the bytes are no ELF header or end inside it.
 */
export function readElfHeader(bytes: Uint8Array): ElfHeader | undefined {
  if (!isElf(bytes)) return undefined;
  const bits = bytes[4] === 1 ? 32 : bytes[4] === 2 ? 64 : undefined;
  const order = bytes[5];
  if (bits === undefined || (order !== 1 && order !== 2)) return undefined;
  if (bytes.length < (bits === 64 ? 64 : 52)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = order === 1;
  const type = view.getUint16(16, little);
  const machine = view.getUint16(18, little);
  const flags = view.getUint32(bits === 64 ? 48 : 36, little);
  const segments = readSegments(view, bits, little);

  const interpreterAt = segments.find((segment) => segment.type === PT_INTERP);
  const abiFlagsAt = segments.find((segment) => segment.type === PT_MIPS_ABIFLAGS);
  let linkage: ElfHeader["linkage"] = "static";
  if (type === 1) linkage = "object";
  else if (interpreterAt !== undefined) linkage = "dynamic";
  else if (type === 3) linkage = "library";

  const interpreter = interpreterAt === undefined ? undefined : readText(bytes, interpreterAt);
  const float =
    machine === EM_MIPS && abiFlagsAt !== undefined ? readFloat(bytes, abiFlagsAt) : undefined;
  return {
    bits,
    littleEndian: little,
    machine,
    flags,
    linkage,
    ...(interpreter === undefined ? {} : { interpreter }),
    ...(float === undefined ? {} : { float }),
  };
}

/**
 * Whether the ELF file that begins with `bytes` is for `platform`. Both texts of a refusal name
 * machine, ABI and byte order alike, so that they can stand side by side.
 */
export function checkElf(bytes: Uint8Array, platform: Platform): ElfVerdict {
  const rule = elfRule(platform);
  const header = readElfHeader(bytes);
  if (header === undefined) {
    return { ok: false, expected: describeRule(rule, platform), actual: "a broken ELF header" };
  }
  const fits =
    header.bits === 64 &&
    header.machine === rule.machine &&
    header.littleEndian === rule.littleEndian &&
    (header.flags & rule.flags.mask) === rule.flags.value &&
    (header.float === undefined || header.float === platform.float);
  if (fits) return { ok: true };
  return { ok: false, expected: describeRule(rule, platform), actual: describeElf(header) };
}

/** `MIPS N64 little endian (hardfloat)`, `x86-64`: the machine as people say it. */
export function describeElf(header: ElfHeader): string {
  const { bits, machine, flags, littleEndian, float } = header;
  let name: string;
  if (machine === EM_MIPS) {
    const abi = bits === 64 ? "N64" : (flags & EF_MIPS_ABI2) !== 0 ? "N32" : "O32";
    // A 64-bit file that carries another ABI's mark is none of the three.
    name = bits === 64 && (flags & 0xf020) !== 0 ? "MIPS 64 of a foreign ABI" : `MIPS ${abi}`;
  } else {
    name = MACHINES[machine]?.[bits === 64 ? 0 : 1] ?? `ELF machine ${machine} (${bits}-bit)`;
  }
  const order = littleEndian ? "little endian" : "big endian";
  const bigByNature = machine === 22;
  if (!ONE_ORDER.has(machine) || littleEndian === bigByNature) name += ` ${order}`;
  if (machine === 21 && (flags & 3) === 1) name += " ELFv1";
  if (machine === 243 && (flags & 6) !== 4) name += " without the double-float ABI";
  if (machine === 258 && (flags & 7) !== 3) name += " without the double-float ABI";
  return float === undefined ? name : `${name} (${float})`;
}

function describeRule(rule: ElfRule, platform: Platform): string {
  return describeElf({
    bits: 64,
    littleEndian: rule.littleEndian,
    machine: rule.machine,
    flags: rule.flags.value,
    linkage: "static",
    ...(platform.float === undefined ? {} : { float: platform.float }),
  });
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

/** The program headers that lie within the bytes at hand. */
function readSegments(view: DataView, bits: 32 | 64, little: boolean): Segment[] {
  const wide = bits === 64;
  const start = wide ? Number(view.getBigUint64(32, little)) : view.getUint32(28, little);
  const entrySize = view.getUint16(wide ? 54 : 42, little);
  const count = view.getUint16(wide ? 56 : 44, little);
  const segments: Segment[] = [];
  if (entrySize < (wide ? 56 : 32)) return segments;
  for (let index = 0; index < count; index++) {
    const at = start + index * entrySize;
    if (at + entrySize > view.byteLength) break;
    segments.push({
      type: view.getUint32(at, little),
      offset: wide ? Number(view.getBigUint64(at + 8, little)) : view.getUint32(at + 4, little),
      size: wide ? Number(view.getBigUint64(at + 32, little)) : view.getUint32(at + 16, little),
    });
  }
  return segments;
}

function readText(bytes: Uint8Array, segment: Segment): string | undefined {
  const end = segment.offset + segment.size;
  if (segment.size < 2 || end > bytes.length) return undefined;
  return Buffer.from(bytes.subarray(segment.offset, end - 1)).toString("latin1");
}

/** Elf_MIPS_ABIFlags_v0: the byte `fp_abi` says how floating-point values are passed. */
function readFloat(bytes: Uint8Array, segment: Segment): ElfHeader["float"] {
  const fpAbi = segment.size >= 24 ? bytes[segment.offset + 7] : undefined;
  if (fpAbi === undefined || fpAbi === 0) return undefined;
  return fpAbi === MIPS_FP_ABI_SOFT ? "softfloat" : "hardfloat";
}
