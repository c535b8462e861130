import { expect, it } from "vitest";
import { StallWatch } from "../../src/execute/stall-watch.js";

/** Feeds lines, each after so many seconds; tells whether the mirror counts as dead at the end. */
function isDead(...events: readonly (readonly [seconds: number, line: string])[]): boolean {
  let now = 0;
  let dead = false;
  const watch = new StallWatch(
    () => (dead = true),
    () => now,
  );
  for (const [seconds, line] of events) {
    now += seconds * 1000;
    // Output comes in any pieces.
    watch.read(line.slice(0, 3));
    watch.read(Buffer.from(`${line.slice(3)}\n  more\n`));
  }
  return dead;
}

it("gives a mirror up that answers four attempts in a row with silence", () => {
  const stall = [30, "Ign:1 http://a/x.deb"] as const;
  expect(isDead(stall, stall, stall, [30, "Err:1 http://a/x.deb"])).toBe(true);
  expect(isDead(stall, stall, stall)).toBe(false);
});

it("bears with slow files and with many that are not there", () => {
  const stall = [30, "Ign:1 http://a/x.deb"] as const;
  expect(isDead(stall, stall, stall, [1, "Get:2 http://a/y.deb [1 kB]"], stall)).toBe(false);
  const absent = [0.1, "Err:1 http://a/x.deb"] as const;
  expect(isDead(absent, absent, absent, absent, absent, absent)).toBe(false);
  const slow = [600, "Get:1 http://a/x.deb [1 GB]"] as const;
  expect(isDead(slow, slow, slow, slow, slow)).toBe(false);
});
