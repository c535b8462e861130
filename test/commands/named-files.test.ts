import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UsageError } from "../../src/commands/index.js";
import { formatFiles } from "../../src/commands/format.js";
import { readNamedFile } from "../../src/commands/named-files.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "kmips-named-"));
});
afterEach(() => rmSync(root, { recursive: true }));

describe("readNamedFile()", () => {
  it.each([
    ["gone.tsv", "ENOENT"],
    ["", "EISDIR"],
  ])("calls %j wrong usage", (name, errno) => {
    const path = join(root, name);
    expect(() => readNamedFile(path)).toThrow(
      new UsageError(`Cannot read "${path}": ${errno}`, "name a file that is there"),
    );
  });

  it("is how fmt reads", () => {
    expect(() => formatFiles(root, [join(root, "gone.kmips")], true)).toThrow(UsageError);
  });
});
