/**
 * Bytes under their digest. Knows nothing of what they mean.
 *
 * A blob gets its name only when it is whole, hashed and on disk; every read is hashed again, so
 * no caller ever uses bytes that are not the ones it asked for.
 */
import {
  closeSync,
  fchmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readSync,
  renameSync,
  utimesSync,
} from "node:fs";
import { digestOf, DigestStream, hexOf, type Digest } from "./digest.js";
import { CorruptBlobError, errnoOf, MissingBlobError, StorageError, storage } from "./errors.js";
import { BlobWriter, type StoredBlob } from "./blob-writer.js";
import {
  createExclusive,
  openRegular,
  randomName,
  removeQuietly,
  writeFully,
  type OpenFile,
} from "./files.js";
import type { Session } from "./session.js";

const CHUNK = 1024 * 1024;
const EMPTY = digestOf("");
const NO_HARD_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

export class BlobStore {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Whether the blob is there, by name and (when given) size. Pins it first, so it stays there. */
  has(digest: Digest, size?: number): boolean {
    this.#session.lease.pin([digest]);
    return this.looksPresent(digest, size);
  }

  /** As `has`, without a pin: for commands that only look. */
  looksPresent(digest: Digest, size?: number): boolean {
    const path = this.#session.paths.blob(digest);
    const stats = storage("stat", path, () => lstatSync(path, { throwIfNoEntry: false }));
    if (stats === undefined || !stats.isFile() || this.#session.isShunned(path)) return false;
    // A power cut can leave an empty file under a name that was never synced.
    return size === undefined ? stats.size > 0 || digest === EMPTY : stats.size === size;
  }

  /** Stores `bytes` (text as UTF-8). */
  putBytes(bytes: Uint8Array | string): Digest {
    const content = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    const digest = digestOf(content);
    this.#session.assertWritable(this.#session.paths.blob(digest));
    if (this.has(digest, content.byteLength)) {
      this.#freshen(digest);
      return digest;
    }
    return this.#session.withReserve(() => {
      const blob = this.create();
      blob.write(content);
      return blob.commit(digest).digest;
    });
  }

  /**
   * Stores a copy of the regular file at `path`, in an inode of its own: its writer may still
   * hold the original open.
   */
  putFile(path: string): StoredBlob {
    const file = openRegular(path);
    if (typeof file === "string")
      throw new StorageError("read", path, file === "absent" ? "ENOENT" : "EINVAL");
    try {
      return this.#session.withReserve(() => {
        const blob = this.create();
        try {
          const buffer = Buffer.allocUnsafe(CHUNK);
          let position = 0;
          for (;;) {
            const count = storage("read", path, () =>
              readSync(file.fd, buffer, 0, CHUNK, position),
            );
            if (count === 0) break;
            blob.write(buffer.subarray(0, count));
            position += count;
          }
        } catch (error) {
          blob.abort();
          throw error;
        }
        return blob.commit();
      });
    } finally {
      closeSync(file.fd);
    }
  }

  /** A blob to be written piece by piece. */
  create(): BlobWriter {
    return new BlobWriter(this.#session, (temporary, blob) => this.#publish(temporary, blob));
  }

  /**
   * The verified bytes of a blob.
   *
   * @throws MissingBlobError, CorruptBlobError; StorageError (EFBIG) over `limitBytes`.
   */
  readBytes(digest: Digest, limitBytes = Number.MAX_SAFE_INTEGER): Buffer {
    const path = this.#session.paths.blob(digest);
    const parts: Buffer[] = [];
    let size = 0;
    for (const chunk of this.readChunks(digest)) {
      size += chunk.byteLength;
      if (size > limitBytes) throw new StorageError("read", path, "EFBIG");
      parts.push(Buffer.from(chunk));
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  /**
   * The bytes of a blob, 1 MiB at a time in one reused buffer. They are verified only at the end:
   * nothing made of them may be used before the generator is done.
   *
   * @throws MissingBlobError, CorruptBlobError.
   */
  *readChunks(digest: Digest): Generator<Buffer, void, undefined> {
    const path = this.#session.paths.blob(digest);
    const file = this.#open(digest);
    try {
      const stream = new DigestStream();
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, file.stats.size)));
      for (;;) {
        const count = this.#readSome(file.fd, buffer, digest);
        if (count === 0) break;
        const chunk = buffer.subarray(0, count);
        stream.update(chunk);
        yield chunk;
      }
      const actual = stream.digest();
      if (actual !== digest) this.#condemn(digest, path, `hashes to ${actual}`);
    } finally {
      closeSync(file.fd);
    }
  }

  /** Reads a blob through and reports what is wrong with it, if anything; it is in quarantine then. */
  check(digest: Digest): string | undefined {
    try {
      const chunks = this.readChunks(digest);
      while (chunks.next().done !== true);
      return undefined;
    } catch (error) {
      if (error instanceof CorruptBlobError) return error.problem;
      if (error instanceof MissingBlobError) return "is not in the store";
      throw error;
    }
  }

  /** Copies a verified blob to `destination`, which is replaced in one step. */
  copyTo(digest: Digest, destination: string, mode: number): void {
    const temporary = `${destination}.${randomName()}`;
    try {
      const fd = createExclusive(temporary);
      try {
        for (const chunk of this.readChunks(digest))
          storage("write", destination, () => writeFully(fd, chunk));
        storage("write", destination, () => fchmodSync(fd, mode));
      } finally {
        closeSync(fd);
      }
      storage("write", destination, () => renameSync(temporary, destination));
    } catch (error) {
      removeQuietly(temporary);
      throw error;
    }
  }

  /** Gives the file at `temporary` its name, unless the same blob has it already. */
  #publish(temporary: string, blob: StoredBlob): void {
    const { paths, lease } = this.#session;
    const final = paths.blob(blob.digest);
    lease.pin([blob.digest]);
    try {
      for (let attempt = 1; !this.#link(temporary, final); attempt++) {
        if (this.#isSound(blob)) {
          this.#freshen(blob.digest);
          break;
        }
        this.#session.quarantine(final, "blob", "is not what its name says");
        if (attempt === 3) throw new StorageError("replace damaged blob", final, "EEXIST");
      }
    } finally {
      removeQuietly(temporary);
    }
    // Also for a blob that was there: another process may not have synced its name yet.
    this.#session.touched(paths.blobs);
  }

  /** True once `final` is the file at `temporary`; false when there is another already. */
  #link(temporary: string, final: string): boolean {
    return storage("store", final, () => {
      try {
        linkSync(temporary, final);
        return true;
      } catch (error) {
        const errno = errnoOf(error) ?? "";
        if (errno === "EEXIST") return false;
        if (errno === "ENOENT") {
          mkdirSync(this.#session.paths.blobs, { recursive: true });
          linkSync(temporary, final);
          return true;
        }
        if (!NO_HARD_LINKS.has(errno) || lstatSync(final, { throwIfNoEntry: false }) !== undefined)
          throw error;
        // Without hard links a rename could replace a blob made meanwhile: by the same bytes.
        renameSync(temporary, final);
        return true;
      }
    });
  }

  /** Whether the file that stands under a blob's name is that blob; hashed when anything looks odd. */
  #isSound({ digest, size }: StoredBlob): boolean {
    const path = this.#session.paths.blob(digest);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return false;
    if (!stats.isFile() || stats.size !== size || this.#session.isShunned(path)) return false;
    const isOdd = stats.nlink !== 1 || (stats.mode & 0o222) !== 0;
    return !isOdd || this.check(digest) === undefined;
  }

  /** Marks a blob as used now, so that a collection that has already looked takes it for young. */
  #freshen(digest: Digest): void {
    const seconds = this.#session.now() / 1000;
    try {
      utimesSync(this.#session.paths.blob(digest), seconds, seconds);
    } catch {
      // The pin protects it; the time stamp is only a second line.
    }
  }

  #open(digest: Digest): OpenFile {
    const path = this.#session.paths.blob(digest);
    if (this.#session.isShunned(path)) throw new MissingBlobError(digest);
    let file = openRegular(path);
    if (file === "absent") file = this.#openCondemned(digest) ?? openRegular(path);
    if (file === "absent") throw new MissingBlobError(digest);
    if (file === "irregular") return this.#condemn(digest, path, "is not a regular file");
    return file;
  }

  /** A collection may be about to put back a blob it took before it saw our pin. */
  #openCondemned(digest: Digest): OpenFile | undefined {
    try {
      for (const run of readdirSync(this.#session.paths.trash)) {
        const file = openRegular(`${this.#session.paths.trash}/${run}/${hexOf(digest)}`);
        if (typeof file !== "string") return file;
      }
    } catch {
      // No trash, no blob in it.
    }
    return undefined;
  }

  #readSome(fd: number, buffer: Buffer, digest: Digest): number {
    const path = this.#session.paths.blob(digest);
    try {
      return readSync(fd, buffer, 0, buffer.byteLength, null);
    } catch (error) {
      // An unreadable sector is damage like any other.
      if (errnoOf(error) === "EIO") return this.#condemn(digest, path, "cannot be read: EIO");
      return storage("read", path, () => {
        throw error;
      });
    }
  }

  #condemn(digest: Digest, path: string, problem: string): never {
    this.#session.quarantine(path, "blob", problem);
    throw new CorruptBlobError(path, digest, problem);
  }
}
