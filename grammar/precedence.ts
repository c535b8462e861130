/**
 * Turns a flat run of operands and operators into a tree.
 *
 * The grammar reads the run in one rule, which costs a fraction of one rule for each level.
 */
import type { BinaryOperator, Expr } from "./ast.js";
import type { Span } from "./source.js";

/** Levels from low to high; `not` stands between `and` and the comparisons. */
const LEVELS: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  "==": 4,
  "!=": 4,
  "<": 4,
  "<=": 4,
  ">": 4,
  ">=": 4,
  in: 4,
  "+": 5,
  "/": 6,
};
const NOT_LEVEL = 3;
const COMPARISON_LEVEL = 4;

/** `not … not operand operator not operand …` as read. */
export interface Run {
  readonly operands: readonly Expr[];
  /** The places of the `not` words before each operand. */
  readonly nots: readonly (readonly Span[])[];
  readonly operators: readonly { readonly text: BinaryOperator; readonly span: Span }[];
}

/** Called with the place of a fault of the run. */
export type RunFault = (fault: "chained-comparison" | "misplaced-not", span: Span) => void;

/** The tree of `run`, which has one operator less than operands. */
export function buildTree(run: Run, onFault: RunFault): Expr {
  let position = 0;

  function climb(first: Expr, minimum: number): Expr {
    let left = first;
    let compared = false;
    for (;;) {
      const operator = run.operators[position];
      if (operator === undefined) return left;
      const own = LEVELS[operator.text];
      if (own < minimum) return left;
      if (own === COMPARISON_LEVEL) {
        if (compared) onFault("chained-comparison", operator.span);
        compared = true;
      }
      position += 1;
      const right = climb(operand(own + 1), own + 1);
      const span = { start: left.span.start, end: right.span.end };
      left = { type: "binary", operator: operator.text, left, right, span };
    }
  }

  function operand(minimum: number): Expr {
    const nots = run.nots[position] ?? [];
    const own = run.operands[position] as Expr;
    if (nots.length === 0) return own;
    if (minimum > NOT_LEVEL) onFault("misplaced-not", nots[0] as Span);
    let inner = climb(own, COMPARISON_LEVEL);
    for (let at = nots.length - 1; at >= 0; at -= 1) {
      const start = (nots[at] as Span).start;
      inner = { type: "not", operand: inner, span: { start, end: inner.span.end } };
    }
    return inner;
  }

  return climb(operand(1), 1);
}
