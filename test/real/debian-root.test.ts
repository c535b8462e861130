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
  console.log(native.nativeMs, layersOf(native));
  expect(native.emulatedMs).toBe(0);
});
