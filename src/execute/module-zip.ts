/**
 * The zip of a Go module, as the download cache and module proxies have it.
 *
 * Specification: PKWARE APPNOTE 4.3, without zip64 and encryption, which module zips never have.
 */
import { inflateRawSync } from "node:zlib";

/** The module's zip or directory is not one the go tool would have made. */
export class ModuleZipError extends Error {
  override readonly name = "ModuleZipError";
  readonly code = "KMIPS_MODULE_ZIP";
}

/** One file or directory of a zip. */
export interface ZipEntry {
  /** Begins with `path@version/`. */
  readonly name: string;
  readonly method: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly headerOffset: number;
}

/** What a zip holds. @throws ModuleZipError */
export function* zipEntries(zip: Buffer): Generator<ZipEntry> {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end === -1) throw new ModuleZipError("The module's zip has no directory");
  const count = zip.readUInt16LE(end + 10);
  let offset = zip.readUInt32LE(end + 16);
  for (let index = 0; index < count; index++) {
    if (zip.readUInt32LE(offset) !== 0x02014b50) {
      throw new ModuleZipError("The module's zip has a broken directory");
    }
    const nameLength = zip.readUInt16LE(offset + 28);
    const extraLength = zip.readUInt16LE(offset + 30) + zip.readUInt16LE(offset + 32);
    yield {
      name: zip.toString("utf8", offset + 46, offset + 46 + nameLength),
      method: zip.readUInt16LE(offset + 10),
      compressedSize: zip.readUInt32LE(offset + 20),
      size: zip.readUInt32LE(offset + 24),
      headerOffset: zip.readUInt32LE(offset + 42),
    };
    offset += 46 + nameLength + extraLength;
  }
}

/** The content of an entry. @throws ModuleZipError */
export function entryBytes(zip: Buffer, entry: ZipEntry): Buffer {
  const header = entry.headerOffset;
  const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
  const packed = zip.subarray(start, start + entry.compressedSize);
  if (entry.method === 0) return packed;
  if (entry.method !== 8)
    throw new ModuleZipError(`The module's zip uses method ${String(entry.method)}`);
  return inflateRawSync(packed, { maxOutputLength: entry.size + 1 });
}
