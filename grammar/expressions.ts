/**
 * The expression rules of the grammar, and what all rules share: spans, separators, soft faults.
 *
 * Rules build AST nodes directly; there is no concrete tree. Operators are read as one flat run and
 * made a tree by `precedence.ts`.
 */
import {
  EmbeddedActionsParser,
  type IParserConfig,
  type IToken,
  type TokenType,
  tokenMatcher,
} from "chevrotain";
import type * as ast from "./ast.js";
import { buildTree } from "./precedence.js";
import type { Span } from "./source.js";
import type { HeredocValue } from "./strings.js";
import * as t from "./tokens.js";

/** A fault that leaves the structure clear, so that the parser goes on. */
export interface SoftFault {
  readonly code: string;
  readonly span: Span;
  readonly message: string;
  readonly help: string;
}

/** Offsets that the formatter needs and the AST does not keep. */
export interface LayoutMarks {
  /** Where a statement, a map entry or a top-level item begins. */
  readonly items: Set<number>;
  /** The `<` and `>` of types. */
  readonly angles: Set<number>;
}

/** The UTF-16 offset just after `token`. */
export function endOf(token: IToken): number {
  return token.startOffset + token.image.length;
}

/** The span of `token`. */
export function spanOf(token: IToken): Span {
  return { start: token.startOffset, end: endOf(token) };
}

/** The name that `token`, a word or a string, stands for. */
export function nameOf(token: IToken): ast.Name {
  const text = typeof token.payload === "string" ? token.payload : token.image;
  return { text, span: spanOf(token) };
}

export abstract class ExpressionParser extends EmbeddedActionsParser {
  protected soft: SoftFault[] = [];
  protected text = "";
  protected marks: LayoutMarks | undefined;
  #primary: { ALT: () => ast.Expr }[] | undefined;

  protected constructor(config: IParserConfig) {
    super(t.TOKENS, config);
  }

  expression = this.RULE("expression", (): ast.Expr =>
    this.OR([
      { ALT: () => this.SUBRULE<[], ast.Expr>(this.conditional) },
      { ALT: () => this.SUBRULE<[], ast.Expr>(this.operation) },
    ]),
  );

  conditional = this.RULE("conditional", (): ast.Expr => {
    const word = this.CONSUME(t.If);
    const condition = this.SUBRULE(this.expression);
    this.CONSUME(t.Then);
    const then = this.SUBRULE2(this.expression);
    this.CONSUME(t.Else);
    const otherwise = this.SUBRULE3(this.expression);
    return { type: "if", condition, then, otherwise, span: this.spanFrom(word.startOffset) };
  });

