import { describe, expect, it } from "vitest";
import { format, LIMITS } from "../../grammar/index.js";
import { declared, faults, read } from "./support.js";

const codes = (text: string): string[] => read(text).diagnostics.map(({ code }) => code);

describe("LIMITS", () => {
  it("refuses a file of more than 1 MiB, counted in bytes", () => {
    expect(codes(`# ${"é".repeat(LIMITS.fileBytes / 2)}`)).toEqual(["KM0101"]);
    expect(codes(`# ${"e".repeat(LIMITS.fileBytes - 2)}`)).toEqual([]);
  });

  it("refuses a file of too many tokens", () => {
    expect(codes(`project { a = [${"1,".repeat(LIMITS.tokens / 2)}] }`)).toEqual(["KM0102"]);
  });

  it.each([
    ["lists", "[", "]"],
    ["maps", "{ a = ", "}"],
    ["parentheses", "(", ")"],
    ["calls", "f(", ")"],
    ["indices", "a[", "]"],
  ])("allows %s to nest as deep as the limit and no deeper", (_name, open, close) => {
    const nested = (depth: number): string =>
      `project { a = ${open.repeat(depth)}1${close.repeat(depth)} }\nindex b { }\n`;
    expect(codes(nested(LIMITS.nesting - 1))).toEqual([]);
    expect(codes(nested(LIMITS.nesting))).toEqual(["KM0103"]);
    expect(codes(nested(10_000))).toEqual(["KM0103"]);
    expect(declared(nested(10_000))).toEqual(["index.b"]);
  });

  it("bounds blocks and interpolations as it does brackets", () => {
    expect(codes(`project { ${"a {".repeat(500)} ${"}".repeat(500)} }`)).toEqual(["KM0103"]);
    expect(codes(`project { a = ${'"${'.repeat(100)}1${'}"'.repeat(100)} }`)).toEqual(["KM0103"]);
    expect(codes(`project { a = ${'"${'.repeat(5000)}1${'}"'.repeat(5000)} }`)).not.toEqual([]);
  });

  it.each([
    ["members", "a", ".b", ""],
    ["calls", "a", "()", ""],
    ["sums", "a", " + a", ""],
    ["denials", "", "not ", "a"],
    ["conditions", "", "if a then b else ", "c"],
    ["conditions of conditions", "", "if ", "a"],
  ])("bounds chains of %s", (_name, before, link, after) => {
    const chain = (count: number): string =>
      `project { a = ${before}${link.repeat(count)}${after} }`;
    if (link !== "if ") expect(codes(chain(200))).toEqual([]);
    expect(codes(chain(20_000))).toEqual(["KM0104"]);
  });

  it("does not count declarations, statements or items as a chain", () => {
    expect(codes("image a extends image.b\n".repeat(3000))).toEqual([]);
    expect(codes("image a extends image.b { c.d -> e(f) }\n".repeat(3000))).toEqual([]);
    expect(codes(`project { ${"a { b = c.d }\n".repeat(3000)} }`)).toEqual([]);
    expect(codes(`project { a = [${"b.c, ".repeat(3000)}] }`)).toEqual([]);
  });

  it("shows 50 faults of a file at most, the last one says so", () => {
    const text = "project {\n" + "x : 1\n".repeat(60) + "}\n" + "@\n".repeat(60);
    const { diagnostics } = read(text);
    expect(diagnostics).toHaveLength(LIMITS.diagnostics);
    expect(diagnostics.at(-1)?.code).toBe("KM0108");
  });

  it("reads hostile text in time that grows with its size", () => {
    const hostile = [
      "@é".repeat(83_000),
      '"'.repeat(166_000),
      '"\\q'.repeat(100_000),
      "'a\n".repeat(66_000),
      "<<a\n".repeat(66_000),
      Array.from({ length: 20_000 }, (_, at) => `source x${at}\n<<a${at}\n`)
        .join("")
        .slice(0, LIMITS.fileBytes),
      "#\n".repeat(133_000),
      `project { a = b ${"# c\n".repeat(66_000)} . d }`,
      "a-".repeat(133_000),
      '"${'.repeat(100_000),
      "/*".repeat(133_000),
      "1".repeat(300_000),
      `v${"1.".repeat(133_000)}`,
      "{ } ".repeat(16_000),
      "project {\n" + "x : 1\n".repeat(13_000) + "}\n",
      "componnt a { }\n".repeat(13_000),
    ];
    for (const text of hostile) {
      expect(read(text).diagnostics.length).toBeLessThanOrEqual(LIMITS.diagnostics);
      format({ name: "hostile.kmips", text });
    }
  });

  it("keeps the places of faults inside the text", () => {
    expect(faults("component a {")).toEqual(["1:13 KM0136"]);
    expect(faults("component")).toEqual(["1:1 KM0139"]);
  });
});
