/** Digests: the identity of bytes. `sha256:` and 64 lower-case hex digits, nothing else. */
import { createHash, hash as hashOnce, type Hash } from "node:crypto";

export type Digest = `sha256:${string}`;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** The digest of `bytes`; a string is hashed as UTF-8. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${hashOnce("sha256", bytes, "hex")}`;
}

/** Whether `text` is a well-formed digest. */
export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** The 64 hex digits of a digest. */
export function hexOf(digest: Digest): string {
  return digest.slice(7);
}

/** Hashes a stream of chunks and counts its bytes. */
export class DigestStream {
  readonly #hash: Hash = createHash("sha256");
  #size = 0;
  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#size += chunk.byteLength;
  }
  get size(): number {
    return this.#size;
  }
  digest(): Digest {
    return `sha256:${this.#hash.digest("hex")}`;
  }
}
