import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { format, parse } from "../../grammar/index.js";
import { recipes } from "./arbitrary.js";

function formatted(text: string): string {
  const result = format({ name: "test.kmips", text });
  if (!("text" in result))
    throw new Error(JSON.stringify(result.diagnostics.map((d) => d.message)));
  return result.text;
}

/** The AST without what formatting may change. */
function meaning(text: string): unknown {
  const { recipe, diagnostics } = parse({ name: "test.kmips", text });
  expect(diagnostics.map(({ message }) => message)).toEqual([]);
  return JSON.parse(
    JSON.stringify(recipe, (key, value: unknown) =>
      key === "span" || key === "file" ? undefined : value,
    ),
  );
}

describe("format()", () => {
  it("changes neither meaning nor comments, and nothing the second time", () => {
    fc.assert(
      fc.property(recipes, ({ text, comments }) => {
        const once = formatted(text);
        expect(meaning(once)).toEqual(meaning(text));
        expect(formatted(once)).toBe(once);
        const kept = [...once.matchAll(/##? c\d+/g)].map(([comment]) => comment);
        expect([...kept].sort()).toEqual([...comments].sort());
        expect(once).not.toMatch(/[ \t]$|\n\n\n|\r|\{\n\n|\n\n *\}/m);
      }),
      { numRuns: 300 },
    );
  });
});
