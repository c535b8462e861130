/**
 * Checks the shape of bodies against the schema: names, forms, labels and what must be there.
 *
 * Values are not looked at; each is checked when it is evaluated in a cell.
 */
import type { Location } from "../../grammar/index.js";
import type { Findings } from "./findings.js";
import type { Body, MergedBlock } from "./merge.js";
import type { BlockSchema, BodySchema } from "./schema-types.js";
import { STEP_ACTIONS } from "./schema-blocks.js";
import { attributeSchema } from "./body.js";
import { describeType, didYouMean } from "./types.js";

/** What is checked and where its own faults are shown. */
export interface Subject {
  /** `component.etcd`, `step "put"`. */
  readonly name: string;
  readonly at: Location;
  readonly notes?: readonly { readonly message: string; readonly at?: Location }[];
}

/**
 * Reports what a body has too much of and what it lacks. `whole` is false for a template's own
 * body, whose instances may still add what is missing.
 */
export function checkBody(
  body: Body,
  schema: BodySchema,
  subject: Subject,
  findings: Findings,
  whole: boolean,
): void {
  const attributeNames = schema.attributes.map((attribute) => attribute.name);
  const blockNames = schema.blocks.map((block) => block.keyword);
  for (const attribute of body.attributes.values()) {
    const known = attributeSchema(schema, attribute.name);
    const { notes } = attribute.frame;
    if (known !== undefined) {
      const companions = known.goesWith;
      if (
        companions !== undefined &&
        !companions.some((name) => body.attributes.has(name)) &&
        !body.incomplete &&
        whole &&
        hasChoice(body, schema)
      )
        findings.error(
          "KM0205",
          attribute.at,
          `"${attribute.name}" only goes with ${companions.map((name) => `"${name}"`).join(" or ")}`,
          { help: `remove it, or add ${companions[0]} = …`, notes },
        );
      continue;
    }
    if (schema.open !== undefined) continue;
    if (blockNames.includes(attribute.name))
      findings.error("KM0207", attribute.at, `"${attribute.name}" is a block, not an attribute`, {
        help: `write ${attribute.name} { … }`,
        notes,
      });
    else
      findings.error(
        "KM0201",
        attribute.at,
        `Unknown attribute "${attribute.name}" in ${subject.name}`,
        { ...hint(attribute.name, [...attributeNames, ...blockNames]), notes },
      );
  }
  for (const block of body.blocks)
    checkBlock(block, schema, attributeNames, blockNames, subject, findings, whole);
  for (const row of body.rows) {
    if (schema.rows !== undefined) continue;
    findings.error("KM0207", row.at, `${capital(subject.name)} takes no rows with "->"`, {
      help: blockNames.includes("files") ? "write it inside files { … }" : "write name = value",
      notes: row.key.frame.notes,
    });
  }
  if (whole && !body.incomplete) checkPresence(body, schema, subject, findings);
}

function checkBlock(
  block: MergedBlock,
  schema: BodySchema,
  attributeNames: readonly string[],
  blockNames: readonly string[],
  subject: Subject,
  findings: Findings,
  whole: boolean,
): void {
  const { notes } = block.frame;
  const known: BlockSchema | undefined = schema.blocks.find(
    (candidate) => candidate.keyword === block.keyword,
  );
  if (known === undefined) {
    if (attributeNames.includes(block.keyword))
      findings.error("KM0207", block.at, `"${block.keyword}" is an attribute, not a block`, {
        help: `write ${block.keyword} = …`,
        notes,
      });
    else
      findings.error("KM0202", block.at, `Unknown block "${block.keyword}" in ${subject.name}`, {
        ...hint(block.keyword, [...blockNames, ...attributeNames]),
        notes,
      });
    return;
  }
  const name =
    block.label === undefined ? `"${block.keyword}"` : `${block.keyword} "${block.label.text}"`;
  if (known.label !== undefined && (block.label === undefined || block.label.text === ""))
    findings.error("KM0206", block.at, `"${block.keyword}" wants a label: ${known.label}`, {
      help: `write ${block.keyword} "…" { … }`,
      notes,
    });
  else if (known.label === undefined && block.label !== undefined)
    findings.error("KM0206", block.at, `"${block.keyword}" takes no label`, {
      help: `write ${block.keyword} { … }`,
      notes,
    });
  checkBody(block.body, known, { name, at: block.at, notes }, findings, whole);
}

function checkPresence(body: Body, schema: BodySchema, subject: Subject, findings: Findings): void {
  for (const attribute of schema.attributes) {
    if (attribute.required !== true || body.attributes.has(attribute.name)) continue;
    if (
      attribute.goesWith !== undefined &&
      !attribute.goesWith.some((name) => body.attributes.has(name))
    )
      continue;
    if (attribute.name === "reason") {
      findings.error("KM0335", subject.at, `${capital(subject.name)} has no reason`, {
        help: 'add: reason = "what breaks without it"',
        notes: subject.notes ?? [],
      });
      continue;
    }
    const example =
      attribute.type.t === "Str"
        ? '"…"'
        : attribute.type.t === "list"
          ? "[…]"
          : attribute.type.t === "map"
            ? "{ … }"
            : "…";
    findings.error(
      "KM0203",
      subject.at,
      `${capital(subject.name)} has no "${attribute.name}", wanted a ${describeType(attribute.type)}`,
      { help: `add: ${attribute.name} = ${example}`, notes: subject.notes ?? [] },
    );
  }
  const { exactlyOne } = schema;
  if (exactlyOne === undefined) return;
  const present = exactlyOne.filter((name) => isThere(body, name));
  if (present.length === 1) return;
  // A misspelt choice has been reported as an unknown name already.
  const misspelt =
    [...body.attributes.values()].some(
      (attribute) => attributeSchema(schema, attribute.name) === undefined,
    ) ||
    body.blocks.some((block) => !schema.blocks.some((known) => known.keyword === block.keyword));
  if (present.length === 0 && misspelt) return;
  const code = exactlyOne === STEP_ACTIONS ? "KM0340" : "KM0204";
  const names = exactlyOne.map((name) => `"${name}"`).join(", ");
  const have = present.length === 0 ? "none" : present.map((name) => `"${name}"`).join(" and ");
  findings.error(
    code,
    subject.at,
    `${capital(subject.name)} has ${have} of ${names}, wanted exactly one`,
    {
      notes: [
        ...present.map((name) => ({ message: `"${name}" is here`, at: placeOf(body, name) })),
        ...(subject.notes ?? []),
      ],
      help: present.length === 0 ? `add one of ${names}` : "remove all but one",
    },
  );
}

/** Whether the exclusive choice is made, so that a companion's fault is not a second message. */
function hasChoice(body: Body, schema: BodySchema): boolean {
  return (
    schema.exactlyOne === undefined ||
    schema.exactlyOne.filter((name) => isThere(body, name)).length === 1
  );
}

function isThere(body: Body, name: string): boolean {
  return body.attributes.has(name) || body.blocks.some((block) => block.keyword === name);
}

function placeOf(body: Body, name: string): Location {
  const found =
    body.attributes.get(name)?.at ?? body.blocks.find((block) => block.keyword === name)?.at;
  return found as Location;
}

function hint(name: string, candidates: readonly string[]): { help?: string } {
  const near = didYouMean(name, candidates);
  if (near.help !== undefined || candidates.length === 0) return near;
  return { help: `it takes ${candidates.join(", ")}` };
}

/** The first letter in upper case, for the beginning of a message; addresses stay as they are. */
function capital(text: string): string {
  return /^[a-z]+\./.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
}
