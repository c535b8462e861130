/** A store in a temporary directory, and image definitions with everything left at its default. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ArchiveReader,
  openStore,
  type Digest,
  type Output,
  type Store,
} from "../../../cache/index.js";
import { assembleImage, type ImageInputs } from "../../../src/image/index.js";
import { NO_CONFIG } from "../../../src/model/no-config.js";
import type { ImageDefinition, ImageFile } from "../../../src/model/node.js";
import { platformOf } from "../../../src/model/platform.js";
import { MemoryLocker } from "../../cache/support/memory-locker.js";

/** A definition for linux/mips64le from scratch. */
export function image(parts: Partial<ImageDefinition> = {}): ImageDefinition {
  return {
    kind: "image",
    files: [],
    directories: [],
    users: [],
    config: NO_CONFIG,
    reference: "x:latest",
    platform: platformOf("mips64le"),
    epoch: 0,
    ...parts,
  };
}

/** A text file of an image. */
export function textFile(path: string, text: string, more: Partial<ImageFile> = {}): ImageFile {
  return { path, content: { type: "text", text }, uid: 0, gid: 0, ...more };
}

/** A file, directory or link of a layer, in one line: `-rw 644 0:0 path`. */
export interface LayerRow {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly target?: string;
  readonly text: string;
}

export class ImageRig {
  readonly directory = mkdtempSync(join(tmpdir(), "kmips-image-"));
  readonly #outputs = new Map<string, Output>();
  readonly #trees = new Map<string, Digest>();
  readonly #images = new Map<string, Digest>();
  readonly store: Store;

  private constructor(store: Store) {
    this.store = store;
  }

  static async open(): Promise<ImageRig> {
    const root = mkdtempSync(join(tmpdir(), "kmips-store-"));
    return new ImageRig(await openStore(root, { locker: new MemoryLocker(), durable: false }));
  }

  async close(): Promise<void> {
    await this.store.close();
    rmSync(this.directory, { recursive: true, force: true });
    rmSync(this.store.root, { recursive: true, force: true });
  }

  /** Makes `bytes` the output `name` of the node `address`. */
  addOutput(address: string, name: string, bytes: Uint8Array, executable = true): void {
    const digest = this.store.putBytes(bytes);
    this.#outputs.set(`${address}.${name}`, { name, digest, size: bytes.length, executable });
  }

  addTree(address: string, entries: Parameters<Store["writeTree"]>[0]): void {
    this.#trees.set(address, this.store.writeTree(entries).digest);
  }

  /** Makes the outputs of an assembled image those of the node `address`. */
  addImage(address: string, outputs: readonly Output[]): void {
    this.#images.set(address, outputs.find((output) => output.name === "manifest")!.digest);
  }

  inputs(base?: readonly Output[]): ImageInputs {
    return {
      store: this.store,
      ...(base === undefined ? {} : { base }),
      output: (node, name) => this.#outputs.get(`${node}.${name}`)!,
      tree: (node) => this.#trees.get(node)!,
      image: (node) => this.#images.get(node)!,
    };
  }

  assemble(definition: ImageDefinition, base?: readonly Output[]): readonly Output[] {
    return assembleImage(definition, this.inputs(base)).outputs;
  }

  json<T>(outputs: readonly Output[], name: string): T {
    const output = outputs.find((candidate) => candidate.name === name)!;
    return JSON.parse(this.store.readBytes(output.digest).toString()) as T;
  }

  /** The entries of a layer of an image. */
  layer(outputs: readonly Output[], index: number): LayerRow[] {
    const output = outputs.find((candidate) => candidate.name === `layer/${index}`)!;
    const rows: (LayerRow & { text: string })[] = [];
    const reader = new ArchiveReader(
      {
        entry: (entry) => {
          rows.push({ ...entry, text: "" });
        },
        data: (chunk) => {
          rows.at(-1)!.text += chunk.toString();
        },
      },
      "layer",
    );
    for (const chunk of this.store.readChunks(output.digest)) reader.write(chunk);
    reader.end();
    return rows;
  }

  /** `path` → mode in octal, link target or text, of a layer. */
  summary(outputs: readonly Output[], index: number): Record<string, string> {
    return Object.fromEntries(
      this.layer(outputs, index).map((row) => {
        const mode = row.mode.toString(8);
        const what =
          row.type === "symlink" ? `-> ${row.target}` : row.type === "file" ? row.text : "/";
        return [row.path, `${mode} ${row.uid}:${row.gid} ${what}`];
      }),
    );
  }
}
