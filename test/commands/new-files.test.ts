import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StorageError } from "../../cache/index.js";
import { UsageError } from "../../src/commands/index.js";
import {
  makeDirectory,
  writeNewText,
  writeText,
  writeTexts,
} from "../../src/commands/new-files.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "kmips-new-"));
  writeFileSync(join(root, "file"), "before");
});
afterEach(() => rmSync(root, { recursive: true }));

describe("makeDirectory()", () => {
  it("has everything or nothing", async () => {
    const path = join(root, "made");
    await makeDirectory(path, (directory) => writeTexts(directory, new Map([["a/b", "x"]])));
    expect(readFileSync(join(path, "a/b"), "utf8")).toBe("x");
    const failed = makeDirectory(join(root, "failed"), (directory) => {
      writeTexts(directory, new Map([["a", "x"]]));
      throw new Error("half way");
    });
    await expect(failed).rejects.toThrow("half way");
    expect(readdirSync(root).sort()).toEqual(["file", "made"]);
  });

  it.each([
    ["file", UsageError],
    ["none/such", StorageError],
    ["file/below", StorageError],
  ])("refuses %s", async (name, error) => {
    await expect(makeDirectory(join(root, name), () => undefined)).rejects.toThrow(error);
  });
});

describe("writeText()", () => {
  it("takes the place of what is there", () => {
    writeText(join(root, "file"), "after");
    expect(readFileSync(join(root, "file"), "utf8")).toBe("after");
    expect(readdirSync(root)).toEqual(["file"]);
  });

  it.each(["", "none/such", "file/below"])("leaves nothing of what fails at %j", (name) => {
    expect(() => writeText(join(root, name), "x")).toThrow(StorageError);
    expect(readdirSync(root)).toEqual(["file"]);
  });
});

describe("writeNewText()", () => {
  it("leaves what is there as it is", () => {
    expect(writeNewText(join(root, "file"), "after")).toBe(false);
    expect(readFileSync(join(root, "file"), "utf8")).toBe("before");
    expect(writeNewText(join(root, "a/b"), "new")).toBe(true);
    expect(existsSync(join(root, "a/b"))).toBe(true);
    expect(() => writeNewText(join(root, "file/below"), "x")).toThrow(StorageError);
  });
});
