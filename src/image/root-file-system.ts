/**
 * Unpacks an image's layers into a directory, as a container runtime would see them.
 *
 * The destination must be private to the caller. Every path is walked from it without leaving it:
 * links of lower layers are followed with the destination as their root, so that no archive can
 * write elsewhere. Modes and times are always set, owners by default only when running as root.
 */
import {
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
  type Stats,
} from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { ArchiveReader, type ArchiveEntry, type Digest, type Store } from "../../cache/index.js";
import { cannotAssemble } from "./faults.js";
import { isWhiteout, MAX_LINKS, OPAQUE_WHITEOUT, WHITEOUT_PREFIX } from "./file-tree.js";
import { readImage } from "./manifest.js";

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/**
 * Applies the layers of an image to `destination`, an empty directory.
 *
 * @throws NodeFailure when a layer cannot be applied; the store's errors when a blob is missing or
 *   damaged, in which case the destination is incomplete and must be thrown away.
 */
export function rootFileSystem(
  store: Store,
  manifest: Digest,
  destination: string,
  options: { readonly setOwners?: boolean } = {},
): void {
  const setOwners = options.setOwners ?? userInfo().uid === 0;
  for (const layer of readImage(store, manifest).manifest.layers) {
    new LayerUnpacker(destination, setOwners).apply(store, layer.digest);
  }
}

class LayerUnpacker {
  readonly #root: string;
  readonly #setOwners: boolean;
  /** Host paths that this layer itself made: its whiteouts do not hide them. */
  readonly #made = new Set<string>();
  /** Directory attributes are set last: a read-only directory could not be filled. */
  readonly #directories: { readonly path: string; readonly entry: ArchiveEntry }[] = [];
  #fd: number | undefined;
  #finish: (() => void) | undefined;

  constructor(root: string, setOwners: boolean) {
    this.#root = root;
    this.#setOwners = setOwners;
  }

  apply(store: Store, layer: Digest): void {
    const reader = new ArchiveReader(
      {
        entry: (entry) => {
          this.#closeFile();
          this.#add(entry);
        },
        data: (chunk) => {
          for (let at = 0; at < chunk.length;) at += writeSync(this.#fd!, chunk, at);
        },
      },
      "layer",
    );
    try {
      for (const chunk of store.readChunks(layer)) reader.write(chunk);
      reader.end();
    } finally {
      this.#closeFile();
    }
    for (const { path, entry } of this.#directories.reverse()) this.#setAttributes(path, entry);
  }

  #add(entry: ArchiveEntry): void {
    const slash = entry.path.lastIndexOf("/");
    const name = entry.path.slice(slash + 1);
    const directory = this.#directory(slash < 0 ? "" : entry.path.slice(0, slash));
    if (isWhiteout(entry.path)) return this.#hide(directory, name);
    const path = join(directory, name);
    const found = look(path);
    this.#made.add(path);
    if (entry.type === "directory") {
      if (found?.isDirectory() !== true) {
        rmSync(path, { force: true });
        mkdirSync(path);
      }
      this.#directories.push({ path, entry });
      return;
    }
    rmSync(path, { recursive: true, force: true });
    if (entry.type === "symlink") {
      symlinkSync(entry.target ?? "", path);
      if (this.#setOwners) lchownSync(path, entry.uid, entry.gid);
      lutimesSync(path, entry.mtime, entry.mtime);
      return;
    }
    this.#fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    this.#finish = () => this.#setAttributes(path, entry);
  }

  #closeFile(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    this.#finish?.();
  }

  #setAttributes(path: string, { uid, gid, mode, mtime }: ArchiveEntry): void {
    // The owner first: changing it clears set-user-ID bits.
    if (this.#setOwners) lchownSync(path, uid, gid);
    chmodSync(path, mode);
    utimesSync(path, mtime, mtime);
  }

  /** Applies a whiteout to what lower layers left in a directory. */
  #hide(directory: string, name: string): void {
    const hidden =
      name === OPAQUE_WHITEOUT ? readdirSync(directory) : [name.slice(WHITEOUT_PREFIX.length)];
    for (const victim of hidden) {
      if (victim === "" || victim === "." || victim === ".." || victim.includes("/")) {
        throw cannotAssemble(`a layer hides nothing that can be named: "${name}"`);
      }
      this.#removeLower(join(directory, victim));
    }
  }

  /** Removes a path of lower layers; directories that this layer filled keep what is its own. */
  #removeLower(path: string): void {
    if (!this.#made.has(path)) return rmSync(path, { recursive: true, force: true });
    if (look(path)?.isDirectory() !== true) return;
    for (const name of readdirSync(path)) this.#removeLower(join(path, name));
  }

  /** The host path of an image directory, made when absent, links followed inside the root. */
  #directory(path: string): string {
    const pending = path.split("/").reverse();
    let current = this.#root;
    let followed = 0;
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        if (current !== this.#root) current = dirname(current);
        continue;
      }
      const next = join(current, part);
      const found = look(next);
      if (found === undefined) {
        mkdirSync(next, 0o755);
        chmodSync(next, 0o755);
      } else if (found.isSymbolicLink()) {
        if (++followed > MAX_LINKS) throw cannotAssemble(`links lead in a circle at "/${path}"`);
        const target = readlinkSync(next);
        if (target.startsWith("/")) current = this.#root;
        pending.push(...target.split("/").reverse());
        continue;
      } else if (!found.isDirectory()) {
        throw cannotAssemble(`"/${path}" lies below a file`);
      }
      current = next;
    }
    return current;
  }
}

function look(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
