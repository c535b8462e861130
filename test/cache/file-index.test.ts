import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { digestOf, FileIndex } from "../../cache/index.js";
import { temporaryDirectory } from "./support/rig.js";

/** A file written just now, and where an index may go. */
function makeFile(): { index: string; file: string } {
  const directory = temporaryDirectory();
  const [index, file] = [join(directory, "index"), join(directory, "file")];
  writeFileSync(file, "content");
  return { index, file };
}

describe("FileIndex", () => {
  it("gives the digest of a file as it is now, however short ago it changed", async () => {
    const { index, file } = makeFile();
    const files = await FileIndex.open(index);
    for (const content of ["same size 1", "same size 2", "same size 3"]) {
      writeFileSync(file, content);
      utimesSync(file, 1000, 1000);
      expect(files.digest(file)).toBe(digestOf(content));
    }
  });

  it("does not trust a file that was written just before the index was opened", async () => {
    const { index, file } = makeFile();
    const first = await FileIndex.open(index);
    expect(first.digest(file)).toBe(digestOf("content"));
    first.save();
    // Nothing was kept: neither a row nor, therefore, an index.
    expect(() => readFileSync(index)).toThrow();
  });

  it("answers from the index for a file of old", async () => {
    const directory = temporaryDirectory();
    const index = join(directory, "index");
    // A file of the system: old, and nobody writes it while tests run.
    const old = process.execPath;
    const first = await FileIndex.open(index);
    const digest = first.digest(old);
    first.save();
    expect(readFileSync(index, "utf8")).toContain(`${digest!} `);
    const { ino } = statSync(index);
    const second = await FileIndex.open(index);
    expect(second.digest(old)).toBe(digest);
    // Had it read the file again, it would have a row to write.
    second.save();
    expect(statSync(index).ino).toBe(ino);
  });

  it("ignores an index with a damaged byte", async () => {
    const directory = temporaryDirectory();
    const index = join(directory, "index");
    const first = await FileIndex.open(index);
    const digest = first.digest(process.execPath);
    first.save();
    const bytes = readFileSync(index);
    for (const at of [0, 30, 90, bytes.byteLength - 2]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = damaged[at]! ^ 1;
      writeFileSync(index, damaged);
      expect((await FileIndex.open(index)).digest(process.execPath)).toBe(digest);
    }
  });

  it("knows no digest of what is not a regular file", async () => {
    const { index, file } = makeFile();
    const files = await FileIndex.open(index);
    mkdirSync(`${file}.d`);
    symlinkSync(file, `${file}.l`);
    for (const path of [`${file}.d`, `${file}.l`, `${file}.absent`, join(file, "below")])
      expect(files.digest(path)).toBeUndefined();
  });

  it("sees another file under an old name", async () => {
    const { index, file } = makeFile();
    const files = await FileIndex.open(index);
    files.digest(file);
    writeFileSync(`${file}.new`, "CONTENT");
    linkSync(file, `${file}.old`);
    renameSync(`${file}.new`, file);
    expect(files.digest(file)).toBe(digestOf("CONTENT"));
    expect(files.digest(`${file}.old`)).toBe(digestOf("content"));
  });
});
