import { describe, expect, it } from "vitest";
import { nearest } from "../../grammar/index.js";

describe("nearest()", () => {
  it("finds one edit: missing, added, wrong and swapped letters", () => {
    for (const name of ["componnt", "commponent", "compoment", "compnoent", "Component"]) {
      expect(nearest(name, ["image", "component", "index"])).toEqual(["component"]);
    }
  });

  it("gives at most three, the nearest first, equal ones in code-unit order", () => {
    expect(nearest("image", ["imagez", "imagea", "imag", "imges", "imageb"])).toEqual([
      "imag",
      "imagea",
      "imageb",
    ]);
  });

  it("gives nothing that is far away, nor the name itself", () => {
    expect(nearest("etcd", ["coredns", "pause", "etcd"])).toEqual([]);
    expect(nearest("", ["ab"])).toEqual([]);
  });
});
