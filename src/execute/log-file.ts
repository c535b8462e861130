/** What a node's run printed, kept for `kmips log`. */
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "../../cache/index.js";
import { isFullDisk } from "../model/failure.js";

/** The output of everything a node's run printed; opened at the first byte. */
export class LogFile {
  readonly #path: string;
  #fd: number | undefined;
  #isFull = false;
  constructor(path: string) {
    this.#path = path;
  }
  /**
   * Ends the log where the disk is full: it is called while a tool prints, where an error would end
   * the whole build, and the tool says itself, with its node, that it found no room.
   */
  write(chunk: string | Buffer): void {
    if (this.#isFull) return;
    try {
      if (this.#fd === undefined) {
        mkdirSync(dirname(this.#path), { recursive: true });
        this.#fd = openSync(this.#path, "w", 0o644);
      }
      writeSync(this.#fd, typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    } catch (error) {
      if (!isFullDisk(errnoOf(error))) throw error;
      this.#isFull = true;
    }
  }
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }
}
