import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { allowedProcessors, parseProcessorList } from "../../src/host/index.js";

describe("parseProcessorList", () => {
  it("reads the kernel's lists of single processors and ranges", () => {
    expect(parseProcessorList("0")).toEqual([0]);
    expect(parseProcessorList("0-2,5,8-9")).toEqual([0, 1, 2, 5, 8, 9]);
  });
});

describe("allowedProcessors", () => {
  it("are as many as Node uses, or more where a quota limits it further", () => {
    const processors = allowedProcessors();
    expect(processors.length).toBeGreaterThanOrEqual(availableParallelism());
    expect(new Set(processors).size).toBe(processors.length);
  });
});
