import { describe, expect, it } from "vitest";
import { makeLexer } from "../../grammar/lexer.js";
import { RecipeParser } from "../../grammar/parser.js";

// The shared instances skip these checks to start faster; here they run.
describe("the grammar", () => {
  it("has sound tokens, all of them indexed by their first character", () => {
    expect(makeLexer(true).lexerDefinitionErrors).toEqual([]);
  });

  it("is not ambiguous with two tokens of look-ahead", () => {
    expect(() => new RecipeParser(true)).not.toThrow();
  });
});
