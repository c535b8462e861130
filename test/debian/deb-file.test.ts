import { expect, test } from "vitest";
import { debFileName, parseDebFileName } from "../../src/debian/deb-file.js";

test("a package file's name gives its name, version with epoch and architecture", () => {
  expect(parseDebFileName("bind9-dnsutils_1%3a9.18.41-1~deb12u1_mips64el.deb")).toEqual({
    name: "bind9-dnsutils",
    version: "1:9.18.41-1~deb12u1",
    architecture: "mips64el",
  });
  expect(parseDebFileName("tzdata_2025b-0+deb12u2_all.deb")?.architecture).toBe("all");
});

test("the name that is made for a package is read back", () => {
  const id = { name: "libstdc++6", version: "1:2.0~rc1+b2-3", architecture: "mips64el" };
  expect(debFileName(id)).toBe("libstdc++6_1%3a2.0~rc1+b2-3_mips64el.deb");
  expect(parseDebFileName(debFileName(id))).toEqual(id);
});

test("anything else is no package file", () => {
  for (const name of ["Packages", "curl.deb", "a_b.deb", "x/a_b_c.deb", "a_b_c_d.deb"])
    expect(parseDebFileName(name), name).toBeUndefined();
});
