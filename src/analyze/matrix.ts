/**
 * The cells of every declaration: which nodes there are, before any of them is looked into.
 *
 * Decides axes, exclusions and `when`. What a cell contains is none of its concern, so a fault inside
 * one declaration cannot make references to it dangle.
 */
import type { Location } from "../../grammar/index.js";
import { attributeValue } from "./body.js";
import type { Body, MergedBlock } from "./merge.js";
import { attributeSchema } from "./body.js";
import { MATRIX } from "./schema-blocks.js";
import { schemaOf } from "./schema.js";
import type { Declared } from "./scope.js";
import type { Cell, Session } from "./session.js";
import { didYouMean } from "./types.js";
import { axisText, show, type TargetValue, type Value } from "./values.js";

/** Most cells of one declaration. */
export const CELLS = 10_000;

export interface Axis {
  readonly name: string;
  readonly values: readonly { readonly text: string; readonly value: Value }[];
  readonly at: Location;
}

/** All nodes that one declaration makes. */
export interface CellSet {
  readonly declared: Declared;
  readonly body: Body;
  readonly axes: readonly Axis[];
  /** By the axis texts, joined by commas. */
  readonly cells: ReadonlyMap<string, Cell>;
  /** Cells that `when` or `except` left out, with the rule's place. */
  readonly absent: ReadonlyMap<string, Location>;
  /** The axes could not be decided, which has been reported. */
  readonly failed: boolean;
}

const NO_LOCATIONS: ReadonlyMap<string, Location> = new Map();
const NO_AXES: ReadonlyMap<string, Value> = new Map();
const AXIS_VALUE = /^[A-Za-z0-9_.+~-]{1,128}$/;
const AXIS_TYPE = { t: "list", of: { t: "Any" } } as const;
const EXCEPT_TYPE = { t: "list", of: { t: "map", of: { t: "Any" } } } as const;

/** The cells of a declaration in a project with `targets`. */
export function cellsOf(
  declared: Declared,
  body: Body,
  session: Session,
  targets: readonly TargetValue[],
): CellSet {
  const name = `${declared.kind}.${declared.name}`;
  const takesTarget =
    declared.kind === "component" ||
    declared.kind === "base" ||
    declared.kind === "image" ||
    (declared.kind === "toolchain" && body.attributes.has("cc"));
  const block = body.blocks.find((candidate) => candidate.keyword === "matrix");
  const supportsMatrix = schemaOf(declared.kind)?.blocks.includes(MATRIX) === true;
  const axes: Axis[] = [];
  let failed = false;
  if (block !== undefined && supportsMatrix) failed = !readAxes(block, axes, session);
  if (takesTarget && targets.length > 1 && !axes.some((axis) => axis.name === "target")) {
    axes.push({
      name: "target",
      values: targets.map((value) => ({ text: value.name, value })),
      at: declared.at,
    });
  }
  const count = axes.reduce((product, axis) => product * axis.values.length, 1);
  if (count > CELLS && !failed) {
    session.findings.error(
      "KM0252",
      block?.at ?? declared.at,
      `The matrix has ${count} cells, more than ${CELLS}`,
      { help: "split the declaration, or use shorter axes" },
    );
    failed = true;
  }
  if (failed) return unknownCells(declared, body);
  const excluded =
    block === undefined || axes.length === 0 ? undefined : readExcept(block, axes, session);
  const cells = new Map<string, Cell>();
  const absent = new Map<string, Location>();
  const onlyTarget = takesTarget ? targets[0] : undefined;
  for (const combination of combinations(axes)) {
    const key = combination.map((entry) => entry.text).join(",");
    const rule = excluded?.(combination.map((entry) => entry.text));
    if (rule !== undefined) {
      absent.set(key, rule);
      continue;
    }
    const cell = makeCell(
      declared,
      body,
      axes,
      combination,
      axes.length === 0 ? name : `${name}[${key}]`,
      onlyTarget,
      session,
    );
    const when = body.attributes.get("when");
    if (when !== undefined) {
      const value = attributeValue(when, { t: "Bool" }, session, cell);
      if (value.type === "poison") failed = true;
      else if (value.type === "bool" && !value.value) {
        absent.set(key, when.at);
        continue;
      }
    }
    cells.set(key, cell);
  }
  return { declared, body, axes, cells, absent, failed };
}

/** The cells of a declaration whose faults leave them undecided; nothing is said about using them. */
export function unknownCells(declared: Declared, body: Body): CellSet {
  return { declared, body, axes: [], cells: new Map(), absent: NO_LOCATIONS, failed: true };
}

