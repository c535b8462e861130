/**
 * One merge algebra for `extends`, templates and repeated blocks.
 *
 * Works on syntax: every expression stays bound to the frame it was written in, and is evaluated
 * later for each cell. Rows and `files` blocks add up; other blocks of one label become one.
 */
import type {
  Assignment,
  Block,
  Expr,
  Location,
  MappingRow,
  Name,
  Statement,
} from "../../grammar/index.js";
import type { Findings } from "./findings.js";
import type { Unit } from "./load.js";
import type { Type } from "./types.js";

/** The lexical surroundings of an expression. */
export interface Frame {
  readonly unit: Unit;
  /** Parameters of the template the expression stands in. */
  readonly locals?: ReadonlyMap<string, Local>;
  /** The expansions that led here, innermost first; shown with every diagnostic. */
  readonly notes: readonly { readonly message: string; readonly at: Location }[];
}

/** A template parameter with its argument or default. */
export interface Local {
  readonly name: string;
  readonly type: Type | undefined;
  /** Absent: the argument is missing, which has been reported. */
  readonly value?: Bound;
}

export interface Bound {
  readonly expr: Expr;
  readonly frame: Frame;
}

export interface Attribute {
  readonly name: string;
  /** Absent when the attribute is only edited: the edits start from its default. */
  readonly base?: Bound;
  readonly edits: readonly Edit[];
  /** The name in the statement that last touched it. */
  readonly at: Location;
  readonly frame: Frame;
}

export interface Edit extends Bound {
  readonly operator: "+=" | "-=";
  readonly at: Location;
}

export interface Row {
  readonly key: Bound;
  readonly value: Bound;
  readonly at: Location;
}

export interface Body {
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly blocks: readonly MergedBlock[];
  readonly rows: readonly Row[];
  /** Something that would have been inherited is missing, which has been reported. */
  readonly incomplete: boolean;
}

export interface MergedBlock {
  readonly keyword: string;
  readonly label?: Name;
  /** The place of the keyword, or of the label where there is one. */
  readonly at: Location;
  readonly frame: Frame;
  readonly body: Body;
}

export const EMPTY_BODY: Body = { attributes: new Map(), blocks: [], rows: [], incomplete: false };
/** What is missing here has been reported: nothing further is. */
export const INCOMPLETE_BODY: Body = { ...EMPTY_BODY, incomplete: true };
const NO_BLOCKS: readonly MergedBlock[] = [];
const NO_ROWS: readonly Row[] = [];

/** Blocks that stand side by side instead of becoming one. */
const SIDE_BY_SIDE: ReadonlySet<string> = new Set(["files"]);

/** `inherited` with the statements of one more level. */
export function mergeBody(
  inherited: Body,
  statements: readonly Statement[],
  frame: Frame,
  findings: Findings,
): Body {
  if (statements.length === 0) return inherited;
  const attributes = new Map(inherited.attributes);
  const blocks: Block[] = [];
  const rows: MappingRow[] = [];
  const own = new Map<string, Assignment>();
  for (const statement of statements) {
    if (statement.type === "block") blocks.push(statement);
    else if (statement.type === "row") rows.push(statement);
    else mergeAttribute(attributes, own, inherited, statement, frame, findings);
  }
  return {
    attributes,
    blocks:
      blocks.length === 0 ? inherited.blocks : mergeBlocks(inherited, blocks, frame, findings),
    rows:
      rows.length === 0
        ? inherited.rows
        : [...inherited.rows, ...rows.map((row) => rowOf(row, frame))],
    incomplete: inherited.incomplete,
  };
}

function rowOf(row: MappingRow, frame: Frame): Row {
  return {
    key: { expr: row.key, frame },
    value: { expr: row.value, frame },
    at: { file: frame.unit.file, span: row.key.span },
  };
}

