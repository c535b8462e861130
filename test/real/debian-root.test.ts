/** Debian root file systems: what runs natively gives what full emulation gives. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { DebianRig, layersOf } from "./debian-rig.js";

let debian: DebianRig;
beforeAll(async () => {
  debian = await DebianRig.open();
});
afterAll(() => debian.close());

it("makes the same base natively as under the emulator", async () => {
  const native = await debian.base("debian");
  expect(native.emulatedMs).toBe(0);
  const emulated = await debian.base("emulated", { scripts: "emulated" });
  expect(emulated.emulatedMs).toBeGreaterThan(0);
  expect(layersOf(emulated)).toEqual(layersOf(native));
});
