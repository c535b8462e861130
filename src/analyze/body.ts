/**
 * Reads the attributes of one body in one cell, typed by the schema.
 *
 * A reader remembers that something failed, so that its node is left out without a second message.
 */
import type { Location } from "../../grammar/index.js";
import { invariant } from "../model/invariant.js";
import { evaluate } from "./evaluate.js";
import type { Attribute, Body, Edit, MergedBlock } from "./merge.js";
import { mergeMaps } from "./operators.js";
import type { AttributeSchema, BodySchema } from "./schema-types.js";
import { poison, type Cell, type Environment, type Session } from "./session.js";
import { conform } from "./conform.js";
import { didYouMean, type Type } from "./types.js";
import {
  axisText,
  equals,
  interpolated,
  show,
  type MapValue,
  type ReferenceValue,
  type TargetValue,
  type Value,
} from "./values.js";

const INDEX = new WeakMap<BodySchema, ReadonlyMap<string, AttributeSchema>>();

/** The schema of an attribute by name. */
export function attributeSchema(schema: BodySchema, name: string): AttributeSchema | undefined {
  let index = INDEX.get(schema);
  if (index === undefined)
    INDEX.set(schema, (index = new Map(schema.attributes.map((entry) => [entry.name, entry]))));
  return index.get(name);
}

/** The attribute's value after its edits, of its type; poison when that failed. */
export function attributeValue(
  attribute: Attribute,
  type: Type,
  session: Session,
  cell: Cell | undefined,
): Value {
  const environment = (frame: Environment["frame"]): Environment => ({ session, frame, cell });
  const context = {
    findings: session.findings,
    what: `"${attribute.name}"`,
    targetOf: (name: string) => session.targets.get(name),
  };
  let value: Value | undefined;
  if (attribute.base !== undefined) {
    const { expr, frame } = attribute.base;
    value = conform(evaluate(expr, environment(frame)), type, { ...context, notes: frame.notes });
  }
  for (const edit of attribute.edits) {
    const edited = conformEdit(evaluate(edit.expr, environment(edit.frame)), edit, type, session);
    value = applyEdit(value ?? emptyFor(type, edit.at), edited, edit, environment(edit.frame));
  }
  invariant(value !== undefined, `attribute ${attribute.name} has neither value nor edit`);
  return value;
}

/** `map -= ["key"]` takes a list of keys; every other edit has the attribute's own type. */
function conformEdit(value: Value, edit: Edit, type: Type, session: Session): Value {
  const wanted: Type =
    edit.operator === "-=" && type.t === "map" ? { t: "list", of: { t: "Str" } } : type;
  if (type.t !== "list" && type.t !== "map") return value;
  return conform(value, wanted, {
    findings: session.findings,
    what: `"${edit.operator}"`,
    notes: edit.frame.notes,
    targetOf: (name) => session.targets.get(name),
  });
}

function emptyFor(type: Type, at: Location): Value {
  if (type.t === "map") return { type: "map", entries: new Map(), at };
  if (type.t === "list") return { type: "list", items: [], at };
  // A scalar has nothing to add to; the operator below refuses it.
  return { type: "enum", text: "nothing", at };
}

function applyEdit(value: Value, change: Value, edit: Edit, env: Environment): Value {
  if (value.type === "poison" || change.type === "poison") return poison(edit.at);
  const { findings } = env.session;
  const notes = edit.frame.notes;
  if (value.type === "list" && change.type === "list") {
    if (edit.operator === "+=") {
      const items = [...value.items, ...change.items];
      return env.session.budget.grow(items.length, edit.at)
        ? { type: "list", items, at: change.at }
        : poison(edit.at);
    }
    const items = [...value.items];
    for (const item of change.items) {
      const index = items.findIndex((candidate) => equals(candidate, item) === true);
      if (index >= 0) items.splice(index, 1);
      else {
        findings.error("KM0233", item.at, `${show(item)} is not in the list`, {
          ...didYouMean(
            interpolated(item) ?? "",
            items.map((candidate) => interpolated(candidate) ?? ""),
          ),
          notes,
        });
        return poison(edit.at);
      }
    }
    return { type: "list", items, at: value.at };
  }
  if (value.type === "map" && change.type === "map" && edit.operator === "+=")
    return mergeMaps(value, change, edit.at, env);
  if (value.type === "map" && change.type === "list") {
    const entries = new Map(value.entries);
    for (const item of change.items) {
      const key = interpolated(item) ?? "";
      if (entries.delete(key)) continue;
      findings.error("KM0233", item.at, `Key "${key}" is not in the map`, {
        ...didYouMean(key, entries.keys()),
        notes,
      });
      return poison(edit.at);
    }
    return { type: "map", entries, at: value.at };
  }
  findings.error("KM0232", edit.at, `"${edit.operator}" edits lists and maps only`, {
    help: 'write "override NAME ="',
    notes,
  });
  return poison(edit.at);
}

