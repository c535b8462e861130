/**
 * From a reference to the cells it means.
 *
 * An axis of the same name is bound to the referring cell's value, an index fixes one, an axis with a
 * single value needs neither. Optional cells are taken only by a bound or fixed axis. What stays open or
 * points at an absent cell is reported.
 */
import type { Location } from "../../grammar/index.js";
import { platformName } from "../model/platform.js";
import type { Axis, CellSet } from "./matrix.js";
import type { Cell, Session } from "./session.js";
import { didYouMean } from "./types.js";
import { axisText, referenceText, type ReferenceValue } from "./values.js";

/** `kind.name` → what it makes. */
export type CellSets = ReadonlyMap<string, CellSet>;

type Notes = readonly { readonly message: string; readonly at?: Location }[];

/** The one cell a reference means for `from`; undefined after a reported fault. */
export function resolveOne(
  reference: ReferenceValue,
  from: Cell,
  sets: CellSets,
  session: Session,
): Cell | undefined {
  const set = sets.get(`${reference.kind}.${reference.name}`);
  if (set === undefined || set.failed) return undefined;
  // Nearly all nodes have no matrix; a hundred thousand of them take this way.
  if (set.axes.length === 0 && reference.indices === undefined) {
    const only = set.cells.get("");
    if (only === undefined) reportAbsent(reference, set, "", from, session);
    return only;
  }
  const fixed = fixAxes(reference, set, session);
  if (fixed === undefined) return undefined;
  const open: Axis[] = [];
  const decided = new Map<Axis, string>();
  for (const axis of set.axes) {
    const text = fixed.get(axis) ?? boundText(axis, from, set) ?? onlyText(axis, set);
    if (text === undefined) {
      open.push(axis);
      continue;
    }
    if (!axis.values.some((value) => value.text === text)) {
      session.findings.error(
        "KM0307",
        reference.at,
        `${from.address} needs ${referenceText(reference)} with ${axis.name} "${text}", which it does not have`,
        {
          notes: [
            {
              message: `${axis.name} is ${axis.values.map((value) => value.text).join(", ")}`,
              at: axis.at,
            },
          ],
          help: `add ${text} to its matrix, or fix the axis: ${reference.kind}.${reference.name}[${axis.values[0]?.text ?? ""}]`,
        },
      );
      return undefined;
    }
    decided.set(axis, text);
  }
  if (open.length > 0) {
    const usual = fitting(set, decided).filter(({ address }) => !set.optional.has(address));
    if (usual.length === 1 && set.optional.size > 0) return usual[0];
    const cells = [...set.cells.values()].map((cell) => cell.address);
    session.findings.error(
      "KM0306",
      reference.at,
      `${referenceText(reference)} leaves the axis "${open.map((axis) => axis.name).join('" and "')}" open`,
      {
        help: `write one of ${cells.slice(0, 6).join(", ")}${cells.length > 6 ? ", …" : ""}`,
        notes: [{ message: "the axis is declared here", at: (open[0] as Axis).at }],
      },
    );
    return undefined;
  }
  const key = [...decided.values()].join(",");
  const cell = set.cells.get(key);
  if (cell === undefined) reportAbsent(reference, set, key, from, session);
  return cell;
}

/**
 * Every cell a reference means: all of the axes that no index fixes, optional ones only where the
 * indices leave nothing else.
 */
export function resolveAll(
  reference: ReferenceValue,
  from: Cell,
  sets: CellSets,
  session: Session,
): readonly Cell[] | undefined {
  const set = sets.get(`${reference.kind}.${reference.name}`);
  if (set === undefined || set.failed) return undefined;
  const fixed = fixAxes(reference, set, session);
  if (fixed === undefined) return undefined;
  const cells = fitting(set, fixed);
  const usual = cells.filter(({ address }) => !set.optional.has(address));
  if (usual.length > 0) return usual;
  if (cells.length === 0)
    reportAbsent(reference, set, [...set.absent.keys()][0] ?? "", from, session);
  else if (fixed.size === 0) {
    const named = cells.map(({ address }) => address).join(", ");
    session.findings.error(
      "KM0305",
      reference.at,
      `${from.address} needs ${referenceText(reference)}, all cells of which are optional`,
      {
        help: `name what is wanted: ${named}`,
        notes: [{ message: "declared here", at: set.declared.at }],
      },
    );
    return [];
  }
  return cells;
}

