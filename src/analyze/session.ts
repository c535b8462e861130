/**
 * What one analysis shares: the declarations, the project's facts, the budget, the files.
 */
import type { Expr, Location, SourceFile, Span } from "../../grammar/index.js";
import type { Address } from "../model/node.js";
import type { Platform } from "../model/platform.js";
import type { FileReader } from "../model/ports.js";
import type { Findings } from "./findings.js";
import type { Unit } from "./load.js";
import type { Frame, Local } from "./merge.js";
import type { Declared, Scope } from "./scope.js";
import type { TargetValue, Value } from "./values.js";

export interface ProjectFacts {
  readonly name: string;
  readonly targets: readonly TargetValue[];
  /** Whether the targets are others than the recipe's, so that names of images say which. */
  readonly hasOtherTargets: boolean;
  /** Whether components, bases and images have the axis `target`. */
  readonly hasTargetAxis: boolean;
  /** Seconds since the epoch. */
  readonly epoch: number;
}

export interface Session {
  readonly findings: Findings;
  readonly scope: Scope;
  readonly reader: FileReader;
  readonly root: string;
  /** The recipe a value was written in, for its relative paths. */
  readonly units: ReadonlyMap<SourceFile, Unit>;
  readonly budget: Budget;
  /** `evaluate()`, by which operators, members and functions reach back to their operands. */
  readonly evaluate: (expr: Expr, env: Environment) => Value;
  /** The project's options by name; absent while they are evaluated. */
  options: ReadonlyMap<string, Value> | undefined;
  /** Absent while the project's own block is evaluated. */
  project: ProjectFacts | undefined;
  /** The platforms of the declared targets; undefined for one that failed. */
  readonly targets: Map<string, Platform | undefined>;
}

/** One node that a declaration makes: its axis values and what expressions can ask about it. */
export interface Cell {
  readonly declared: Declared;
  readonly address: Address;
  /** Axis name → value, in order of declaration. */
  readonly axes: ReadonlyMap<string, Value>;
  /** Absent for kinds that have no platform. */
  readonly target: TargetValue | undefined;
  /** `self.version`; undefined when none is declared. */
  readonly version: () => Value | undefined;
  /** Arguments of templates, evaluated once for the cell. */
  readonly locals: Map<Local, Value | undefined>;
}

/** Where an expression is evaluated. */
export interface Environment {
  readonly session: Session;
  readonly frame: Frame;
  readonly cell: Cell | undefined;
  /** Variables of comprehensions. */
  readonly variables?: ReadonlyMap<string, Value>;
}

/** Most steps of evaluation for a project, and further ones for each declaration. */
export const STEPS = 1_000_000;
export const STEPS_PER_DECLARATION = 100;
/** Characters and elements that evaluation may create. */
export const GROWTH = 16 * 1024 * 1024;
/** Expressions inside expressions. */
export const DEPTH = 400;

/** Bounds evaluation; the first excess is reported, everything after it is poison. */
export class Budget {
  #steps: number;
  #growth = GROWTH;
  #depth = 0;
  readonly #findings: Findings;

  constructor(declarations: number, findings: Findings) {
    this.#steps = STEPS + declarations * STEPS_PER_DECLARATION;
    this.#findings = findings;
  }

  /** Enters an expression; false when it must not be evaluated. Every true wants a `leave`. */
  enter(at: Location): boolean {
    if (this.#steps <= 0 || this.#growth < 0) return false;
    if (--this.#steps === 0) {
      this.#findings.error("KM0223", at, "The evaluation takes too many steps", {
        help: "make the lists or the matrix smaller",
      });
      return false;
    }
    if (this.#depth >= DEPTH) {
      this.#findings.error("KM0223", at, `The expression nests deeper than ${DEPTH}`, {
        help: "split it",
      });
      return false;
    }
    this.#depth++;
    return true;
  }

  leave(): void {
    this.#depth--;
  }

  /** Accounts for `amount` new characters or elements; false when there were too many. */
  grow(amount: number, at: Location): boolean {
    if (this.#growth < 0) return false;
    this.#growth -= amount;
    if (this.#growth >= 0) return true;
    this.#findings.error("KM0224", at, "Text and lists grow beyond 16 MiB", {
      help: "make the text or the list smaller",
    });
    return false;
  }
}

/** The place of a span in the frame's file. */
export function place(frame: Frame, span: Span): Location {
  return { file: frame.unit.file, span };
}

export function poison(at: Location): Value {
  return { type: "poison", at };
}
