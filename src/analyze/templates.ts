/**
 * Expands declarations: what they inherit by `extends` and what a template puts into them.
 *
 * A template's body keeps the template's frame (its file and parameters); the instance's own body is
 * merged over it. Expansion never recurses into itself: the path back is reported instead.
 */
import type { CallExpr, DeclarationKind, Expr, Location } from "../../grammar/index.js";
import type { Findings } from "./findings.js";
import {
  EMPTY_BODY,
  INCOMPLETE_BODY,
  mergeBody,
  type Body,
  type Frame,
  type Local,
} from "./merge.js";
import type { Declared, Scope } from "./scope.js";
import { article, oneOf, parameterType } from "./types.js";

export const EXPANSION_DEPTH = 64;

interface Step {
  readonly declared: Declared;
  /** Where the expansion of the next step is asked for. */
  readonly at: Location;
}

export class Expander {
  readonly #scope: Scope;
  readonly #findings: Findings;
  readonly #expanded = new Map<Declared, Body>();
  readonly #locals = new Map<Declared, readonly Local[]>();
  readonly #depths = new Map<Declared, number>();

  constructor(scope: Scope, findings: Findings) {
    this.#scope = scope;
    this.#findings = findings;
  }

  /** The whole body of a declaration of any kind but template. */
  expand(declared: Declared): Body {
    return this.#expand(declared, []);
  }

  /** Arguments of the template that made the declaration, for checking them once for every cell. */
  localsOf(declared: Declared): readonly Local[] {
    return this.#locals.get(declared) ?? [];
  }

