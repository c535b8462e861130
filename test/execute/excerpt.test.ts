import { describe, expect, it } from "vitest";
import { excerpt, lastLines } from "../../src/execute/excerpt.js";

describe("excerpt()", () => {
  it("picks the faults of a Go build with their packages", () => {
    const log = [
      "go: downloading k8s.io/klog v0.4.0",
      "# github.com/google/cadvisor/fs",
      "fs/fs.go:517:17: cannot use buf.Dev (variable of type uint32) as uint64 value in argument to major",
      "unrelated",
    ].join("\n");
    expect(excerpt(log)).toBe(
      [
        "# github.com/google/cadvisor/fs",
        "fs/fs.go:517:17: cannot use buf.Dev (variable of type uint32) as uint64 value in argument to major",
      ].join("\n"),
    );
  });

  it("picks errors of gcc and the linker, not warnings", () => {
    const log = [
      "pause.c: In function 'main':",
      "pause.c:12:3: warning: unused variable",
      "pause.c:14:10: error: 'x' undeclared (first use in this function)",
      "/usr/bin/ld: /tmp/x.o: in function `main':",
      "x.c:(.text+0x8): undefined reference to `missing'",
      "collect2: error: ld returned 1 exit status",
    ].join("\n");
    expect(excerpt(log).split("\n")).toEqual([
      "pause.c:14:10: error: 'x' undeclared (first use in this function)",
      "x.c:(.text+0x8): undefined reference to `missing'",
      "collect2: error: ld returned 1 exit status",
    ]);
  });

  it("starts at the first line of a crash", () => {
    const log = [
      "starting",
      "panic: encoding alphabet includes duplicate symbols",
      "",
      "goroutine 1 [running]:",
    ];
    expect(excerpt(log.join("\n"))).toBe(log.slice(1).join("\n"));
  });

  it("falls back to the last lines", () => {
    const log = Array.from({ length: 50 }, (_, index) => `line ${String(index)}`).join("\n");
    expect(excerpt(`${log}\n\n`).split("\n")).toEqual(
      Array.from({ length: 20 }, (_, index) => `line ${String(index + 30)}`),
    );
  });

  it("counts what it leaves out", () => {
    const log = Array.from({ length: 30 }, (_, index) => `a.go:${String(index + 1)}:1: bad`).join(
      "\n",
    );
    const lines = excerpt(log).split("\n");
    expect(lines).toHaveLength(20);
    expect(lines.at(-1)).toBe("… and 11 more");
  });

  it("shows no control characters and no endless lines", () => {
    expect(excerpt("\u001b[31mred\u001b[0m\u0007 \u009b1m")).toBe("red\\x07 \\x9b1m");
    expect(excerpt("x".repeat(10_000))).toHaveLength(400);
  });
});

describe("lastLines()", () => {
  it("keeps the end", () => {
    expect(lastLines("a\nb\nc\n", 2)).toBe("b\nc");
  });
});