  operation = this.RULE("operation", (): ast.Expr => {
    let nots: Span[][] | undefined;
    let operands: ast.Expr[] | undefined;
    let operators: IToken[] | undefined;
    this.MANY(() => {
      const word = this.CONSUME(t.Not);
      ((nots ??= [[]])[0] as Span[]).push(spanOf(word));
    });
    const first = this.SUBRULE(this.postfix);
    this.MANY2(() => {
      (operators ??= []).push(this.CONSUME(t.Operator));
      const own = operators.length;
      this.MANY3(() => {
        const word = this.CONSUME2(t.Not);
        ((nots ??= [])[own] ??= []).push(spanOf(word));
      });
      (operands ??= [first]).push(this.SUBRULE2(this.postfix));
    });
    if (operators === undefined && nots === undefined) return first;
    return this.ACTION(() => this.#tree(operands ?? [first], nots ?? [], operators ?? []));
  });

  postfix = this.RULE("postfix", (): ast.Expr => {
    let made: ast.Expr = this.SUBRULE(this.primary);
    this.MANY(() => {
      this.OR([
        {
          ALT: () => {
            this.CONSUME(t.Dot);
            const name = nameOf(this.CONSUME(t.Word));
            made = { type: "member", object: made, name, span: this.#spanOver(made) };
          },
        },
        {
          ALT: () => {
            const indices = this.SUBRULE(this.indices);
            made = { type: "index", object: made, indices, span: this.#spanOver(made) };
          },
        },
        {
          ALT: () => {
            const args = this.SUBRULE(this.callArguments);
            made = { type: "call", callee: made, arguments: args, span: this.#spanOver(made) };
          },
        },
      ]);
    });
    return made;
  });

  indices = this.RULE("indices", (): ast.Expr[] => {
    const made: ast.Expr[] = [];
    this.CONSUME(t.LBracket);
    this.MANY({
      GATE: this.itemGate(t.RBracket),
      DEF: () => {
        made.push(this.SUBRULE(this.expression));
        this.OPTION(() => this.CONSUME(t.Comma));
      },
    });
    this.CONSUME(t.RBracket);
    return made;
  });

  callArguments = this.RULE("callArguments", (): ast.CallExpr["arguments"][number][] => {
    const made: ast.CallExpr["arguments"][number][] = [];
    this.CONSUME(t.LParen);
    this.MANY({
      GATE: this.itemGate(t.RParen),
      DEF: () => {
        made.push(this.SUBRULE(this.argument));
        this.OPTION(() => this.CONSUME(t.Comma));
      },
    });
    this.CONSUME(t.RParen);
    return made;
  });

  argument = this.RULE("argument", (): ast.CallExpr["arguments"][number] => {
    const name = this.OPTION(() => {
      const word = this.CONSUME(t.Word);
      this.CONSUME(t.Equals);
      return nameOf(word);
    });
    const value = this.SUBRULE(this.expression);
    return name === undefined ? { value } : { name, value };
  });

  primary = this.RULE("primary", (): ast.Expr =>
    // Made once: the alternatives close over nothing of a call.
    this.OR((this.#primary ??= this.#primaryAlternatives())),
  );

  interpolation = this.RULE("interpolation", (): ast.Expr => {
    const head = this.CONSUME(t.TextHead);
    const parts: (string | ast.Expr)[] = [];
    addText(parts, head);
    parts.push(this.SUBRULE(this.expression));
    this.MANY(() => {
      addText(parts, this.CONSUME(t.TextMiddle));
      parts.push(this.SUBRULE2(this.expression));
    });
    addText(parts, this.CONSUME(t.TextTail));
    return { type: "string", parts, span: this.spanFrom(head.startOffset) };
  });

  list = this.RULE("list", (): ast.Expr => {
    const open = this.CONSUME(t.LBracket);
    const start = open.startOffset;
    const items: ast.Expr[] = [];
    let made: ast.Expr | undefined;
    this.OR([
      {
        ALT: () => {
          made = this.SUBRULE<[number], ast.Expr>(this.comprehension, { ARGS: [start] });
        },
      },
      {
        ALT: () => {
          this.MANY({
            GATE: this.itemGate(t.RBracket),
            DEF: () => {
              items.push(this.SUBRULE(this.expression));
              this.OPTION(() => this.CONSUME(t.Comma));
            },
          });
        },
      },
    ]);
    this.CONSUME(t.RBracket);
    const span = this.spanFrom(start);
    return made === undefined ? { type: "list", items, span } : { ...made, span };
  });

  comprehension = this.RULE("comprehension", (start: number): ast.Expr => {
    this.CONSUME(t.For);
    const variable = nameOf(this.CONSUME(t.Word));
    this.CONSUME(t.In);
    const iterable = this.SUBRULE(this.expression);
    this.CONSUME(t.Colon);
    const value = this.SUBRULE2(this.expression);
    const condition = this.OPTION(() => {
      this.CONSUME(t.If);
      return this.SUBRULE3(this.expression);
    });
    const span = this.spanFrom(start);
    const made = { type: "for", variable, iterable, value, span } as const;
    return condition === undefined ? made : { ...made, condition };
  });

  map = this.RULE("map", (): ast.Expr => {
    const open = this.CONSUME(t.LBrace);
    const entries: ast.MapExpr["entries"][number][] = [];
    this.MANY(() => {
      this.marks?.items.add(this.LA(1).startOffset);
      const key = this.OR([
        { ALT: () => nameOf(this.CONSUME(t.Word)) },
        { ALT: () => nameOf(this.CONSUME(t.Text)) },
      ]);
      this.CONSUME(t.Equals);
      entries.push({ key, value: this.SUBRULE(this.expression) });
      this.OPTION(() => this.CONSUME(t.Comma));
    });
    this.CONSUME(t.RBrace);
    return { type: "map", entries, span: this.spanFrom(open.startOffset) };
  });

  /** The span from `start` to the end of the last token read. */
  protected spanFrom(start: number): Span {
    return { start, end: endOf(this.LA(0)) };
  }

  /**
   * Decides whether one more item follows in a bracket. A comma that is missing between two items is
   * noted and passed, unless the next item looks like a statement: then the bracket was not closed.
   */
  protected itemGate(close: TokenType): () => boolean {
    let first = true;
    return () => {
      if (first) {
        first = false;
        return true;
      }
      const before = this.LA(0);
      const next = this.LA(1);
      if (before.tokenType === t.Comma) {
        // An argument may look like a statement, an item of a list never does.
        return close === t.RParen || !this.#startsStatement(before, next);
      }
      if (next.tokenType === close || !t.isOperandStart(next.tokenType)) return false;
      if (this.#startsStatement(before, next)) return false;
      this.soft.push({
        code: "KM0135",
        span: spanOf(next),
        message: `A comma is missing before ${quote(next)}`,
        help: 'write "," between two items',
      });
      return true;
    };
  }

  #startsStatement(before: IToken, next: IToken): boolean {
    if (!t.isWord(next.tokenType)) return false;
    if (!this.text.slice(endOf(before), next.startOffset).includes("\n")) return false;
    const second = this.LA(2).tokenType;
    if (t.isAssign(second) || second === t.LBrace) return true;
    return (t.isWord(second) || second === t.Text) && this.LA(3).tokenType === t.LBrace;
  }

  #spanOver(made: ast.Expr): Span {
    return this.ACTION(() => this.spanFrom(made.span.start));
  }

  #tree(operands: ast.Expr[], nots: Span[][], operators: IToken[]): ast.Expr {
    const run = {
      operands,
      nots,
      operators: operators.map((token) => ({
        text: token.image as ast.BinaryOperator,
        span: spanOf(token),
      })),
    };
    return buildTree(run, (fault, span) => {
      this.soft.push(
        fault === "chained-comparison"
          ? {
              code: "KM0140",
              span,
              message: "A comparison follows a comparison",
              help: "join the two with and: a < b and b < c",
            }
          : {
              code: "KM0141",
              span,
              message: '"not" stands after an operator that binds tighter',
              help: "put not and what it denies in parentheses",
            },
      );
    });
  }

  #primaryAlternatives(): { ALT: () => ast.Expr }[] {
    return [
      { ALT: () => textExpr(this.CONSUME(t.Text)) },
      {
        ALT: () => {
          const word = this.CONSUME(t.Word);
          return { type: "name", name: word.image, span: spanOf(word) };
        },
      },
      { ALT: () => this.SUBRULE(this.list) },
      { ALT: () => this.SUBRULE(this.map) },
      { ALT: () => literal(this.CONSUME(t.Version)) },
      { ALT: () => literal(this.CONSUME(t.NumberLiteral)) },
      { ALT: () => this.SUBRULE(this.interpolation) },
      {
        ALT: () => {
          const token = this.CONSUME(t.Tagged);
          const tag = token.image.startsWith("re") ? "re" : "glob";
          return { type: "tagged", tag, text: token.payload as string, span: spanOf(token) };
        },
      },
      { ALT: () => boolean(this.CONSUME(t.True), true) },
      { ALT: () => boolean(this.CONSUME(t.False), false) },
      { ALT: () => literal(this.CONSUME(t.Digest)) },
      {
        ALT: () => {
          const token = this.CONSUME(t.Heredoc);
          const value = token.payload as HeredocValue | undefined;
          return {
            type: "heredoc",
            tag: value?.tag ?? "",
            text: value?.text ?? "",
            span: spanOf(token),
          };
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.LParen);
          const inner = this.SUBRULE(this.expression);
          this.CONSUME(t.RParen);
          return inner;
        },
      },
    ];
  }
}

/** `token` as a message shows it: its text in quotes, cut when long. */
export function quote(token: IToken): string {
  if (token.image === "") return "the end of the file";
  const line = token.image.split("\n", 1)[0] ?? "";
  const shown = line.length > 40 ? `${line.slice(0, 39)}…` : line;
  return tokenMatcher(token, t.Text) ? shown : `"${shown}"`;
}

function addText(parts: (string | ast.Expr)[], token: IToken): void {
  if (typeof token.payload === "string" && token.payload !== "") parts.push(token.payload);
}

function textExpr(token: IToken): ast.Expr {
  const text = token.payload as string;
  return { type: "string", parts: text === "" ? [] : [text], span: spanOf(token) };
}

function boolean(token: IToken, value: boolean): ast.Expr {
  return {
    type: "literal",
    value: { unit: "bool", value },
    text: token.image,
    span: spanOf(token),
  };
}

function literal(token: IToken): ast.Expr {
  const value = token.payload as ast.LiteralExpr["value"];
  return { type: "literal", value, text: token.image, span: spanOf(token) };
}
