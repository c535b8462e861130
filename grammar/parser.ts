/**
 * Tokens to AST: the grammar, one rule for each production of `README.md`.
 *
 * Rules build AST nodes directly; there is no concrete tree. A rule stops at the first token that does
 * not fit: `recover.ts` decides how to go on. Faults that leave the structure clear are noted and passed.
 */
import type { IParserErrorMessageProvider, IToken, TokenType } from "chevrotain";
import type * as ast from "./ast.js";
import {
  endOf,
  ExpressionParser,
  type LayoutMarks,
  nameOf,
  type SoftFault,
  spanOf,
} from "./expressions.js";
import type { Span } from "./source.js";
import * as t from "./tokens.js";

/** Where and in what the parser stopped: the facts from which a message is made. */
export interface Stop {
  readonly rule: string;
  /** Undefined when no alternative of the rule fits. */
  readonly expected?: TokenType;
  readonly token: IToken;
  readonly previous: IToken | undefined;
}

/** What one run of the parser found. */
export interface Parsed {
  readonly edition: { readonly value: number; readonly span: Span } | undefined;
  readonly imports: ast.Import[];
  readonly declarations: ast.Declaration[];
  readonly faults: readonly SoftFault[];
  readonly stop: Stop | undefined;
  /** The first tokens of the statements that were open at the stop, outermost first. */
  readonly openStatements: readonly IToken[];
  /** The first token of the declaration that was open at the stop. */
  readonly openDeclaration: IToken | undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class RecipeParser extends ExpressionParser {
  #result: Mutable<Parsed> = emptyResult();
  #open: IToken[] = [];
  #docs: ReadonlyMap<number, string> = new Map();

  /** `validate` checks the grammar for ambiguities when it is made, which only tests need. */
  constructor(validate: boolean) {
    let report: (stop: Stop) => void = () => undefined;
    super({
      maxLookahead: 2,
      recoveryEnabled: false,
      skipValidations: !validate,
      errorMessageProvider: stopProvider((stop) => report(stop)),
    });
    report = (stop) => (this.#result.stop ??= stop);
    this.performSelfAnalysis();
  }

  /** Parses `tokens`, which end where the recipe or its chunk ends; fills `marks` when given. */
  run(
    tokens: IToken[],
    text: string,
    docs: ReadonlyMap<number, string>,
    marks?: LayoutMarks,
  ): Parsed {
    this.marks = marks;
    this.text = text;
    this.#result = emptyResult();
    this.soft = [];
    this.#open = [];
    this.#docs = docs;
    this.input = tokens;
    this.recipe();
    return { ...this.#result, faults: this.soft, openStatements: this.#open };
  }

  recipe = this.RULE("recipe", () => {
    this.OPTION(() => this.SUBRULE(this.edition));
    this.MANY(() => {
      this.marks?.items.add(this.LA(1).startOffset);
      this.OR([
        { ALT: () => this.SUBRULE(this.importLine) },
        { ALT: () => this.SUBRULE(this.projectDeclaration) },
        { ALT: () => this.SUBRULE(this.templateDeclaration) },
        { ALT: () => this.SUBRULE(this.declaration) },
      ]);
      this.#result.openDeclaration = undefined;
    });
  });

  edition = this.RULE("edition", () => {
    const word = this.CONSUME(t.Edition);
    this.marks?.items.add(word.startOffset);
    const number = this.CONSUME(t.NumberLiteral);
    this.ACTION(() => {
      const literal = number.payload as ast.LiteralExpr["value"];
      const value = literal.unit === "int" ? literal.value : -1;
      this.#result.edition = { value, span: { start: word.startOffset, end: endOf(number) } };
    });
  });

  importLine = this.RULE("importLine", () => {
    const word = this.CONSUME(t.ImportWord);
    const path = this.CONSUME(t.Text);
    this.#result.imports.push({
      path: path.payload as string,
      span: { start: word.startOffset, end: endOf(path) },
    });
  });

  projectDeclaration = this.RULE("projectDeclaration", () => {
    const word = this.CONSUME(t.ProjectWord);
    this.#result.openDeclaration = word;
    const body = this.SUBRULE(this.body);
    this.#declare(word, { kind: "project", name: undefined, body });
  });

  declaration = this.RULE("declaration", () => {
    const word = this.CONSUME(t.Kind);
    this.#result.openDeclaration = word;
    const name = nameOf(this.CONSUME(t.Word));
    let parent: ast.Expr | undefined;
    let instance: ast.Expr | undefined;
    let body: ast.Statement[] = [];
    this.OR([
      {
        ALT: () => {
          this.OR2([
            {
              ALT: () => {
                this.CONSUME(t.Extends);
                parent = this.SUBRULE(this.operation);
              },
            },
            {
              ALT: () => {
                this.CONSUME(t.Equals);
                instance = this.SUBRULE2(this.operation);
              },
            },
          ]);
          this.OPTION(() => {
            body = this.SUBRULE(this.body);
          });
        },
      },
      {
        ALT: () => {
          body = this.SUBRULE2(this.body);
        },
      },
    ]);
    this.ACTION(() => {
      const declared: Mutable<ast.Declaration> = this.#declare(word, {
        kind: word.image as ast.DeclarationKind,
        name,
        body,
      });
      if (parent !== undefined) declared.parent = parent;
      if (instance?.type === "call") declared.instance = instance;
      else if (instance !== undefined) {
        this.soft.push({
          code: "KM0143",
          span: instance.span,
          message: "A declaration can only be made from a call of a template",
          help: "write its name and its parameters: name(parameter = value)",
        });
      }
    });
  });

  templateDeclaration = this.RULE("templateDeclaration", () => {
    const word = this.CONSUME(t.TemplateWord);
    this.#result.openDeclaration = word;
    const name = nameOf(this.CONSUME(t.Word));
    const parameters: ast.Parameter[] = [];
    this.CONSUME(t.LParen);
    this.MANY({
      GATE: this.itemGate(t.RParen),
      DEF: () => {
        parameters.push(this.SUBRULE(this.parameter));
        this.OPTION(() => this.CONSUME(t.Comma));
      },
    });
    this.CONSUME(t.RParen);
    this.CONSUME(t.Arrow);
    const kind = this.CONSUME(t.Kind);
    const body = this.SUBRULE(this.body);
    this.ACTION(() => {
      const produces = { kind: kind.image as ast.DeclarationKind, span: spanOf(kind) };
      this.#declare(word, { kind: "template", name, parameters, produces, body });
    });
  });

  parameter = this.RULE("parameter", (): ast.Parameter => {
    const name = nameOf(this.CONSUME(t.Word));
    this.CONSUME(t.Colon);
    const type = this.SUBRULE(this.typeExpression);
    const fallback = this.OPTION(() => {
      this.CONSUME(t.Equals);
      return this.SUBRULE(this.expression);
    });
    const span = this.spanFrom(name.span.start);
    return fallback === undefined ? { name, type, span } : { name, type, fallback, span };
  });

  typeExpression = this.RULE("typeExpression", (): ast.TypeExpr => {
    const name = nameOf(this.CONSUME(t.Word));
    const argument = this.OPTION(() => {
      const less = this.CONSUME(t.Less);
      const inner = this.SUBRULE(this.typeExpression);
      const greater = this.CONSUME(t.Greater);
      this.marks?.angles.add(less.startOffset).add(greater.startOffset);
      return inner;
    });
    const span = this.spanFrom(name.span.start);
    return argument === undefined ? { name: name.text, span } : { name: name.text, argument, span };
  });

  body = this.RULE("body", () => {
    const statements: ast.Statement[] = [];
    // The last statement stays open until the next one or the brace shows that it was whole.
    const depth = this.#open.length;
    this.CONSUME(t.LBrace);
    this.MANY(() => {
      this.#open[depth] = this.LA(1);
      this.marks?.items.add(this.LA(1).startOffset);
      this.#open.length = depth + 1;
      statements.push(this.SUBRULE(this.statement));
      this.OPTION(() => this.CONSUME(t.Comma));
    });
    this.CONSUME(t.RBrace);
    this.#open.length = depth;
    return statements;
  });

  statement = this.RULE("statement", (): ast.Statement =>
    this.OR([
      { ALT: () => this.SUBRULE<[], ast.Statement>(this.assignment) },
      { ALT: () => this.SUBRULE<[], ast.Statement>(this.block) },
      { ALT: () => this.SUBRULE<[], ast.Statement>(this.row) },
    ]),
  );

  assignment = this.RULE("assignment", (): ast.Assignment => {
    const override = this.OPTION(() => this.CONSUME(t.Override));
    const word = this.CONSUME(t.Word);
    const operator = this.CONSUME(t.Assign).image as ast.Assignment["operator"];
    const value = this.SUBRULE(this.expression);
    const start = override ?? word;
    const made: Mutable<ast.Assignment> = {
      type: "assignment",
      override: override !== undefined,
      name: nameOf(word),
      operator,
      value,
      span: this.spanFrom(start.startOffset),
    };
    this.#document(made, start);
    return made;
  });

  block = this.RULE("block", (): ast.Block => {
    const word = this.CONSUME(t.Word);
    const label = this.OPTION(() =>
      this.OR([
        { ALT: () => nameOf(this.CONSUME2(t.Word)) },
        { ALT: () => nameOf(this.CONSUME(t.Text)) },
      ]),
    );
    const body = this.SUBRULE(this.body);
    const made: Mutable<ast.Block> = {
      type: "block",
      keyword: nameOf(word),
      body,
      span: this.spanFrom(word.startOffset),
    };
    if (label !== undefined) made.label = label;
    this.#document(made, word);
    return made;
  });

  row = this.RULE("row", (): ast.MappingRow => {
    const key = this.SUBRULE(this.operation);
    this.CONSUME(t.Arrow);
    const value = this.SUBRULE(this.expression);
    return this.ACTION(() => ({
      type: "row",
      key,
      value,
      span: { start: key.span.start, end: value.span.end },
    }));
  });

  #declare(word: IToken, declared: Omit<ast.Declaration, "span">): Mutable<ast.Declaration> {
    const made: Mutable<ast.Declaration> = { ...declared, span: this.spanFrom(word.startOffset) };
    this.#document(made, word);
    this.#result.declarations.push(made);
    return made;
  }

  #document(made: { doc?: string }, first: IToken): void {
    if (this.#docs.size === 0) return;
    const doc = this.#docs.get(first.startOffset);
    if (doc !== undefined) made.doc = doc;
  }
}

function emptyResult(): Mutable<Parsed> {
  return {
    edition: undefined,
    imports: [],
    declarations: [],
    faults: [],
    stop: undefined,
    openStatements: [],
    openDeclaration: undefined,
  };
}

/** Chevrotain asks for a message at the fault; the facts are kept and the message is made later. */
function stopProvider(report: (stop: Stop) => void): IParserErrorMessageProvider {
  return {
    buildMismatchTokenMessage({ expected, actual, previous, ruleName }) {
      report({ rule: ruleName, expected, token: actual, previous });
      return "";
    },
    buildNotAllInputParsedMessage({ firstRedundant, ruleName }) {
      report({ rule: ruleName, token: firstRedundant, previous: undefined });
      return "";
    },
    buildNoViableAltMessage({ actual, previous, ruleName }) {
      report({ rule: ruleName, token: actual[0] as IToken, previous });
      return "";
    },
    buildEarlyExitMessage({ actual, previous, ruleName }) {
      report({ rule: ruleName, token: actual[0] as IToken, previous });
      return "";
    },
  };
}
