/**
 * A file reader that gives the same text for a path as long as a command runs.
 *
 * What is saved about a build must be about the texts it was made from: whoever edits a recipe
 * while a long build runs has changed it for the next build, not for this one.
 */
import type { FileReader } from "../model/ports.js";

export class RememberedTexts implements FileReader {
  readonly #disk: FileReader;
  readonly #texts = new Map<string, string>();

  constructor(disk: FileReader) {
    this.#disk = disk;
  }

  readText(path: string): string | undefined {
    const known = this.#texts.get(path);
    if (known !== undefined) return known;
    const text = this.#disk.readText(path);
    if (text !== undefined) this.#texts.set(path, text);
    return text;
  }

  /** The text as it is on the disk now. */
  readAgain(path: string): string | undefined {
    return this.#disk.readText(path);
  }

  /** From now on `text` is what the command works with: it has just written it. */
  remember(path: string, text: string): void {
    this.#texts.set(path, text);
  }

  realPath(path: string): string | undefined {
    return this.#disk.realPath(path);
  }

  list(path: string): readonly string[] | undefined {
    return this.#disk.list?.(path);
  }
}