function mergeAttribute(
  attributes: Map<string, Attribute>,
  own: Map<string, Assignment>,
  inherited: Body,
  statement: Assignment,
  frame: Frame,
  findings: Findings,
): void {
  const name = statement.name.text;
  const at: Location = { file: frame.unit.file, span: statement.name.span };
  const existing = attributes.get(name);
  const earlier = own.get(name);
  const value: Bound = { expr: statement.value, frame };
  if (statement.operator !== "=") {
    const edit: Edit = { ...value, operator: statement.operator, at };
    attributes.set(name, {
      name,
      ...(existing?.base && { base: existing.base }),
      edits: [...(existing?.edits ?? []), edit],
      at,
      frame,
    });
    if (earlier === undefined) own.set(name, statement);
    return;
  }
  if (earlier !== undefined) {
    findings.error("KM0234", at, `"${name}" is set twice`, {
      notes: [
        { message: "first set here", at: { file: frame.unit.file, span: earlier.name.span } },
        ...frame.notes,
      ],
      help: "remove one of them",
    });
    return;
  }
  own.set(name, statement);
  if (existing !== undefined && !statement.override) {
    findings.error("KM0230", at, `"${name}" has an inherited value`, {
      notes: [{ message: "inherited from here", at: existing.at }, ...frame.notes],
      help: `write "override ${name} ="${existing.base?.expr.type === "list" || existing.base?.expr.type === "map" ? ` or "${name} +="` : ""}`,
    });
    // The child's value stands, so that nothing else is reported about the parent's.
  }
  if (existing === undefined && statement.override && !inherited.incomplete) {
    findings.error("KM0231", at, `"override ${name}" has nothing to replace`, {
      help: `write "${name} ="`,
      notes: frame.notes,
    });
  }
  attributes.set(name, { name, base: value, edits: [], at, frame });
}

function mergeBlocks(
  inherited: Body,
  added: readonly Block[],
  frame: Frame,
  findings: Findings,
): readonly MergedBlock[] {
  const blocks: MergedBlock[] = [...inherited.blocks];
  const places = new Map<string, number>();
  for (const [index, block] of blocks.entries())
    places.set(identity(block.keyword, block.label), index);
  const own = new Map<string, Block>();
  const mergedHere = new Map<string, Statement[]>();
  for (const block of added) {
    const id = identity(block.keyword.text, block.label);
    const earlier = own.get(id);
    if (SIDE_BY_SIDE.has(block.keyword.text) || earlier === undefined) own.set(id, block);
    else if (block.label !== undefined) {
      findings.error(
        "KM0236",
        { file: frame.unit.file, span: block.label.span },
        `Duplicate ${block.keyword.text} "${block.label.text}"`,
        {
          notes: [
            {
              message: "first declared here",
              at: { file: frame.unit.file, span: (earlier.label ?? earlier.keyword).span },
            },
            ...frame.notes,
          ],
          help: "rename one of them",
        },
      );
      continue;
    }
    const place = SIDE_BY_SIDE.has(block.keyword.text) ? undefined : places.get(id);
    const at: Location = { file: frame.unit.file, span: (block.label ?? block.keyword).span };
    if (place === undefined) {
      const fresh: Body = inherited.incomplete ? INCOMPLETE_BODY : EMPTY_BODY;
      places.set(id, blocks.length);
      mergedHere.set(id, [...block.body]);
      blocks.push({
        keyword: block.keyword.text,
        ...(block.label && { label: block.label }),
        at,
        frame,
        body: mergeBody(fresh, block.body, frame, findings),
      });
      continue;
    }
    const before = blocks[place] as MergedBlock;
    // The second of two unlabelled blocks of one body continues the first: `a =` in both is a fault.
    const together = [...(mergedHere.get(id) ?? []), ...block.body];
    mergedHere.set(id, together);
    const base =
      inherited.blocks[place]?.body ?? (inherited.incomplete ? INCOMPLETE_BODY : EMPTY_BODY);
    blocks[place] = { ...before, at, frame, body: mergeBody(base, together, frame, findings) };
  }
  return blocks.length === 0 ? NO_BLOCKS : blocks;
}

function identity(keyword: string, label: Name | undefined): string {
  return label === undefined ? keyword : `${keyword} ${label.text}`;
}

/** A body of a single level. */
export function bodyOf(statements: readonly Statement[], frame: Frame, findings: Findings): Body {
  return mergeBody({ ...EMPTY_BODY, rows: NO_ROWS }, statements, frame, findings);
}
