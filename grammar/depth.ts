/**
 * Checks size and depth before the parser runs, so that deep input is a message and never a RangeError.
 *
 * Whatever recurses over an AST (parser, formatter, evaluator) may rely on these bounds.
 */
import type { IToken } from "chevrotain";
import type { Diagnostic } from "./diagnostic.js";
import { LIMITS } from "./limits.js";
import { diagnose } from "./messages.js";
import type { SourceFile } from "./source.js";
import * as t from "./tokens.js";

/** The fault of a file that must not even be lexed; `undefined` when its size is in bounds. */
export function checkSize(file: SourceFile): Diagnostic | undefined {
  const bytes =
    file.text.length > LIMITS.fileBytes ? file.text.length : Buffer.byteLength(file.text, "utf8");
  if (bytes <= LIMITS.fileBytes) return undefined;
  return diagnose(file, "KM0101", 0, 0, "The recipe is larger than 1 MiB", {
    help: "split it and import the parts",
  });
}

/** The first place where `tokens` nest or chain too deep; `undefined` when they are in bounds. */
export function checkDepth(file: SourceFile, tokens: readonly IToken[]): Diagnostic | undefined {
  // One counter per open bracket: the links of the expression that is being read at that level.
  const links: number[] = [0];
  let total = 0;
  const reset = (): void => {
    total -= links[links.length - 1] ?? 0;
    links[links.length - 1] = 0;
  };
  for (const token of tokens) {
    switch (token.tokenType) {
      case t.LBrace:
      case t.LBracket:
      case t.LParen:
      case t.TextHead:
        // A declaration ends the expression before its body.
        if (links.length === 1 && token.tokenType === t.LBrace) reset();
        links.push(0);
        if (links.length - 1 > LIMITS.nesting) return tooDeep(file, token);
        break;
      case t.RBrace:
      case t.RBracket:
      case t.RParen:
      case t.TextTail:
        if (links.length === 1) break;
        reset();
        links.pop();
        // A call or an index is one more link; a block is none.
        if (token.tokenType === t.RBracket || token.tokenType === t.RParen) {
          links[links.length - 1] = (links[links.length - 1] ?? 0) + 1;
          total += 1;
        }
        break;
      case t.Comma:
      case t.Equals:
      case t.PlusEquals:
      case t.MinusEquals:
      case t.Arrow:
      case t.Extends:
        reset();
        break;
      default:
        if (!t.isLink(token.tokenType)) break;
        links[links.length - 1] = (links[links.length - 1] ?? 0) + 1;
        total += 1;
    }
    if (total > LIMITS.chain) return tooLong(file, token);
  }
  return undefined;
}

function tooDeep(file: SourceFile, token: IToken): Diagnostic {
  return diagnose(
    file,
    "KM0103",
    token.startOffset,
    token.startOffset + 1,
    `Brackets nest deeper than ${LIMITS.nesting} levels`,
    { help: "give an inner part a name of its own" },
  );
}

function tooLong(file: SourceFile, token: IToken): Diagnostic {
  return diagnose(
    file,
    "KM0104",
    token.startOffset,
    token.startOffset + token.image.length,
    `The expression has more than ${LIMITS.chain} operators`,
    { help: "give a part of it a name of its own" },
  );
}
