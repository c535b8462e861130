import { readFileSync } from "node:fs";
import type { ISerializedGast, TokenType } from "chevrotain";
import { describe, expect, it } from "vitest";
import { format, parse } from "../../grammar/index.js";
import { LIMITS } from "../../grammar/limits.js";
import { RecipeParser } from "../../grammar/parser.js";
import { RESERVED, TOKENS } from "../../grammar/tokens.js";
import { describeSchema, type SchemaDescription } from "../../src/analyze/schema.js";

const reference = readFileSync("grammar/README.md", "utf8");
const ebnf = /```ebnf\n([^`]*?)```/.exec(reference)?.[1] ?? "";

/** Production name to what its right side names: rules, tokens and quoted text. */
const productions = new Map(
  ebnf
    .split(/\n(?=[A-Za-z]+ +=)/)
    .map((text) => /^\s*([A-Za-z]+) +=([\s\S]*)$/.exec(text))
    .filter((found) => found !== null)
    .map(([, name = "", right = ""]) => [name, references(right)] as const),
);

function references(right: string): Set<string> {
  // The forms of tokens go first: they hold quotes.
  const plain = right.replace(/(^|\s)\/(?:\\.|\[(?:\\.|[^\]])*\]|[^/\n])+\/(?=\s|$)/gm, " ");
  return new Set(plain.match(/"[^"]+"|[A-Za-z]+/g) ?? []);
}

/** The name of a token in the grammar: its text in quotes where that is fixed. */
function written({ PATTERN, name }: TokenType): string {
  if (typeof PATTERN === "string") return `"${PATTERN}"`;
  const word = PATTERN instanceof RegExp ? /^([a-z]+)\\b$/.exec(PATTERN.source)?.[1] : undefined;
  if (word !== undefined) return `"${word}"`;
  return name === "LBrace" ? '"{"' : name === "RBrace" ? '"}"' : name;
}

function referencesOf(gast: ISerializedGast, names: Set<string>): Set<string> {
  const { type, name } = gast as { type: string; name: string };
  if (type === "NonTerminal") names.add(name);
  if (type === "Terminal")
    names.add(written(TOKENS.find((token) => token.name === name) as TokenType));
  for (const inner of (gast as { definition?: ISerializedGast[] }).definition ?? [])
    referencesOf(inner, names);
  return names;
}

describe("the reference", () => {
  const parser = new RecipeParser(true);

  it("gives every rule of the parser as a production with the same parts", () => {
    const rules = parser.getSerializedGastProductions();
    for (const rule of rules) {
      const { name } = rule as unknown as { name: string };
      expect([name, [...(productions.get(name) ?? [])].sort()]).toEqual([
        name,
        [...referencesOf(rule, new Set())].sort(),
      ]);
    }
  });

  it("has a production or a quoted text for every token, and no other productions", () => {
    const faults = ["ForeignComment", "QuotedText", "Unknown"];
    const tokens = TOKENS.map(written).filter((name) => !faults.includes(name));
    const quoted = [...productions.values()].flatMap((names) => [...names]);
    const rules = Object.keys(parser.getGAstProductions());
    expect(tokens.filter((name) => !productions.has(name) && !quoted.includes(name))).toEqual([]);
    expect(
      [...productions.keys()].filter((name) => !tokens.includes(name) && !rules.includes(name)),
    ).toEqual([]);
  });

  it("names the reserved words", () => {
    const words = RESERVED.map((token) => `\`${written(token).slice(1, -1)}\``);
    for (const word of words) expect(reference).toContain(word);
  });

  it("states the limits", () => {
    const rows = /### Limits\n([\s\S]*?)\n### /.exec(reference)?.[1] ?? "";
    for (const limit of [LIMITS.nesting, LIMITS.chain, LIMITS.identifier, LIMITS.diagnostics]) {
      expect(rows).toMatch(new RegExp(`\\b${limit}\\b`));
    }
  });

  const blocks = [...reference.matchAll(/```kmips\n([\s\S]*?)```/g)].map(([, text = ""]) => text);

  it.each(blocks)("holds an example that is sound and formatted: %#", (text) => {
    expect(parse({ name: "README.md", text }).diagnostics).toEqual([]);
    expect(format({ name: "README.md", text })).toEqual({ text });
  });

  it("lists every attribute and block of the schema", () => {
    const check = (description: SchemaDescription): void => {
      for (const { name, doc } of description.attributes) {
        expect(reference).toContain(`| \`${name}\``);
        expect(reference).toContain(doc.replaceAll("|", "\\|"));
      }
      for (const block of description.blocks) {
        expect(reference).toContain(`### \`${block.name}\``);
        check(block);
      }
    };
    for (const kind of describeSchema()) {
      expect(reference).toContain(`## \`${kind.name}\``);
      check(kind);
    }
  });
});