/** Whether a body's `when` holds; undefined after a reported fault. */
function isPresent(body: Body, session: Session, cell: Cell): boolean | undefined {
  const attribute = body.attributes.get("when");
  if (attribute === undefined) return true;
  const value = attributeValue(attribute, { t: "Bool" }, session, cell);
  return value.type === "bool" ? value.value : undefined;
}

/** The attributes of one body in one cell. */
export class BodyReader {
  readonly session: Session;
  readonly cell: Cell;
  readonly body: Body;
  readonly #schema: BodySchema;
  /** Whether any value read so far is poison. */
  failed = false;

  constructor(session: Session, cell: Cell, body: Body, schema: BodySchema) {
    this.session = session;
    this.cell = cell;
    this.body = body;
    this.#schema = schema;
  }

  /** The value, or undefined when absent or failed. */
  value(name: string): Value | undefined {
    const attribute = this.body.attributes.get(name);
    if (attribute === undefined) return undefined;
    const schema = attributeSchema(this.#schema, name);
    invariant(schema !== undefined, `attribute ${name} is not in the schema`);
    const value = attributeValue(attribute, schema.type, this.session, this.cell);
    if (value.type !== "poison") return value;
    this.failed = true;
    return undefined;
  }

  has(name: string): boolean {
    return this.body.attributes.has(name);
  }

  /** Str, Version, Digest, Re or a name as text. */
  text(name: string): string | undefined {
    const value = this.value(name);
    return value !== undefined && "text" in value ? value.text : undefined;
  }

  /** Int, Mode, Duration, Size or Instant as a number. */
  number(name: string): number | undefined {
    const value = this.value(name);
    return value !== undefined && "value" in value && typeof value.value === "number"
      ? value.value
      : undefined;
  }

  bool(name: string): boolean | undefined {
    const value = this.value(name);
    return value?.type === "bool" ? value.value : undefined;
  }

  items(name: string): readonly Value[] {
    const value = this.value(name);
    return value?.type === "list" ? value.items : [];
  }

  /** A list of Str, Glob or names as texts. */
  texts(name: string): readonly string[] {
    return this.items(name).map((item) => ("text" in item ? item.text : (axisText(item) ?? "")));
  }

  map(name: string): MapValue["entries"] {
    const value = this.value(name);
    return value?.type === "map" ? value.entries : new Map();
  }

  /** A map of Str or Version as texts, in order of declaration. */
  textMap(name: string): Record<string, string> {
    return recordOf(
      [...this.map(name)].map(([key, value]) => [key, "text" in value ? value.text : ""]),
    );
  }

  reference(name: string): ReferenceValue | undefined {
    const value = this.value(name);
    return value?.type === "reference" ? value : undefined;
  }

  target(name: string): TargetValue | undefined {
    const value = this.value(name);
    return value?.type === "target" ? value : undefined;
  }

  /** Evaluates everything in the body and its present blocks, for the diagnostics alone. */
  readAll(): void {
    for (const name of this.body.attributes.keys()) {
      // Axes are evaluated without a cell, and unknown names have no type.
      if (this.#schema.open === undefined && attributeSchema(this.#schema, name) !== undefined)
        this.value(name);
    }
    for (const { key, value } of this.body.rows) {
      for (const { expr, frame } of [key, value])
        evaluate(expr, { session: this.session, cell: this.cell, frame });
    }
    for (const { keyword } of this.#schema.blocks) {
      for (const block of this.blocks(keyword)) this.inside(block).readAll();
    }
  }

  /** The place of an attribute's name, or of the declaration when it is absent. */
  at(name: string): Location {
    return this.body.attributes.get(name)?.at ?? this.cell.declared.at;
  }

  /** The blocks of a keyword whose `when` holds. */
  blocks(keyword: string): readonly MergedBlock[] {
    return this.body.blocks.filter((block) => {
      if (block.keyword !== keyword) return false;
      const present = isPresent(block.body, this.session, this.cell);
      if (present === undefined) this.failed = true;
      return present === true;
    });
  }

  block(keyword: string): MergedBlock | undefined {
    return this.blocks(keyword)[0];
  }

  /** A reader of a block of this body. */
  inside(block: MergedBlock): BodyReader {
    const schema = this.#schema.blocks.find((candidate) => candidate.keyword === block.keyword);
    invariant(schema !== undefined, `block ${block.keyword} is not in the schema`);
    return new BodyReader(this.session, this.cell, block.body, schema);
  }
}

/** A record that any key is safe in, `__proto__` included. */
export function recordOf<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  const record: Record<string, T> = {};
  for (const [key, value] of entries)
    Object.defineProperty(record, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  return record;
}
