import { describe, expect, it } from "vitest";
import { suiteFault, suitesOf } from "../../src/debian/suites.js";
import { platformOf } from "../../src/model/platform.js";

describe("Debian's releases of an architecture", () => {
  it("begin and end where the release notes say", () => {
    expect(suitesOf(platformOf("mips64le")).at(-1)).toBe("bookworm");
    expect(suitesOf(platformOf("riscv64"))).toEqual(["trixie", "forky", "sid"]);
    expect(suitesOf(platformOf("loong64"))).toEqual(["forky", "sid"]);
    expect(suitesOf(platformOf("mips64"))).toEqual([]);
  });

  it("are what a suite is checked against", () => {
    for (const suite of suitesOf(platformOf("riscv64")))
      expect(suiteFault(suite, platformOf("riscv64"))).toBeUndefined();
    expect(suiteFault("bookworm", platformOf("riscv64"))?.help).toBe(
      "the first suite with riscv64 is trixie",
    );
    expect(suiteFault("bookworm", platformOf("mips64"))?.help).toBe("choose another target");
  });
});