  #expand(declared: Declared, path: readonly Step[]): Body {
    const known = this.#expanded.get(declared);
    if (known !== undefined) return known;
    const body = this.#expandNow(declared, path);
    this.#expanded.set(declared, body);
    return body;
  }

  #expandNow(declared: Declared, path: readonly Step[]): Body {
    const { declaration, unit } = declared;
    const frame: Frame = { unit, notes: [] };
    let inherited = this.#scope.isFaulty(declared) ? INCOMPLETE_BODY : EMPTY_BODY;
    if (declaration.instance !== undefined)
      inherited = this.#instance(declared, declaration.instance, path);
    else if (declaration.parent !== undefined)
      inherited = this.#parent(declared, declaration.parent, path);
    return mergeBody(inherited, declaration.body, frame, this.#findings);
  }

  #parent(declared: Declared, parent: Expr, path: readonly Step[]): Body {
    const at = { file: declared.unit.file, span: parent.span };
    const kind = producedKind(declared);
    if (parent.type !== "member" || parent.object.type !== "name" || parent.object.name !== kind) {
      this.#findings.error("KM0242", at, `${article(kind)} extends another ${kind}`, {
        help: `write extends ${kind}.NAME`,
      });
      return INCOMPLETE_BODY;
    }
    const target = this.#scope.get(kind, parent.name.text);
    if (target === undefined) {
      this.#scope.reportUnknown(
        kind,
        parent.name.text,
        { file: declared.unit.file, span: parent.name.span },
        this.#findings,
        [],
      );
      return INCOMPLETE_BODY;
    }
    const steps = [...path, { declared, at }];
    if (!this.#mayEnter(target, steps)) return INCOMPLETE_BODY;
    const body = this.#expand(target, steps);
    // Counted as well as bounded on the way down: what was expanded before costs no recursion.
    const depth = (this.#depths.get(target) ?? 0) + 1;
    this.#depths.set(declared, depth);
    if (depth === EXPANSION_DEPTH + 1) this.#tooDeep(at);
    return depth > EXPANSION_DEPTH ? INCOMPLETE_BODY : body;
  }

  #instance(declared: Declared, call: CallExpr, path: readonly Step[]): Body {
    const file = declared.unit.file;
    if (call.callee.type !== "name") {
      this.#findings.error(
        "KM0240",
        { file, span: call.callee.span },
        "Only a template's name can be called here",
        { help: "write NAME(argument = value)" },
      );
      return INCOMPLETE_BODY;
    }
    const at = { file, span: call.callee.span };
    const template = this.#scope.get("template", call.callee.name);
    if (template === undefined) {
      this.#scope.reportUnknown("template", call.callee.name, at, this.#findings, []);
      return INCOMPLETE_BODY;
    }
    const kind = producedKind(declared);
    const produces = producedKind(template);
    if (produces !== kind) {
      this.#findings.error(
        "KM0241",
        at,
        `Template "${template.name}" makes ${article(produces)}, wanted ${article(kind)}`,
        {
          notes: [{ message: "declared here", at: template.at }],
          help: `write "${produces} ${declared.name} = ${template.name}(…)"`,
        },
      );
      return INCOMPLETE_BODY;
    }
    const steps = [...path, { declared, at }];
    if (!this.#mayEnter(template, steps)) return INCOMPLETE_BODY;
    const notes = [
      {
        message: `in template "${template.name}", expanded for ${declared.kind}.${declared.name} here`,
        at,
      },
    ];
    const locals = new Map<string, Local>();
    const frame: Frame = { unit: template.unit, locals, notes };
    this.#bindArguments(template, call, { unit: declared.unit, notes: [] }, frame, locals, at);
    this.#locals.set(declared, [...locals.values()]);
    const { declaration } = template;
    let inherited = EMPTY_BODY;
    if (declaration.instance !== undefined)
      inherited = this.#instance({ ...template, kind: produces }, declaration.instance, steps);
    else if (declaration.parent !== undefined)
      inherited = this.#parent(template, declaration.parent, steps);
    return mergeBody(inherited, declaration.body, frame, this.#findings);
  }

  /** Fills `locals`, which `inside` shares, from the call's arguments and the parameters' defaults. */
  #bindArguments(
    template: Declared,
    call: CallExpr,
    outside: Frame,
    inside: Frame,
    locals: Map<string, Local>,
    at: Location,
  ): void {
    const parameters = template.declaration.parameters ?? [];
    const given = new Map<string, Expr>();
    const file = outside.unit.file;
    let positional = 0;
    for (const argument of call.arguments) {
      const place = { file, span: argument.name?.span ?? argument.value.span };
      const name = argument.name?.text ?? parameters[positional++]?.name.text;
      if (name === undefined) {
        this.#findings.error(
          "KM0217",
          place,
          `Template "${template.name}" has ${parameters.length} parameters`,
          { help: "remove this argument", notes: [{ message: "declared here", at: template.at }] },
        );
      } else if (!parameters.some((parameter) => parameter.name.text === name)) {
        this.#findings.error(
          "KM0217",
          place,
          `Template "${template.name}" has no parameter "${name}"`,
          {
            ...oneOf(
              name,
              parameters.map((parameter) => parameter.name.text),
            ),
            notes: [{ message: "declared here", at: template.at }],
          },
        );
      } else if (given.has(name)) {
        this.#findings.error("KM0217", place, `Argument "${name}" is given twice`, {
          help: "remove one of them",
        });
      } else given.set(name, argument.value);
    }
    for (const parameter of parameters) {
      const name = parameter.name.text;
      const type = parameterType(
        parameter.type,
        (span) => ({ file: template.unit.file, span }),
        this.#findings,
      );
      const argument = given.get(name);
      if (argument !== undefined)
        locals.set(name, { name, type, value: { expr: argument, frame: outside } });
      else if (parameter.fallback !== undefined)
        locals.set(name, { name, type, value: { expr: parameter.fallback, frame: inside } });
      else {
        locals.set(name, { name, type });
        this.#findings.error(
          "KM0217",
          at,
          `Template "${template.name}" wants the argument "${name}"`,
          {
            help: `write ${template.name}(${name} = …)`,
            notes: [
              {
                message: "the parameter is declared here",
                at: { file: template.unit.file, span: parameter.name.span },
              },
            ],
          },
        );
      }
    }
  }

  #mayEnter(target: Declared, steps: readonly Step[]): boolean {
    const start = steps.findIndex((step) => step.declared.declaration === target.declaration);
    if (start >= 0) {
      const cycle = steps.slice(start);
      const names = [...cycle.map((step) => addressOf(step.declared)), addressOf(target)];
      this.#findings.error(
        "KM0243",
        (cycle[0] as Step).at,
        `Expansion leads back to itself: ${names.join(" -> ")}`,
        {
          notes: cycle
            .slice(1)
            .map((step) => ({ message: `${addressOf(step.declared)} expands here`, at: step.at })),
          help: "remove one of these steps",
        },
      );
      return false;
    }
    if (steps.length <= EXPANSION_DEPTH) return true;
    this.#tooDeep((steps.at(-1) as Step).at);
    return false;
  }

  #tooDeep(at: Location): void {
    this.#findings.error("KM0244", at, `Expansions nest deeper than ${EXPANSION_DEPTH}`, {
      help: "extend a declaration nearer to the first",
    });
  }
}

function addressOf(declared: Declared): string {
  return `${declared.kind}.${declared.name}`;
}

/** The kind a declaration has, or for a template the kind it makes. */
export function producedKind(declared: Declared): DeclarationKind {
  return declared.kind === "template"
    ? (declared.declaration.produces?.kind ?? "component")
    : declared.kind;
}
