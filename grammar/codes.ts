/**
 * Every diagnostic code of the grammar with its meaning in one line.
 *
 * Codes are stable: a code is never reused for another meaning. `KM01xx` is text and grammar, listed
 * here; `KM02xx` (names, types, evaluation) is listed beside the code that reports it.
 */

/** Code to meaning, KM01xx: the text of a recipe. */
export const GRAMMAR_CODES: Readonly<Record<string, string>> = {
  // Limits.
  KM0101: "The file is larger than 1 MiB",
  KM0102: "The file has too many tokens",
  KM0103: "Brackets nest too deep",
  KM0104: "An expression has too many operators",
  KM0105: "A name is too long",
  KM0106: "A string is too long",
  KM0107: "A character that must not stand in a recipe",
  KM0108: "There are more faults than are shown",
  // Tokens.
  KM0110: "A character without a meaning",
  KM0111: "A string is not closed on its line",
  KM0112: "A heredoc is not closed",
  KM0113: "The first line of a heredoc is not << and a word",
  KM0114: "An unknown escape in a string",
  KM0115: "A \\u escape that names no character",
  KM0116: "An unknown unit",
  KM0117: "A number that is written wrong or too large",
  KM0118: "A wrong file mode",
  KM0119: "A wrong instant",
  KM0120: "A wrong digest",
  KM0121: "A comment as other languages write it",
  KM0122: "A string in single quotes",
  KM0123: 'A name that holds "-"',
  // Structure.
  KM0130: "Something that is no declaration stands outside of one",
  KM0131: "An unknown kind of declaration",
  KM0132: "Something that is no statement stands in a block",
  KM0133: 'The "=" of an assignment is missing, or ":" stands for it',
  KM0134: "A value is missing",
  KM0135: "A comma is missing between two items",
  KM0136: "A bracket is not closed",
  KM0137: "A closing bracket that nothing opened",
  KM0138: "A reserved word stands where a name is wanted",
  KM0139: "A name is missing",
  KM0140: "A comparison follows a comparison",
  KM0141: '"not" stands after an operator that binds tighter',
  KM0142: 'A part of "if … then … else …" is missing',
  KM0143: "A declaration is made from something that is no call",
  KM0144: "An unknown edition of the language",
  KM0145: "An interpolated string stands where a plain string is wanted",
  KM0146: 'The "->" of a row is missing',
  KM0147: "A body in braces is missing",
  KM0150: "A token that does not fit here",
};
