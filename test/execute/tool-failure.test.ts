import { describe, expect, it } from "vitest";
import { saysDiskFull } from "../../src/execute/tool-failure.js";

describe("what a tool said", () => {
  it.each([
    "compile: writing output: write $WORK/b978/_pkg_.a: no space left on device",
    "cp: error writing '/out/file': No space left on device",
    "tar: x: Cannot write: Disk quota exceeded",
  ])("means a full disk: %s", (said) => {
    expect(saysDiskFull(said)).toBe(true);
  });

  it("means something else", () => {
    expect(saysDiskFull("main.go:3:1: syntax error: non-declaration statement")).toBe(false);
  });
});
