/**
 * One blob on its way into the store: written to a temporary file of this process, hashed as it
 * comes, named only by `commit`.
 */
import { closeSync, fchmodSync, fstatSync, fsyncSync, writeSync } from "node:fs";
import { DigestStream, type Digest } from "./digest.js";
import { DigestMismatchError, StorageError, storage } from "./errors.js";
import { createExclusive, removeQuietly } from "./files.js";
import type { Session } from "./session.js";

const CHUNK = 1024 * 1024;

export interface StoredBlob {
  readonly digest: Digest;
  readonly size: number;
}

/** Collects a blob in a temporary file. After `commit` or `abort` it is used up. */
export class BlobWriter {
  readonly #session: Session;
  readonly #publish: (temporary: string, blob: StoredBlob) => void;
  readonly #path: string;
  readonly #stream = new DigestStream();
  #fd: number | undefined;
  /** Small writes gather here: hashing and writing 512 bytes at a time is slow. */
  #buffer: Buffer | undefined;
  #filled = 0;

  constructor(session: Session, publish: (temporary: string, blob: StoredBlob) => void) {
    this.#session = session;
    this.#publish = publish;
    this.#path = session.temporaryPath();
    this.#fd = session.withReserve(() => createExclusive(this.#path));
  }

  /** Appends bytes; `chunk` is free again when this returns. On failure the writer is used up. */
  write(chunk: Uint8Array): void {
    if (chunk.byteLength >= CHUNK) {
      this.#flush();
      this.#append(chunk);
      return;
    }
    this.#buffer ??= Buffer.allocUnsafe(CHUNK);
    if (this.#filled + chunk.byteLength > CHUNK) this.#flush();
    this.#buffer.set(chunk, this.#filled);
    this.#filled += chunk.byteLength;
  }

  /**
   * Stores what was written.
   *
   * @throws DigestMismatchError when it is not `expected`; nothing is stored then.
   */
  commit(expected?: Digest): StoredBlob {
    try {
      this.#flush();
      const fd = this.#descriptor();
      storage("write", this.#path, () => {
        fchmodSync(fd, 0o444);
        if (this.#session.durable) fsyncSync(fd);
      });
      // Checked after the sync: a full disk may show only there.
      const onDisk = fstatSync(fd).size;
      if (onDisk !== this.#stream.size) throw new StorageError("write", this.#path, "EIO");
      this.#fd = undefined;
      storage("write", this.#path, () => closeSync(fd));
      const blob = { digest: this.#stream.digest(), size: this.#stream.size };
      if (expected !== undefined && blob.digest !== expected)
        throw new DigestMismatchError(blob.digest, expected);
      this.#publish(this.#path, blob);
      return blob;
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  /** Gives the blob up; nothing of it remains. */
  abort(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    removeQuietly(this.#path);
  }

  #flush(): void {
    if (this.#filled === 0 || this.#buffer === undefined) return;
    const bytes = this.#buffer.subarray(0, this.#filled);
    this.#filled = 0;
    this.#append(bytes);
  }

  #append(bytes: Uint8Array): void {
    const fd = this.#descriptor();
    try {
      for (let written = 0; written < bytes.byteLength;) {
        const rest = bytes.byteLength - written;
        written += storage("write", this.#path, () =>
          this.#session.withReserve(() => writeSync(fd, bytes, written, rest)),
        );
      }
    } catch (error) {
      this.abort();
      throw error;
    }
    this.#stream.update(bytes);
  }

  #descriptor(): number {
    if (this.#fd === undefined) throw new StorageError("write", this.#path, "EBADF");
    return this.#fd;
  }
}
