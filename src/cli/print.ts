/** Printing without streams: they cost more to set up than the start-up program has to say. */
import { writeSync } from "node:fs";

/** Exit code of a program whose reader went away: 128 + SIGPIPE. */
export const BROKEN_PIPE = 141;

/** Writes a text to the end, even into a pipe that is full for the moment. */
export function print(fd: 1 | 2, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") process.exit(BROKEN_PIPE);
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
