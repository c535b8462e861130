/**
 * The project's own facts and the declared targets: what every other declaration builds on.
 */
import path from "node:path";
import { invariant } from "../model/invariant.js";
import {
  type Platform,
  hasFloatOption,
  isArch,
  platformOf,
  variantsOf,
} from "../model/platform.js";
import type { Overrides } from "../model/overrides.js";
import { BodyReader } from "./body.js";
import { checkBody } from "./check.js";
import { readOptions, readTargets, type ReadOptions } from "./options.js";
import { schemaOf } from "./schema.js";
import { TARGET_MEMBERS, type Declared } from "./scope.js";
import type { Cell, ProjectFacts, Session } from "./session.js";
import type { Expander } from "./templates.js";
import { didYouMean } from "./types.js";
import type { TargetValue } from "./values.js";

/** A cell for declarations that make no node. */
function factCell(declared: Declared): Cell {
  return {
    declared,
    address: `${declared.kind}.${declared.name}`,
    axes: new Map(),
    target: undefined,
    version: () => undefined,
    locals: new Map(),
  };
}

function readerOf(declared: Declared, expander: Expander, session: Session): BodyReader {
  const schema = schemaOf(declared.kind);
  invariant(schema !== undefined, `no schema of ${declared.kind}`);
  const body = expander.expand(declared);
  checkBody(
    body,
    schema,
    {
      name: declared.kind === "project" ? "project" : `${declared.kind}.${declared.name}`,
      at: declared.at,
    },
    session.findings,
    true,
  );
  return new BodyReader(session, factCell(declared), body, schema);
}

/** Evaluates every `target` declaration into `session.targets`. */
function declareTargets(expander: Expander, session: Session): void {
  for (const declared of session.scope.all("target")) {
    session.targets.set(declared.name, targetPlatform(declared, expander, session));
  }
}

function targetPlatform(
  declared: Declared,
  expander: Expander,
  session: Session,
): Platform | undefined {
  const { findings } = session;
  if ((TARGET_MEMBERS as readonly string[]).includes(declared.name) || isArch(declared.name)) {
    findings.error("KM0301", declared.at, `"${declared.name}" is a target's word already`, {
      help: "give the target another name",
    });
  }
  const reader = readerOf(declared, expander, session);
  const arch = reader.text("arch");
  const float = reader.text("float") as Platform["float"];
  const variant = reader.text("variant");
  if (reader.failed || arch === undefined || !isArch(arch)) return undefined;
  if (float !== undefined && !hasFloatOption(arch)) {
    findings.error("KM0227", reader.at("float"), `${arch} has no soft-float form`, {
      help: "remove the attribute",
    });
    return undefined;
  }
  const variants = variantsOf(arch);
  if (variant !== undefined && !variants.includes(variant)) {
    findings.error("KM0227", reader.at("variant"), `${arch} has no variant "${variant}"`, {
      help:
        variants.length === 0
          ? "remove the attribute"
          : (didYouMean(variant, variants).help ?? `write one of ${variants.join(", ")}`),
    });
    return undefined;
  }
  return platformOf(arch, {
    ...(float !== undefined && { float }),
    ...(variant !== undefined && { variant }),
  });
}

/** The root project's own block; further ones are faults. */
function ownProject(entry: readonly string[], session: Session): Declared | undefined {
  // Of the imported recipes' blocks only the names of things count: they are projects of their own.
  const own = session.scope.projects.filter(({ unit }) => entry.includes(unit.path));
  const [declared, ...others] = own;
  for (const other of others) {
    session.findings.error("KM0301", other.at, "Duplicate project block", {
      notes: [{ message: "first declared here", at: (declared as Declared).at }],
      help: "keep one of them",
    });
  }
  return declared;
}

/** What the root project says of itself, and what the command line says in its place. */
export interface ProjectReading extends Omit<ReadOptions, "values"> {
  readonly facts: ProjectFacts;
}

/** Reads the options and targets into the session, and the facts with defaults for what is left out. */
export function readProject(
  entry: readonly string[],
  overrides: Overrides,
  expander: Expander,
  session: Session,
): ProjectReading {
  const declared = ownProject(entry, session);
  const reader = declared && readerOf(declared, expander, session);
  const block = reader?.body.blocks.find(({ keyword }) => keyword === "options");
  const { values, options, misfits } = readOptions(declared, block, overrides, session);
  session.options = values;
  declareTargets(expander, session);
  const own = ownTargets(declared, reader, session);
  const other = readTargets(overrides.targets, session);
  const targets = overrides.targets.length === 0 ? own : other.targets;
  const isOwn = (target: TargetValue): boolean => own.some(({ name }) => name === target.name);
  const facts: ProjectFacts = {
    name: reader?.text("name") ?? path.basename(session.root),
    targets: targets.length === 0 ? own : targets,
    hasOtherTargets: !targets.every(isOwn),
    // A project for several platforms keeps its addresses when a command line asks for one.
    hasTargetAxis: own.length > 1 || targets.length > 1,
    epoch: reader?.number("epoch") ?? 0,
  };
  return { facts, options, misfits: [...misfits, ...other.misfits] };
}

function ownTargets(
  declared: Declared | undefined,
  reader: BodyReader | undefined,
  session: Session,
): TargetValue[] {
  const targets: TargetValue[] = [];
  for (const item of reader?.items("targets") ?? []) {
    if (item.type !== "target") continue;
    const first = targets.find((target) => target.name === item.name);
    if (first !== undefined)
      session.findings.error("KM0250", item.at, `Target "${item.name}" stands twice`, {
        notes: [{ message: "first here", at: first.at }],
        help: "remove one of them",
      });
    else targets.push(item);
  }
  if (reader?.has("targets") === true && targets.length === 0 && !reader.failed)
    session.findings.error("KM0250", reader.at("targets"), "The project has no targets", {
      help: "write [mips64le]",
    });
  if (targets.length === 0) {
    const at = declared?.at ?? {
      file: { name: session.root, text: "" },
      span: { start: 0, end: 0 },
    };
    targets.push({ type: "target", name: "mips64le", platform: platformOf("mips64le"), at });
  }
  return targets;
}
