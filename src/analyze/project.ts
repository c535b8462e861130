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
import { BodyReader } from "./body.js";
import { checkBody } from "./check.js";
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
export function declareTargets(expander: Expander, session: Session): void {
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

/** The facts of the root project's block, with defaults for what it leaves out. */
export function readProject(
  entry: readonly string[],
  expander: Expander,
  session: Session,
): ProjectFacts {
  const own = session.scope.projects.filter(({ unit }) => entry.includes(unit.path));
  const [declared, ...others] = own;
  for (const other of others) {
    session.findings.error("KM0301", other.at, "Duplicate project block", {
      notes: [{ message: "first declared here", at: (declared as Declared).at }],
      help: "keep one of them",
    });
  }
  // Of the imported recipes' blocks only the names of things count: they are projects of their own.
  const reader = declared && readerOf(declared, expander, session);
  const name = reader?.text("name") ?? path.basename(session.root);
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
  return { name, targets, epoch: reader?.number("epoch") ?? 0 };
}
