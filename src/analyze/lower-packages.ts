/**
 * Tables of packages: what a name of another distribution is called in Debian.
 */
import type { Location } from "../../grammar/index.js";
import type { Address } from "../model/node.js";
import { canonical } from "./emit.js";
import { evaluate } from "./evaluate.js";
import { conform } from "./conform.js";
import { groundOf, type PackageRequest } from "./lower-steps.js";
import { readCell, type Lowering, type PackageTable, type TableRow } from "./lowering.js";
import { resolveOne } from "./resolve.js";
import { SUBSTITUTE } from "./schema-debian.js";
import type { Cell } from "./session.js";
import type { Value } from "./values.js";

/** The table that a reference names; undefined after a reported fault. */
export function tableOf(
  reference: { readonly name: string },
  lowering: Lowering,
): PackageTable | undefined {
  const address = `packages.${reference.name}`;
  if (lowering.tables.has(address)) return lowering.tables.get(address);
  const table = readTable(address, lowering);
  lowering.tables.set(address, table);
  return table;
}

function readTable(address: Address, lowering: Lowering): PackageTable | undefined {
  const { session, sets } = lowering;
  const { findings } = session;
  const set = sets.get(address);
  const cell = set?.cells.get("");
  if (set === undefined || cell === undefined) return undefined;
  const reader = readCell(cell, set, session);
  const from = reader.text("from");
  const to = reader.reference("to");
  const rows = new Map<string, TableRow>();
  let fallback: PackageTable["fallback"] = "ask";
  let failed = false;
  const isOwn = ({ file, span }: Location): boolean =>
    file === set.declared.unit.file &&
    span.start >= set.declared.declaration.span.start &&
    span.end <= set.declared.declaration.span.end;
  for (const row of set.body.rows) {
    const read = (part: typeof row.key): Value =>
      evaluate(part.expr, { session, cell, frame: part.frame });
    const context = (part: typeof row.key, what: string) => ({
      findings,
      what,
      notes: part.frame.notes,
      targetOf: () => undefined,
    });
    const key = conform(read(row.key), { t: "Name" }, context(row.key, "The package"));
    const name = key.type === "str" || key.type === "enum" ? key.text : undefined;
    const value = conform(
      read(row.value),
      SUBSTITUTE,
      context(row.value, name === undefined ? "The row" : `"${name}"`),
    );
    if (name === undefined || value.type === "poison") {
      failed = true;
      continue;
    }
    const isDefault = key.type === "enum";
    const fault = rowFault(name, isDefault, value);
    if (fault !== undefined) {
      findings.error("KM0227", fault.at, fault.message, {
        help: fault.help,
        notes: row.key.frame.notes,
      });
      failed = true;
      continue;
    }
    if (isDefault) fallback = (value as { text: PackageTable["fallback"] }).text;
    const first = rows.get(name);
    // A row replaces the inherited one of the same name.
    if (first !== undefined && isOwn(first.at)) {
      findings.error("KM0225", key.at, `Key "${name}" stands twice`, {
        notes: [{ message: "its first value is here", at: first.at }],
        help: "remove one of them",
      });
      failed = true;
    }
    if (!isDefault) rows.set(name, { substitute: value as TableRow["substitute"], at: row.at });
  }
  if (failed || reader.failed || from === undefined || to === undefined) return undefined;
  return { address, from, to, rows, fallback, at: set.declared.at };
}

function rowFault(
  name: string,
  isDefault: boolean,
  value: Value,
): { readonly at: Location; readonly message: string; readonly help: string } | undefined {
  const word = value.type === "enum" ? value.text : undefined;
  if (isDefault && name !== "default")
    return {
      at: value.at,
      message: `"${name}" is a bare name, and only default may be one`,
      help: `write "${name}" in quotes`,
    };
  if (isDefault)
    return word === undefined
      ? { at: value.at, message: "The default is neither ask nor same", help: "write ask" }
      : undefined;
  if (word === "ask")
    return {
      at: value.at,
      message: `"${name}" asks, which only the default can`,
      help: 'write ["…"], same or deny("why")',
    };
  return undefined;
}

/**
 * The requests in Debian's names, those of rows at the rows' own places; undefined after a reported
 * fault. `index` is the archive that the names are for, `cell` the node that asks. A name without a
 * row is reported once the index is known, with what the archive has.
 */
export function mapPackages(
  table: PackageTable,
  requests: readonly PackageRequest[],
  index: Address,
  cell: Cell,
  lowering: Lowering,
): readonly PackageRequest[] | undefined {
  const { findings } = lowering.session;
  const declared = { message: `${table.address} is declared here`, at: table.at };
  if (requests.length > 0 && !isFor(table, index, cell, requests[0] as PackageRequest, lowering))
    return undefined;
  const mapped: PackageRequest[] = [];
  let failed = false;
  for (const request of requests) {
    const { text, at, notes = [] } = request;
    const row = table.rows.get(text);
    if (row === undefined && table.fallback === "same") mapped.push(request);
    else if (row === undefined) {
      const known = lowering.known?.packageNames(index);
      if (known === undefined) {
        lowering.unknown.add(index);
        continue;
      }
      const candidates = known.has(text) ? [text, ...known.near(text)] : known.near(text);
      findings.error("KM0352", at, `${table.address} has no row for ${table.from}'s "${text}"`, {
        help:
          candidates.length > 0
            ? `the archive has ${candidates.join(", ")}; add: "${text}" -> ["${candidates[0]}"]`
            : `add: "${text}" -> ["…"]`,
        notes: [declared, ...notes],
      });
      failed = true;
    } else if (row.substitute.type === "denial") {
      findings.error("KM0353", at, `"${text}" is denied: ${row.substitute.why}`, {
        notes: [{ message: "this row denies it", at: row.at }, ...notes],
      });
      failed = true;
    } else {
      const origin = [{ message: `"${text}" is asked for here`, at }, ...notes];
      if (row.substitute.type === "enum") mapped.push({ text, at: row.at, notes: origin });
      else
        for (const item of row.substitute.items)
          if (item.type === "str") mapped.push({ text: item.text, at: item.at, notes: origin });
    }
  }
  return failed ? undefined : mapped;
}

/** Whether the table's other side is the archive that the names are for. */
function isFor(
  table: PackageTable,
  index: Address,
  cell: Cell,
  { at, notes = [] }: PackageRequest,
  lowering: Lowering,
): boolean {
  const { session, sets, emitter } = lowering;
  const base = resolveOne(table.to, cell, sets, session);
  const ground = base && groundOf(base.address, lowering);
  // A base with faults of its own.
  if (base === undefined || ground?.type !== "debian") return false;
  const archiveOf = (address: Address): string =>
    canonical(emitter.nodes.get(address)?.node.definition);
  if (archiveOf(ground.index) === archiveOf(index)) return true;
  session.findings.error(
    "KM0356",
    at,
    `${table.address} has the names of ${base.address}, but ${cell.address} stands on another archive`,
    {
      notes: [{ message: `${table.address} is declared here`, at: table.at }, ...notes],
      help: `use a table to ${index.replace(/\/index$/, "")}`,
    },
  );
  return false;
}
