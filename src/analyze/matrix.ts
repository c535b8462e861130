/**
 * The cells of every declaration: which nodes there are, before any of them is looked into.
 *
 * Decides axes, exclusions, options among the cells and `when`. What a cell contains is none of its concern, so a fault inside
 * one declaration cannot make references to it dangle.
 */
import type { Location } from "../../grammar/index.js";
import { attributeValue } from "./body.js";
import type { Address } from "../model/node.js";
import type { Attribute, Body, MergedBlock } from "./merge.js";
import { attributeSchema } from "./body.js";
import { MATRIX } from "./schema-blocks.js";
import { schemaOf } from "./schema.js";
import type { Declared } from "./scope.js";
import type { Cell, Session } from "./session.js";
import { didYouMean, oneOf } from "./types.js";
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
  /** Cells that only their own name takes: the addresses of them among `cells`. */
  readonly optional: ReadonlySet<Address>;
  /** The axes could not be decided, which has been reported. */
  readonly failed: boolean;
}

const NO_LOCATIONS: ReadonlyMap<string, Location> = new Map();
const NO_AXES: ReadonlyMap<string, Value> = new Map();
const AXIS_VALUE = /^[A-Za-z0-9_.+~-]{1,128}$/;
const AXIS_TYPE = { t: "list", of: { t: "Any" } } as const;
const NO_ADDRESSES: ReadonlySet<Address> = new Set();
const RULES_TYPE = { t: "list", of: { t: "map", of: { t: "Any" } } } as const;

/** The cells of a declaration of the session's project. */
export function cellsOf(declared: Declared, body: Body, session: Session): CellSet {
  const targets = session.project?.targets ?? [];
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
  const hasAxis = session.project?.hasTargetAxis === true;
  if (takesTarget && hasAxis && !axes.some((axis) => axis.name === "target")) {
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
  const [excluded, reserved] =
    block === undefined || axes.length === 0
      ? []
      : [readRules("except", block, axes, session), readRules("optional", block, axes, session)];
  const cells = new Map<string, Cell>();
  const absent = new Map<string, Location>();
  const optional = new Set<Address>();
  const onlyTarget = takesTarget ? targets[0] : undefined;
  for (const combination of combinations(axes)) {
    const key = combination.map((entry) => entry.text).join(",");
    const texts = combination.map((entry) => entry.text);
    const rule = excluded?.match(texts);
    if (rule !== undefined) {
      absent.set(key, rule.at);
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
    if (reserved?.match(texts) !== undefined) optional.add(cell.address);
  }
  if (!failed) reserved?.reportUnused();
  return { declared, body, axes, cells, absent, optional, failed };
}

/** The cells of a declaration whose faults leave them undecided; nothing is said about using them. */
export function unknownCells(declared: Declared, body: Body): CellSet {
  const nothing = { axes: [], cells: new Map(), absent: NO_LOCATIONS, optional: NO_ADDRESSES };
  return { declared, body, ...nothing, failed: true };
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
    if (name === "except" || name === "optional") continue;
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

interface Rule {
  /** Position of an axis → the values that the rule names. */
  readonly wanted: ReadonlyMap<number, ReadonlySet<string>>;
  readonly at: Location;
}

/** The rules of one attribute of a matrix, asked with the axis texts of a cell. */
interface Rules {
  match(texts: readonly string[]): Rule | undefined;
  /** Reports the rules that matched nothing so far. */
  reportUnused(): void;
}

/** The rules of `except` or `optional`; undefined when there are none. */
function readRules(
  name: "except" | "optional",
  block: MergedBlock,
  axes: readonly Axis[],
  session: Session,
): Rules | undefined {
  const attribute = block.body.attributes.get(name);
  if (attribute === undefined) return undefined;
  const { findings } = session;
  const { notes } = attribute.frame;
  const value = attributeValue(attribute, RULES_TYPE, session, undefined);
  if (value.type !== "list") return undefined;
  const rules: Rule[] = [];
  for (const rule of value.items) {
    if (rule.type !== "map") continue;
    const wanted = new Map<number, ReadonlySet<string>>();
    let sound = true;
    for (const [axisName, choice] of rule.entries) {
      const index = axes.findIndex((axis) => axis.name === axisName);
      const axis = axes[index];
      const texts = axis && ruleTexts(name, choice, axis, session, notes);
      if (axis === undefined) {
        const known = axes.map((candidate) => candidate.name);
        const message = `"${name}" names the axis "${axisName}", which the matrix does not have`;
        findings.error("KM0251", choice.at, message, { ...oneOf(axisName, known), notes });
      }
      if (texts === undefined) sound = false;
      else wanted.set(index, texts);
    }
    if (sound && wanted.size > 0) rules.push({ wanted, at: rule.at });
  }
  const used = new Set<Rule>();
  return {
    match(texts) {
      const found = rules.find(({ wanted }) =>
        [...wanted].every(([index, allowed]) => allowed.has(texts[index] ?? "")),
      );
      if (found !== undefined) used.add(found);
      return found;
    },
    reportUnused() {
      for (const rule of rules) {
        if (used.has(rule)) continue;
        findings.error("KM0251", rule.at, `No cell of the matrix fits this rule of "${name}"`, {
          help: 'remove it: "except", "when" or an earlier rule has its cells already',
          notes,
        });
      }
    },
  };
}

/** The texts that a rule allows for an axis; undefined after a reported fault. */
function ruleTexts(
  name: string,
  choice: Value,
  axis: Axis,
  { findings }: Session,
  notes: Attribute["frame"]["notes"],
): ReadonlySet<string> | undefined {
  const texts = new Set<string>();
  let sound = true;
  for (const item of choice.type === "list" ? choice.items : [choice]) {
    const text = item.type === "poison" ? undefined : axisText(item);
    if (text !== undefined && axis.values.some((candidate) => candidate.text === text))
      texts.add(text);
    else {
      sound = false;
      if (item.type === "poison") continue;
      const known = axis.values.map((candidate) => candidate.text);
      findings.error(
        "KM0251",
        item.at,
        `"${name}" names ${show(item)}, which axis "${axis.name}" does not have`,
        {
          help: didYouMean(text ?? "", known).help ?? `it has ${known.join(", ")}`,
          notes,
        },
      );
    }
  }
  return sound ? texts : undefined;
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
