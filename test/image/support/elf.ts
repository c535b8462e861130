/** ELF headers made to measure. */

export interface ElfShape {
  readonly bits?: 32 | 64;
  readonly little?: boolean;
  readonly machine?: number;
  readonly flags?: number;
  /** ET_REL 1, ET_EXEC 2, ET_DYN 3. */
  readonly type?: number;
  readonly interpreter?: string;
  /** `fp_abi` of the MIPS ABI flags: 1 is double hard float, 3 is soft float. */
  readonly fpAbi?: number;
}

/** The first bytes of an ELF file; without options those of a Go program for linux/mips64le. */
export function elfBytes(shape: ElfShape = {}): Buffer {
  const { bits = 64, little = true, machine = 8, flags = 0x20000004, type = 2 } = shape;
  const wide = bits === 64;
  const bytes = Buffer.alloc(512);
  const put = (value: number, at: number, size: 2 | 4): void => {
    if (size === 2) bytes[little ? "writeUInt16LE" : "writeUInt16BE"](value, at);
    else bytes[little ? "writeUInt32LE" : "writeUInt32BE"](value, at);
  };
  const putWord = (value: number, at: number): void => {
    if (wide) bytes[little ? "writeBigUInt64LE" : "writeBigUInt64BE"](BigInt(value), at);
    else put(value, at, 4);
  };
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, little ? 1 : 2, 1]);
  put(type, 16, 2);
  put(machine, 18, 2);
  const headerBytes = wide ? 64 : 52;
  const segmentBytes = wide ? 56 : 32;
  putWord(headerBytes, wide ? 32 : 28);
  put(flags, wide ? 48 : 36, 4);
  put(segmentBytes, wide ? 54 : 42, 2);

  const segments: { type: number; content: Buffer }[] = [];
  if (shape.interpreter !== undefined) {
    segments.push({ type: 3, content: Buffer.from(`${shape.interpreter}\0`) });
  }
  if (shape.fpAbi !== undefined) {
    const content = Buffer.alloc(24);
    content[7] = shape.fpAbi;
    segments.push({ type: 0x70000003, content });
  }
  put(segments.length, wide ? 56 : 44, 2);
  let contentAt = 256;
  for (const [index, segment] of segments.entries()) {
    const at = headerBytes + index * segmentBytes;
    put(segment.type, at, 4);
    putWord(contentAt, at + (wide ? 8 : 4));
    putWord(segment.content.length, at + (wide ? 32 : 16));
    segment.content.copy(bytes, contentAt);
    contentAt += segment.content.length;
  }
  return bytes;
}
