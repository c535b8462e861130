import { describe, expect, it } from "vitest";
import { isPackageName, parseNameList, readPackageNames } from "../../src/debian/package-names.js";

const PACKAGES = `Package: bind9-dnsutils
Source: bind9
Version: 1:9.18.28-1~deb12u2
Provides: dnsutils (= 1:9.18.28-1~deb12u2), dig
Description: Clients
 Package: not-one

Package: curl
Version: 7.88.1-10
Depends: libc6

Package: curl
Version: 7.88.1-10+deb12u5

Package: libbind-dev
Version: 1
`;

describe("readPackageNames()", () => {
  const names = readPackageNames([PACKAGES]);

  it("knows packages, what they provide and all their versions", () => {
    for (const name of ["bind9-dnsutils", "dnsutils", "dig", "curl"])
      expect(names.has(name), name).toBe(true);
    for (const name of ["not-one", "bind9", "libc6", ""]) expect(names.has(name), name).toBe(false);
    expect(names.versions("curl")).toEqual(["7.88.1-10", "7.88.1-10+deb12u5"]);
    expect(names.versions("dnsutils")).toEqual([]);
    expect(names.versions("nothing")).toEqual([]);
  });

  it("finds what was meant by spelling and by the first word", () => {
    expect(names.near("crul")[0]).toBe("curl");
    expect(names.near("bind-tools")[0]).toBe("bind9-dnsutils");
    expect(names.near("zzzzzzzz")).toEqual([]);
  });

  it("keeps everything in its short form", () => {
    const again = parseNameList(names.format());
    expect(again.format()).toBe(names.format());
    expect(again.versions("curl")).toEqual(names.versions("curl"));
    expect(again.has("dig")).toBe(true);
  });

  it("reads sixty thousand paragraphs in well under a second", () => {
    const filler = "Description: a line that does not count\n".repeat(10);
    const text = Array.from(
      { length: 60_000 },
      (_, index) => `Package: p${index}\n${filler}Version: ${index}\n`,
    ).join("\n");
    const start = performance.now();
    expect(readPackageNames([text]).versions("p59999")).toEqual(["59999"]);
    expect(performance.now() - start).toBeLessThan(3000);
  });
});

describe("isPackageName()", () => {
  it("follows Debian policy", () => {
    for (const name of ["g++", "libc6", "0ad", "python3.11"])
      expect(isPackageName(name)).toBe(true);
    for (const name of ["", "a", "Curl", "curl:amd64", "-x", "a b"])
      expect(isPackageName(name)).toBe(false);
  });
});
