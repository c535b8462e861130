/**
 * Names of images: the layout's `index.json`, which skopeo, crane and umoci read in place.
 *
 * Entries that other tools wrote are kept as they are.
 */
import { isDescriptor, REFERENCE_ANNOTATION, MEDIA_TYPES, type Descriptor } from "./descriptor.js";
import { readSmallFile } from "./files.js";
import { compareUtf8 } from "./order.js";
import type { Session } from "./session.js";

const MAX_INDEX_BYTES = 64 * 1024 * 1024;

export class References {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Every named object, in UTF-8 byte order of the names. */
  all(): Map<string, Descriptor> {
    const named = this.#read().flatMap((entry) => {
      const name = entry.annotations?.[REFERENCE_ANNOTATION];
      return name === undefined ? [] : [[name, entry] as const];
    });
    return new Map(named.sort(([a], [b]) => compareUtf8(a, b)));
  }

  /** Every entry of the index, named or not: what a collection must keep. */
  descriptors(): readonly Descriptor[] {
    return this.#read();
  }

  /** Adds or moves names; every other name stays. */
  async set(references: ReadonlyMap<string, Descriptor>): Promise<void> {
    await this.#change((name) => !references.has(name), [...references]);
  }

  async remove(names: ReadonlySet<string>): Promise<void> {
    await this.#change((name) => !names.has(name), []);
  }

  async #change(
    isKept: (name: string) => boolean,
    added: readonly (readonly [string, Descriptor])[],
  ): Promise<void> {
    this.#session.assertWritable(this.#session.paths.index);
    await this.#session.lease.hold();
    // Another process may be changing other names: read, change and write are one step.
    const lock = await this.#session.locker.acquire(
      this.#session.paths.lock("references"),
      "exclusive",
      true,
    );
    try {
      const before = this.#read();
      const foreign = before.filter(
        (entry) => entry.annotations?.[REFERENCE_ANNOTATION] === undefined,
      );
      const named = before.flatMap((entry) => {
        const name = entry.annotations?.[REFERENCE_ANNOTATION];
        return name !== undefined && isKept(name) ? [[name, entry] as const] : [];
      });
      const rows = [...named, ...added].sort(([a], [b]) => compareUtf8(a, b));
      const manifests = [
        ...foreign,
        ...rows.map(([name, descriptor]) => withName(descriptor, name)),
      ];
      // The names that a reference leads to must not be younger on disk than the reference.
      this.#session.syncNames();
      this.#session.replace(this.#session.paths.index, indexText(manifests));
    } finally {
      await lock?.release();
    }
  }

  #read(): Descriptor[] {
    const path = this.#session.paths.index;
    const bytes = readSmallFile(path, MAX_INDEX_BYTES);
    if (bytes === undefined) return [];
    if (bytes !== "unusable") {
      const manifests = parseIndex(bytes.toString("utf8"));
      if (manifests !== undefined) return manifests;
    }
    this.#session.quarantine(path, "index", "is not an OCI image index");
    this.#session.warn(
      `Names of images are lost: "${path}" was not an OCI image index; they come back with the next build`,
    );
    return [];
  }
}

/** The text of an index.json with these entries. */
export function indexText(manifests: readonly Descriptor[]): string {
  return `${JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests })}\n`;
}

function parseIndex(text: string): Descriptor[] | undefined {
  try {
    const index = JSON.parse(text) as { readonly manifests?: unknown };
    if (!Array.isArray(index.manifests)) return undefined;
    return index.manifests.every(isDescriptor) ? index.manifests : undefined;
  } catch {
    return undefined;
  }
}

function withName(descriptor: Descriptor, name: string): Descriptor {
  const { mediaType, digest, size, platform } = descriptor;
  const annotations = { ...descriptor.annotations, [REFERENCE_ANNOTATION]: name };
  return { mediaType, digest, size, annotations, ...(platform === undefined ? {} : { platform }) };
}
