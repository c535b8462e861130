/**
 * The shape of a parsed recipe. Readonly data; every node carries the span of its text.
 *
 * There are three statement forms only: an assignment, a block and a mapping row.
 */
import type { SourceFile, Span } from "./source.js";

export interface Recipe {
  readonly file: SourceFile;
  /** Language edition from `kmips 1`; 1 when the line is absent. */
  readonly edition: number;
  readonly imports: readonly Import[];
  readonly declarations: readonly Declaration[];
}

/** `import "path.kmips"` or `import "kmips:kubernetes/etcd.kmips"`. */
export interface Import {
  readonly path: string;
  readonly span: Span;
}

/** The top-level kinds, in the order that the reference lists them. */
export const DECLARATION_KINDS = [
  "project",
  "target",
  "source",
  "toolchain",
  "template",
  "component",
  "base",
  "packages",
  "image",
  "index",
  "group",
] as const;
export type DeclarationKind = (typeof DECLARATION_KINDS)[number];

/** A name and where it stands. */
export interface Name {
  readonly text: string;
  readonly span: Span;
}

/**
 * `KIND NAME [extends REF | = CALL] [{ … }]`; `project` alone has no name.
 * For `template NAME(params) -> KIND { … }`, `parameters` and `produces` are present.
 */
export interface Declaration {
  readonly kind: DeclarationKind;
  readonly name: Name | undefined;
  /** `extends image.other`. */
  readonly parent?: Expr;
  /** `= template_name(args)`. */
  readonly instance?: CallExpr;
  readonly parameters?: readonly Parameter[];
  readonly produces?: { readonly kind: DeclarationKind; readonly span: Span };
  readonly body: readonly Statement[];
  /** Text of the `##` comment lines directly above, without the marks. */
  readonly doc?: string;
  readonly span: Span;
}

/** `name: Type [= default]` of a template. */
export interface Parameter {
  readonly name: Name;
  readonly type: TypeExpr;
  readonly fallback?: Expr;
  readonly span: Span;
}

/** `Str`, `list<Str>`, `map<Str>`, `Ref<component>`. */
export interface TypeExpr {
  readonly name: string;
  readonly argument?: TypeExpr;
  readonly span: Span;
}

export type Statement = Assignment | Block | MappingRow;

/** `[override] name (= | += | -=) expr`. */
export interface Assignment {
  readonly type: "assignment";
  readonly override: boolean;
  readonly name: Name;
  readonly operator: "=" | "+=" | "-=";
  readonly value: Expr;
  readonly doc?: string;
  readonly span: Span;
}

/** `keyword [label] { … }`; a label is an identifier or a string. */
export interface Block {
  readonly type: "block";
  readonly keyword: Name;
  readonly label?: Name;
  readonly body: readonly Statement[];
  readonly doc?: string;
  readonly span: Span;
}

/** `key -> value`, the row of a table such as `files`. */
export interface MappingRow {
  readonly type: "row";
  readonly key: Expr;
  readonly value: Expr;
  readonly span: Span;
}

export type Expr =
  | StringExpr
  | HeredocExpr
  | TaggedExpr
  | LiteralExpr
  | NameExpr
  | MemberExpr
  | IndexExpr
  | CallExpr
  | BinaryExpr
  | NotExpr
  | IfExpr
  | ListExpr
  | ForExpr
  | MapExpr;

/** `"text ${expr} text"`: literal text and embedded expressions in order. */
export interface StringExpr {
  readonly type: "string";
  readonly parts: readonly (string | Expr)[];
  readonly span: Span;
}

/** `<<tag … tag`: raw text, common indentation removed, ends with a newline. */
export interface HeredocExpr {
  readonly type: "heredoc";
  readonly tag: string;
  readonly text: string;
  readonly span: Span;
}

/** `re"…"` (linear-time regular expression) or `glob"…"`. */
export interface TaggedExpr {
  readonly type: "tagged";
  readonly tag: "re" | "glob";
  readonly text: string;
  readonly span: Span;
}

/** A literal with its unit decided by the lexer. */
export interface LiteralExpr {
  readonly type: "literal";
  readonly value:
    | { readonly unit: "bool"; readonly value: boolean }
    | { readonly unit: "int"; readonly value: number }
    /** `90MiB`, `5kB`: bytes. */
    | { readonly unit: "size"; readonly bytes: number }
    /** `20s`, `5m`, `200ms`, `2h`: milliseconds. */
    | { readonly unit: "duration"; readonly ms: number }
    /** `0o755`. */
    | { readonly unit: "mode"; readonly mode: number }
    /** `v1.6.5`, `v0.0.0-20191016110408-35e52d86657a`, `v3.3.15+incompatible`: as written. */
    | { readonly unit: "version"; readonly text: string }
    /** `2025-07-01T00:00:00Z`: seconds since the epoch. */
    | { readonly unit: "instant"; readonly seconds: number }
    /** `sha256:` and 64 lower-case hex digits. */
    | { readonly unit: "digest"; readonly text: string };
  /** The literal as written, for the formatter. */
  readonly text: string;
  readonly span: Span;
}

export interface NameExpr {
  readonly type: "name";
  readonly name: string;
  readonly span: Span;
}

/** `object.name`. */
export interface MemberExpr {
  readonly type: "member";
  readonly object: Expr;
  readonly name: Name;
  readonly span: Span;
}

/** `object[a, b]`: the cell of a matrix, or an element of a list or map. */
export interface IndexExpr {
  readonly type: "index";
  readonly object: Expr;
  readonly indices: readonly Expr[];
  readonly span: Span;
}

/** `callee(a, name = b)`. */
export interface CallExpr {
  readonly type: "call";
  readonly callee: Expr;
  readonly arguments: readonly { readonly name?: Name; readonly value: Expr }[];
  readonly span: Span;
}

export type BinaryOperator =
  "/" | "+" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "and" | "or";

export interface BinaryExpr {
  readonly type: "binary";
  readonly operator: BinaryOperator;
  readonly left: Expr;
  readonly right: Expr;
  readonly span: Span;
}

export interface NotExpr {
  readonly type: "not";
  readonly operand: Expr;
  readonly span: Span;
}

/** `if a then b else c`; both branches are required. */
export interface IfExpr {
  readonly type: "if";
  readonly condition: Expr;
  readonly then: Expr;
  readonly otherwise: Expr;
  readonly span: Span;
}

export interface ListExpr {
  readonly type: "list";
  readonly items: readonly Expr[];
  readonly span: Span;
}

/** `[for x in list : expr if condition]`: the only repetition; always finite. */
export interface ForExpr {
  readonly type: "for";
  readonly variable: Name;
  readonly iterable: Expr;
  readonly value: Expr;
  readonly condition?: Expr;
  readonly span: Span;
}

/** `{ key = expr, "key" = expr }`. */
export interface MapExpr {
  readonly type: "map";
  readonly entries: readonly { readonly key: Name; readonly value: Expr }[];
  readonly span: Span;
}
