import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  actionKey,
  canonicalBytes,
  compareUtf8,
  digestOf,
  resultDigest,
  type CanonicalValue,
  type Field,
} from "../../cache/index.js";

const text = fc.string({ unit: "grapheme" });
const value: fc.Arbitrary<CanonicalValue> = fc.letrec<{ value: CanonicalValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.constantFrom("", "a", "ab", "__proto__", "10", "9", "s", "\0"),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .map((number) => (number === 0 ? 0 : number)),
    fc.integer({ min: -3, max: 3 }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.tuple(text, tie("value")), { maxLength: 4 }).map((entries) => new Map(entries)),
  ),
})).value;

describe("canonicalBytes()", () => {
  it("has the same bytes for the same value only", () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(canonicalBytes(a).equals(canonicalBytes(b))).toBe(sameValue(a, b));
      }),
      { numRuns: 3000 },
    );
  });

  it("can be read back, so no two values share their bytes", () => {
    fc.assert(
      fc.property(value, (original) => {
        const [decoded, end] = decode(canonicalBytes(original), 0);
        expect(end).toBe(canonicalBytes(original).byteLength);
        expect(sameValue(decoded, original)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it("does not depend on the order of a map's entries", () => {
    expect(canonicalBytes({ b: 1, a: 2, 10: 3, 9: 4 })).toEqual(
      canonicalBytes(
        new Map([
          ["9", 4],
          ["a", 2],
          ["10", 3],
          ["b", 1],
        ]),
      ),
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, "\ud800", undefined, () => 1, 1n])(
    "refuses %s, which has no canonical form",
    (wrong) => {
      expect(() => canonicalBytes(wrong as CanonicalValue)).toThrow(TypeError);
    },
  );

  it("tells concatenations, types and absence apart", () => {
    const values: CanonicalValue[] = [
      ["a", "b"],
      ["ab"],
      ["a", ["b"]],
      "ab",
      ["", "ab"],
      [],
      "",
      {},
      null,
      false,
      0,
      "0",
      { a: "" },
      { "": "a" },
      [["a"], "b"],
      "a\0b",
      "é",
      "e\u0301",
    ];
    expect(new Set(values.map((each) => canonicalBytes(each).toString("hex"))).size).toBe(
      values.length,
    );
  });
});

describe("compareUtf8()", () => {
  it("orders as the bytes do", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 3000 },
    );
    expect(compareUtf8("\uff5e", "\u{1f600}")).toBeLessThan(0);
  });
});

describe("resultDigest()", () => {
  const a = { name: "a", digest: digestOf("a"), size: 1 };
  const b = { name: "b", digest: digestOf("b"), size: 1 };

  it("does not depend on the order of outputs", () => {
    expect(resultDigest([a, b])).toBe(resultDigest([b, a]));
  });

  it("changes with name, content and executable bit", () => {
    const digests = [
      [a],
      [b],
      [a, b],
      [{ ...a, digest: b.digest }],
      [{ ...a, executable: true }],
      [],
    ].map((outputs) => resultDigest(outputs));
    expect(new Set(digests).size).toBe(digests.length);
  });

  it("refuses two outputs of one name", () => {
    expect(() => resultDigest([a, a])).toThrow(TypeError);
  });
});

describe("actionKey()", () => {
  const base: Field[] = [
    { name: "argv", value: { type: "list", items: ["go", "build"] } },
    {
      name: "env",
      value: {
        type: "map",
        entries: [
          ["A", "1"],
          ["B", "2"],
        ],
      },
    },
    { name: "source", value: { type: "blob", digest: digestOf("source"), size: 6 } },
    { name: "version", value: { type: "text", text: "v1" } },
  ];

  it("does not depend on the order of fields", () => {
    expect(actionKey("go", 1, [...base].reverse())).toBe(actionKey("go", 1, base));
  });

  it("changes with every part", () => {
    const variants: [string, number, Field[]][] = [
      ["go", 1, base],
      ["c", 1, base],
      ["go", 2, base],
      ["go", 1, base.slice(1)],
      ["go", 1, edit("argv", { type: "list", items: ["gobuild"] })],
      ["go", 1, edit("argv", { type: "list", items: ["build", "go"] })],
      ["go", 1, edit("argv", { type: "text", text: "go" })],
      [
        "go",
        1,
        edit("env", {
          type: "map",
          entries: [
            ["A", "2"],
            ["B", "1"],
          ],
        }),
      ],
      ["go", 1, edit("source", { type: "blob", digest: digestOf("other"), size: 6 })],
      ["go", 1, edit("source", { type: "text", text: digestOf("source") })],
    ];
    expect(new Set(variants.map((variant) => actionKey(...variant))).size).toBe(variants.length);
  });

  it("refuses two fields of one name", () => {
    expect(() => actionKey("go", 1, [...base, base[0]!])).toThrow(TypeError);
  });

  it("stays as it is from release to release", () => {
    expect(actionKey("go", 1, base)).toMatchInlineSnapshot(
      `"sha256:e7e07063a49b9804db27427ad4dced2b36e6115771393f6862e5cd24f5a27683"`,
    );
  });

  function edit(name: string, value: Field["value"]): Field[] {
    return base.map((field) => (field.name === name ? { name, value } : field));
  }
});

function sameValue(a: CanonicalValue, b: CanonicalValue): boolean {
  return JSON.stringify(plain(a)) === JSON.stringify(plain(b));
}

function plain(value: CanonicalValue): unknown {
  if (Array.isArray(value)) return ["list", ...value.map(plain)];
  if (value instanceof Map) {
    const entries = [...(value as ReadonlyMap<string, CanonicalValue>)];
    return [
      "map",
      entries.sort(([a], [b]) => compareUtf8(a, b)).map(([name, item]) => [name, plain(item)]),
    ];
  }
  return value;
}

/** The inverse of the encoding, written from its description alone. */
function decode(bytes: Buffer, at: number): [CanonicalValue, number] {
  const type = String.fromCharCode(bytes[at]!);
  const length = Number(bytes.readBigUInt64BE(at + 1));
  let end = at + 9;
  if (type === "s") return [bytes.toString("utf8", end, end + length), end + length];
  if (type === "n") return [bytes.readDoubleBE(end), end + 8];
  if (type === "t" || type === "f") return [type === "t", end];
  if (type === "z") return [null, end];
  const items: CanonicalValue[] = [];
  const map = new Map<string, CanonicalValue>();
  for (let i = 0; i < length; i++) {
    let name: CanonicalValue = "";
    let item: CanonicalValue;
    if (type === "m") [name, end] = decode(bytes, end);
    [item, end] = decode(bytes, end);
    items.push(item);
    map.set(name as string, item);
  }
  return [type === "m" ? map : items, end];
}
