/**
 * What lowering of every kind shares: cells, results so far, and the nodes being made.
 */
import type { Location, SourceFile } from "../../grammar/index.js";
import type { PackageNames } from "../debian/package-names.js";
import type { Dockerfile } from "../dockerfile/index.js";
import { invariant } from "../model/invariant.js";
import type { Address } from "../model/node.js";
import { BodyReader } from "./body.js";
import type { Emitter } from "./emit.js";
import type { CellSet } from "./matrix.js";
import { schemaOf } from "./schema.js";
import type { Cell, Session } from "./session.js";
import type { CellSets } from "./resolve.js";
import type { ReferenceValue, Value } from "./values.js";

/**
 * Results that decide what the graph looks like. What is asked for and not known makes a node that
 * awaits it, and is in the analysis's `unknown`.
 */
export interface KnownResults {
  /** The text of a `dockerfile` node. */
  dockerfile(address: Address): string | undefined;
  /** The names that a `debian-index` node found. */
  packageNames(address: Address): PackageNames | undefined;
}

/** From another distribution's names of packages to Debian's. */
export interface PackageTable {
  /** `packages.alpine_to_debian`. */
  readonly address: Address;
  /** The distribution of the names: `alpine`. */
  readonly from: string;
  /** The base whose archive has the other names. */
  readonly to: ReferenceValue;
  readonly rows: ReadonlyMap<string, TableRow>;
  /** What a name without a row becomes: a fault, or itself. */
  readonly fallback: "ask" | "same";
  /** The place of its name. */
  readonly at: Location;
}

export interface TableRow {
  /** Names, `same`, or why not. */
  readonly substitute: Extract<Value, { type: "list" | "enum" | "denial" }>;
  readonly at: Location;
}

/** A Dockerfile, and the text that diagnostics show of it. */
export interface ReadDockerfile {
  readonly file: SourceFile;
  readonly parsed: Dockerfile;
}

/** A rule of `rewrite`, or a row laid over a build context: a fault unless it ever holds. */
export interface RewriteRule {
  /** `from "golang:*"`. */
  readonly name: string;
  readonly at: Location;
  /** What it could have held of. */
  readonly help: string | undefined;
  fired: boolean;
}

export interface Lowering {
  readonly session: Session;
  readonly sets: CellSets;
  readonly emitter: Emitter;
  /** The tree each component cell is built from: its patch node or its source. */
  readonly trees: Map<Cell, Address>;
  /** The program names of a component's cell; undefined when they could not be evaluated. */
  readonly programs: Map<Cell, readonly string[] | undefined>;
  /** Addresses of the tests of a component's or image's cell. */
  readonly tests: Map<Cell, Address[]>;
  /** Dockerfiles that were read, by what defines them. */
  readonly dockerfiles: Map<string, ReadDockerfile>;
  /** Rules that rewrite Dockerfiles, by place. */
  readonly rules: Map<string, RewriteRule>;
  /** Tables of packages by address; undefined when they are faulty. */
  readonly tables: Map<Address, PackageTable | undefined>;
  /** What earlier builds found out; absent: nothing. */
  readonly known: KnownResults | undefined;
  /** Nodes whose results would have decided more. */
  readonly unknown: Set<Address>;
  /** Things worth telling that are no faults. */
  readonly notes: { readonly address: Address; readonly message: string }[];
  /** Two or more platforms: references of images carry theirs. */
  readonly severalTargets: boolean;
}

/** A reader of a cell's whole declaration. */
export function readCell(cell: Cell, set: CellSet, session: Session): BodyReader {
  const schema = schemaOf(cell.declared.kind);
  invariant(schema !== undefined, `no schema of ${cell.declared.kind}`);
  return new BodyReader(session, cell, set.body, schema);
}

/** The program names a component's cell makes; undefined when they are faulty. */
export function programsOf(cell: Cell, lowering: Lowering): readonly string[] | undefined {
  if (lowering.programs.has(cell)) return lowering.programs.get(cell);
  const set = lowering.sets.get(`component.${cell.declared.name}`);
  let names: readonly string[] | undefined;
  if (set !== undefined && !set.body.incomplete) {
    const reader = readCell(cell, set, lowering.session);
    const block = reader.block("go") ?? reader.block("c");
    if (block !== undefined) {
      const attributes = block.keyword === "go" ? ["packages", "tests"] : ["programs"];
      const inside = reader.inside(block);
      const entries = attributes.flatMap((name) => [...inside.map(name).keys()]);
      if (!inside.failed && attributes.some((name) => inside.has(name))) names = entries;
    }
  }
  lowering.programs.set(cell, names);
  return names;
}
