import { describe, expect, it } from "vitest";
import { onEachProcessor } from "../../src/execute/index.js";
import { allowedProcessors } from "../../src/host/index.js";

const turn = async (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

describe("onEachProcessor", () => {
  it("runs in order, no more at once than there are slots", async () => {
    const started: number[] = [];
    let active = 0;
    let most = 0;
    await onEachProcessor([1, 2, 3, 4, 5], 2, async (item) => {
      started.push(item);
      most = Math.max(most, ++active);
      await turn();
      active--;
    });
    expect(started).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });

  it("gives what runs at the same time different processors, as long as there are enough", async () => {
    const slots = allowedProcessors().length;
    const busy = new Set<number>();
    await onEachProcessor([...Array(slots * 3).keys()], slots, async (_, processor) => {
      expect(busy.has(processor)).toBe(false);
      expect(allowedProcessors()).toContain(processor);
      busy.add(processor);
      await turn();
      busy.delete(processor);
    });
  });

  it("lets what has begun end before it reports the first error", async () => {
    const ended: number[] = [];
    await expect(
      onEachProcessor([1, 2], 2, async (item) => {
        if (item === 1) throw new Error("one failed");
        await turn();
        ended.push(item);
      }),
    ).rejects.toThrow("one failed");
    expect(ended).toEqual([2]);
  });
});
