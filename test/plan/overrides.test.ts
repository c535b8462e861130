import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../cache/digest.js";
import { History } from "../../src/plan/history.js";
import { readOverrides } from "../../src/plan/overrides.js";

describe("readOverrides()", () => {
  it("takes the last value of an option and each platform once", () => {
    expect(readOverrides(["a=1", "b = x=y", "a=2"], ["arm64, riscv64", "arm64"])).toEqual({
      options: new Map([
        ["a", "2"],
        ["b", "x=y"],
      ]),
      targets: ["arm64", "riscv64"],
    });
    expect(readOverrides(["a="], [])?.options.get("a")).toBe("");
  });

  it.each([
    [["a"], []],
    [["=1"], []],
    [[], ["arm64,"]],
    [[], [""]],
  ])("refuses %j and %j", (sets, targets) => {
    expect(readOverrides(sets, targets)).toBeUndefined();
  });
});

describe("History of builds with overrides", () => {
  it("compares what it never built with the usual builds, and claims none of them", () => {
    const directory = mkdtempSync(join(tmpdir(), "kmips-history-"));
    try {
      const usual = History.open(join(directory, "history"));
      usual.record("image.a", digestOf("a"), false);
      usual.record("image.b", digestOf("b"), false);
      usual.flush();
      const own = History.open(
        join(directory, "history-1"),
        History.open(join(directory, "history")),
      );
      own.record("image.b", digestOf("other"), false);
      own.flush();
      expect(own.lastBuilt("image.a")).toBeUndefined();
      expect(own.comparedWith("image.a")).toBe(digestOf("a"));
      expect(own.comparedWith("image.b")).toBe(digestOf("other"));
      expect(own.recentlyBuilt("image.b")).toEqual([digestOf("other"), digestOf("b")]);
      expect(History.open(join(directory, "history")).lastBuilt("image.b")).toBe(digestOf("b"));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
