import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writtenPaths } from "../../src/execute/actions/generate.js";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kmips-generate-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("writtenPaths()", () => {
  // A link in the place of an output was an error of the store, which told to free space.
  it("names files at any depth, and what is none as such", () => {
    mkdirSync(join(directory, "a/empty"), { recursive: true });
    writeFileSync(join(directory, "a/with space.go"), "");
    symlinkSync("/etc/passwd", join(directory, "link.go"));
    symlinkSync("a", join(directory, "other"));
    expect([...writtenPaths(directory)].sort()).toEqual([
      "a/with space.go",
      "link.go (not a regular file)",
      "other (not a regular file)",
    ]);
  });
});
