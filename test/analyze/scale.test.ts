import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { analyzeProject, nodesOf, print } from "./support/project.js";
import { Emitter, Needs } from "../../src/analyze/emit.js";
import { Findings } from "../../src/analyze/findings.js";
import { EXAMPLE, EXAMPLE_PROJECT } from "./support/example.js";

const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join("\n");

describe("analyze() at scale", () => {
  it("takes a chain of ten thousand images, in either order", () => {
    const chain = (index: number): string =>
      index === 0 ? "image i0 { }" : `image i${index} { from = image.i${index - 1} }`;
    expect(nodesOf(lines(10_000, chain)).size).toBe(10_000);
    expect(nodesOf(lines(10_000, (index) => chain(9999 - index))).size).toBe(10_000);
  });

  it("finds the cycle of ten thousand images", () => {
    const { diagnostics } = analyzeProject(
      lines(10_000, (index) => `image i${index} { from = image.i${(index + 1) % 10_000} }`),
    );
    expect(diagnostics.map((diagnostic) => diagnostic.code)).toEqual(["KM0309"]);
  });

  it("reports nothing more after the budget is gone", () => {
    const wide = `[for a in ${JSON.stringify(Array.from({ length: 1000 }, () => 1))} : [for b in ${JSON.stringify(Array.from({ length: 1100 }, () => 1))} : a]]`;
    const { diagnostics } = analyzeProject(
      `image i { labels = { a = ${wide}[0][0] } }\nimage j { ports = ["x"] }`,
    );
    expect(diagnostics.map((diagnostic) => diagnostic.code)).toEqual(["KM0223"]);
  });
});

describe("Emitter", () => {
  it("reports the first node beyond the limit", () => {
    const findings = new Findings();
    const emitter = new Emitter(findings, 2);
    const file = { name: "project.kmips", text: "group a { }" };
    const at = { file, span: { start: 6, end: 7 } };
    for (const address of ["group.a", "group.b", "group.c", "group.d"]) {
      emitter.emit(address, { kind: "group", members: [] }, new Needs(), at, undefined);
    }
    expect([...emitter.nodes.keys()]).toEqual(["group.a", "group.b"]);
    expect(findings.list([file]).map((diagnostic) => diagnostic.code)).toEqual(["KM0313"]);
  });
});

describe("analyze() of damaged recipes", () => {
  const piece = fc.constantFrom(
    "{",
    "}",
    "(",
    ")",
    "=",
    '"',
    "->",
    "image.etcd",
    "self.version",
    "when = false",
    "matrix { target = [riscv64] }",
    "[1]",
    "v1",
    "override",
    "${",
    "\n",
    "source",
    "extends image.hello",
  );
  const cut = fc.record({
    at: fc.nat(EXAMPLE.length),
    length: fc.nat(60),
    insert: fc.oneof(piece, fc.string({ maxLength: 5 })),
  });

  it("never throws, and gives a graph exactly when there is no error", () => {
    fc.assert(
      fc.property(fc.array(cut, { minLength: 1, maxLength: 4 }), (cuts) => {
        let text = EXAMPLE;
        for (const { at, length, insert } of cuts)
          text = text.slice(0, at) + insert + text.slice(at + length);
        const { graph, diagnostics } = analyzeProject({
          ...EXAMPLE_PROJECT,
          "project.kmips": text,
        });
        const hasErrors = diagnostics.some((diagnostic) => diagnostic.severity === "error");
        expect(graph === undefined, diagnostics.map(print).join("\n")).toBe(hasErrors);
      }),
      { numRuns: 200 },
    );
  });
});