function makeCell(
  declared: Declared,
  body: Body,
  axes: readonly Axis[],
  combination: readonly { readonly value: Value }[],
  address: string,
  onlyTarget: TargetValue | undefined,
  session: Session,
): Cell {
  const values =
    axes.length === 0
      ? NO_AXES
      : new Map(axes.map((axis, index) => [axis.name, combination[index]?.value as Value]));
  const target = values.get("target");
  // `version = self.version` would ask for itself without end.
  let state: Value | "open" | "pending" | undefined = "open";
  const cell: Cell = {
    declared,
    address,
    axes: values,
    target: target?.type === "target" ? target : onlyTarget,
    locals: new Map(),
    version: () => {
      const attribute = body.attributes.get("version");
      if (attribute === undefined) return undefined;
      if (state === "pending") {
        session.findings.error("KM0222", attribute.at, '"version" depends on itself', {
          help: "write the version itself",
        });
        return { type: "poison", at: attribute.at };
      }
      if (state === "open") {
        state = "pending";
        const type = attributeSchema(schemaOf(declared.kind) ?? MATRIX, "version")?.type ?? {
          t: "Version",
        };
        state = attributeValue(attribute, type, session, cell);
      }
      return state;
    },
  };
  return cell;
}

function readAxes(block: MergedBlock, axes: Axis[], session: Session): boolean {
  const { findings } = session;
  let sound = true;
  for (const attribute of block.body.attributes.values()) {
    const { name, at } = attribute;
    if (name === "except") continue;
    const { notes } = attribute.frame;
    const type =
      name === "target" ? (attributeSchema(MATRIX, "target")?.type ?? AXIS_TYPE) : AXIS_TYPE;
    const value = attributeValue(attribute, type, session, undefined);
    if (value.type !== "list") {
      sound = false;
      continue;
    }
    const seen = new Map<string, Value>();
    for (const item of value.items) {
      if (item.type === "poison") {
        sound = false;
        continue;
      }
      const text = axisText(item);
      if (text === undefined || !AXIS_VALUE.test(text)) {
        findings.error(
          "KM0250",
          item.at,
          `Axis "${name}" has the value ${show(item)}, wanted a Str, Int, Version or name without spaces and commas`,
          { notes },
        );
        sound = false;
      } else if (seen.has(text)) {
        findings.error("KM0250", item.at, `Axis "${name}" has the value "${text}" twice`, {
          notes: [{ message: "first here", at: (seen.get(text) as Value).at }, ...notes],
          help: "remove one of them",
        });
        sound = false;
      } else seen.set(text, item);
    }
    if (value.items.length === 0) {
      findings.error("KM0250", at, `Axis "${name}" has no values`, {
        help: "give it one, or remove it",
        notes,
      });
      sound = false;
    }
    axes.push({ name, values: [...seen].map(([text, item]) => ({ text, value: item })), at });
  }
  return sound;
}

/** The rule's place for texts that `except` leaves out. */
function readExcept(
  block: MergedBlock,
  axes: readonly Axis[],
  session: Session,
): ((texts: readonly string[]) => Location | undefined) | undefined {
  const attribute = block.body.attributes.get("except");
  if (attribute === undefined) return undefined;
  const { findings } = session;
  const { notes } = attribute.frame;
  const value = attributeValue(attribute, EXCEPT_TYPE, session, undefined);
  if (value.type !== "list") return undefined;
  const rules: {
    readonly wanted: ReadonlyMap<number, ReadonlySet<string>>;
    readonly at: Location;
  }[] = [];
  for (const rule of value.items) {
    if (rule.type !== "map") continue;
    const wanted = new Map<number, ReadonlySet<string>>();
    for (const [name, choice] of rule.entries) {
      const index = axes.findIndex((axis) => axis.name === name);
      const axis = axes[index];
      if (axis === undefined) {
        findings.error(
          "KM0251",
          choice.at,
          `"except" names the axis "${name}", which the matrix does not have`,
          {
            ...didYouMean(
              name,
              axes.map((candidate) => candidate.name),
            ),
            notes,
          },
        );
        continue;
      }
      const texts = new Set<string>();
      for (const item of choice.type === "list" ? choice.items : [choice]) {
        if (item.type === "poison") continue;
        const text = axisText(item);
        if (text !== undefined && axis.values.some((candidate) => candidate.text === text))
          texts.add(text);
        else
          findings.error(
            "KM0251",
            item.at,
            `"except" names ${show(item)}, which axis "${name}" does not have`,
            { help: `it has ${axis.values.map((candidate) => candidate.text).join(", ")}`, notes },
          );
      }
      wanted.set(index, texts);
    }
    if (wanted.size > 0) rules.push({ wanted, at: rule.at });
  }
  return (texts) =>
    rules.find((rule) =>
      [...rule.wanted].every(([index, allowed]) => allowed.has(texts[index] ?? "")),
    )?.at;
}

/** Every choice of one value per axis, the last axis varying fastest. */
function* combinations(
  axes: readonly Axis[],
): Generator<readonly { readonly text: string; readonly value: Value }[]> {
  const indices = axes.map(() => 0);
  for (;;) {
    yield axes.map(
      (axis, position) => axis.values[indices[position] as number] as Axis["values"][number],
    );
    let position = axes.length - 1;
    for (; position >= 0; position--) {
      const next = (indices[position] as number) + 1;
      if (next < (axes[position] as Axis).values.length) {
        indices[position] = next;
        break;
      }
      indices[position] = 0;
    }
    if (position < 0) return;
  }
}