/** The cells that have these values of axes. */
function fitting(set: CellSet, texts: ReadonlyMap<Axis, string>): Cell[] {
  return [...set.cells.values()].filter((cell) =>
    [...texts].every(
      ([axis, text]) => axisText(cell.axes.get(axis.name) as ReferenceValue) === text,
    ),
  );
}

/** Reports a node of another platform than the one that uses it. False when they differ. */
export function samePlatform(
  reference: ReferenceValue,
  used: Cell,
  by: Cell,
  session: Session,
): boolean {
  const theirs = used.target?.platform;
  const ours = by.target?.platform;
  if (theirs === undefined || ours === undefined) return true;
  if (theirs.arch === ours.arch && theirs.variant === ours.variant && theirs.float === ours.float)
    return true;
  session.findings.error(
    "KM0308",
    reference.at,
    `${used.address} is for ${platformName(theirs)}, wanted ${platformName(ours)} for ${by.address}`,
    {
      help: "add the platform to project.targets, or give both the same matrix.target",
    },
  );
  return false;
}

/** The index values of a reference by the axis they fix. */
function fixAxes(
  reference: ReferenceValue,
  set: CellSet,
  session: Session,
): ReadonlyMap<Axis, string> | undefined {
  const fixed = new Map<Axis, string>();
  for (const [position, index] of (reference.indices ?? []).entries()) {
    const text = axisText(index);
    const has = (axis: Axis): boolean =>
      !fixed.has(axis) && axis.values.some((value) => value.text === text);
    // By position first; a value that only another axis has means that one.
    const positional = set.axes[position];
    const axis = positional !== undefined && has(positional) ? positional : set.axes.find(has);
    if (text !== undefined && axis !== undefined) {
      fixed.set(axis, text);
      continue;
    }
    const known = set.axes.flatMap((candidate) => candidate.values.map((value) => value.text));
    const near = didYouMean(text ?? "", known);
    session.findings.error(
      "KM0307",
      index.at,
      known.length === 0
        ? `${reference.kind}.${reference.name} has no matrix`
        : `${reference.kind}.${reference.name} has no axis with the value "${text ?? "?"}"`,
      {
        help:
          near.help ??
          (known.length === 0
            ? "remove the brackets"
            : `write one of ${known.slice(0, 8).join(", ")}`),
        notes: [{ message: "declared here", at: set.declared.at }],
      },
    );
    return undefined;
  }
  return fixed;
}

/**
 * The value of the referring cell's axis of the same name; its platform stands for a target axis. One
 * that a declaration with optional cells does not have leaves the axis open.
 */
function boundText(axis: Axis, from: Cell, { optional }: CellSet): string | undefined {
  const own = from.axes.get(axis.name);
  const text =
    own !== undefined ? axisText(own) : axis.name === "target" ? from.target?.name : undefined;
  const isMissing = axis.name !== "target" && !axis.values.some((value) => value.text === text);
  return optional.size > 0 && isMissing ? undefined : text;
}

/** The value of an axis that has only this one, unless only optional cells may have it. */
function onlyText(axis: Axis, set: CellSet): string | undefined {
  const [only, second] = axis.values;
  if (only === undefined || second !== undefined) return undefined;
  return set.optional.size < set.cells.size || set.cells.size === 0 ? only.text : undefined;
}

function reportAbsent(
  reference: ReferenceValue,
  set: CellSet,
  key: string,
  from: Cell,
  session: Session,
): void {
  const rule = set.absent.get(key);
  const address = `${reference.kind}.${reference.name}${key === "" ? "" : `[${key}]`}`;
  const notes: Notes =
    rule === undefined ? [] : [{ message: "this rule makes it absent", at: rule }];
  session.findings.error(
    "KM0305",
    reference.at,
    `${from.address} needs ${address}, which is absent`,
    {
      notes,
      help: "give this part the same condition, or make the rule wider",
    },
  );
}
