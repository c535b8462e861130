/**
 * gzip for layers, on several processors. A layer is cut into blocks of one size, each compressed
 * by itself with the end of the block before as its dictionary, and joined into one gzip member
 * (RFC 1952), as pigz does: it costs no size, and any gunzip reads it.
 *
 * The bytes depend on the level, this file's constants and zlib's version; never on the number of
 * processors or on how the input was cut. Knows no store and no image.
 */
import { constants, crc32, deflateRaw } from "node:zlib";
import { DigestStream, type Digest } from "../../cache/index.js";

/** What a layer is compressed with unless somebody asks for another level. */
export const GZIP_LEVEL = 6;

const BLOCK_BYTES = 1024 * 1024;
/** The window of deflate: what a block can refer back to. */
const WINDOW_BYTES = 32 * 1024;
/** Blocks at work at once: as many as Node has threads for zlib. */
const BLOCKS_AHEAD = 4;
/** Room for a block that does not compress: one call of zlib then does for any block. */
const OUTPUT_BYTES = BLOCK_BYTES + 16 * 1024;
/** Deflate, no flags, no time, no statement on level, system unknown (RFC 1952, 2.3). */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

/**
 * Compresses what `chunks` give, which may be lent, to one gzip member; `write` gets it piece by
 * piece. Reading, checking and hashing happen on this thread while zlib works on its own.
 *
 * @returns digest and size of what was written.
 * @throws what `chunks` or `write` throws.
 */
export async function compressLayer(
  chunks: Iterable<Uint8Array>,
  options: { readonly level: number; readonly write: (piece: Uint8Array) => void },
): Promise<{ readonly digest: Digest; readonly size: number }> {
  const packed = new DigestStream();
  const emit = (piece: Uint8Array): void => {
    packed.update(piece);
    options.write(piece);
  };
  const working: Promise<Buffer>[] = [];
  let checksum = 0;
  let plainBytes = 0;
  let window: Uint8Array = new Uint8Array(0);
  const compress = (block: Uint8Array, isLast: boolean): void => {
    checksum = crc32(block, checksum);
    plainBytes += block.byteLength;
    const work = deflateBlock(block, { level: options.level, dictionary: window, isLast });
    // Only awaited in its turn: a failure before must not count as unhandled.
    work.catch(() => undefined);
    working.push(work);
    window = block.subarray(-WINDOW_BYTES);
  };

  emit(HEADER);
  let block = Buffer.allocUnsafe(BLOCK_BYTES);
  let filled = 0;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.byteLength;) {
      const part = chunk.subarray(at, at + BLOCK_BYTES - filled);
      block.set(part, filled);
      filled += part.byteLength;
      at += part.byteLength;
      if (filled < BLOCK_BYTES) break;
      compress(block, false);
      block = Buffer.allocUnsafe(BLOCK_BYTES);
      filled = 0;
      if (working.length >= BLOCKS_AHEAD) emit(await working.shift()!);
    }
  }
  compress(block.subarray(0, filled), true);
  for (const work of working) emit(await work);
  emit(trailer(checksum, plainBytes));
  return { digest: packed.digest(), size: packed.size };
}

/** One block of a deflate stream, ended on a byte so that the next can follow. */
function deflateBlock(
  block: Uint8Array,
  options: { readonly level: number; readonly dictionary: Uint8Array; readonly isLast: boolean },
): Promise<Buffer> {
  const { level, dictionary, isLast } = options;
  return new Promise((resolve, reject) => {
    deflateRaw(
      block,
      {
        level,
        memLevel: 9,
        chunkSize: OUTPUT_BYTES,
        finishFlush: isLast ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
        ...(dictionary.byteLength === 0 ? {} : { dictionary }),
      },
      (error, piece) => {
        if (error === null) resolve(piece);
        else reject(error);
      },
    );
  });
}

/** Checksum and length modulo 2^32 of the plain bytes (RFC 1952, 2.3.1). */
function trailer(checksum: number, plainBytes: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(checksum, 0);
  bytes.writeUInt32LE(plainBytes % 2 ** 32, 4);
  return bytes;
}
