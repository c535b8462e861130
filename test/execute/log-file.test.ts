import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LogFile } from "../../src/execute/log-file.js";

describe("the log of a node", () => {
  it.skipIf(!existsSync("/dev/full"))("ends where the disk is full, without an error", () => {
    const log = new LogFile("/dev/full");
    log.write("the disk has no room for this\n");
    log.write("nor for this\n");
    log.close();
  });

  it("does not hide other faults", () => {
    const log = new LogFile("/dev/null/log");
    expect(() => log.write("x")).toThrow();
  });
});
