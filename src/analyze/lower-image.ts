/**
 * Images: files, directories, users, configuration, name and tag.
 */
import type { ImageDefinition, ImageDirectory, ImageUser } from "../model/node.js";
import type { BodyReader } from "./body.js";
import { Needs } from "./emit.js";
import { isId, isMode, lowerFiles, takePath, type TakenPaths } from "./lower-files.js";
import { lowerTests } from "./lower-test.js";
import { readCell, type Lowering } from "./lowering.js";
import type { CellSet } from "./matrix.js";
import type { ImageFacts } from "./image-checks.js";
import { lowerConfig, readBudget } from "./lower-config.js";
import { lowerDockerfile, readDockerfile } from "./lower-dockerfile.js";
import { lowerSteps, readSteps } from "./lower-image-steps.js";
import type { StepBase } from "./lower-steps.js";
import { undecidedSteps } from "./lower-undecided.js";
import { imageReference, readName, readRegistry, readTag } from "./reference.js";
import { isImagePath } from "./paths.js";
import { resolveOne, samePlatform } from "./resolve.js";
import type { Cell } from "./session.js";

/** Emits the image of a cell and its tests; returns what is known of it. */
export function lowerImage(cell: Cell, set: CellSet, lowering: Lowering): ImageFacts | undefined {
  const fact = lowerCell(cell, set, lowering);
  lowerTests(cell, set, lowering);
  return fact;
}

function lowerCell(cell: Cell, set: CellSet, lowering: Lowering): ImageFacts | undefined {
  const { session, emitter, sets } = lowering;
  const reader = readCell(cell, set, session);
  const needs = new Needs();
  const platform = cell.target?.platform;
  const name = readName(reader, session);
  const tag = readTag(reader, session);
  const registry = readRegistry(reader, session);
  let failed = platform === undefined || name === undefined || tag === undefined;
  const from = reader.reference("from");
  if (!goesTogether(reader)) failed = true;
  let base: StepBase | undefined;
  if (from !== undefined) {
    const used = resolveOne(from, cell, sets, session);
    if (used === undefined || !samePlatform(from, used, cell, session)) failed = true;
    else base = { address: used.address, at: from.at };
  }
  const taken: TakenPaths = new Map();
  const directories = lowerDirectories(reader, taken, lowering);
  const overlay = reader.has("dockerfile") ? [] : undefined;
  const files = lowerFiles(reader, taken, needs, lowering, overlay);
  const users = lowerUsers(reader, lowering);
  const config = lowerConfig(reader, session);
  const budget = readBudget(reader);
  const runAs = reader.value("run_as");
  if (
    failed ||
    reader.failed ||
    directories === undefined ||
    files === undefined ||
    users === undefined ||
    config === undefined ||
    platform === undefined
  ) {
    // What the steps ask for has faults of its own to tell.
    readSteps(reader);
    if (overlay !== undefined) readDockerfile(reader);
    return undefined;
  }
  const content = { files, directories, users };
  const epoch = session.project?.epoch ?? 0;
  if (overlay !== undefined) {
    const built = lowerDockerfile(
      reader,
      { address: cell.address, platform, epoch },
      overlay,
      lowering,
    );
    if (built === undefined) {
      readSteps(reader);
      return undefined;
    }
    base = built.base;
  }
  const steps = lowerSteps(
    reader,
    { platform, epoch, base, content, contentNeeds: needs },
    lowering,
  );
  if (steps === undefined) return undefined;
  const reference = imageReference(name as string, tag as string, platform, set, lowering);
  const definition: ImageDefinition = {
    kind: "image",
    ...(steps.base !== undefined && { base: steps.base.address }),
    ...(steps.awaits !== undefined && {
      awaits: steps.awaits,
      undecided: undecidedSteps(reader, base?.address, overlay ?? [], lowering),
    }),
    ...steps.content,
    config: { ...config, ...(runAs?.type === "str" && { user: runAs.text }) },
    reference,
    ...(registry !== undefined && { published: `${registry}/${name}:${tag}` }),
    ...(budget !== undefined && { budget }),
    platform,
    epoch,
  };
  emitter.emit(
    cell.address,
    definition,
    steps.needs,
    set.declared.at,
    set.declared.declaration.doc,
  );
  return {
    cell,
    base: base?.address,
    users,
    runAs: runAs?.type === "str" ? { text: runAs.text, at: runAs.at } : undefined,
    reference,
    at: reader.at(reader.has("name") ? "name" : "tag"),
  };
}

/** Whether the declaration says in one way only what the image stands on; reports why not. */
function goesTogether(reader: BodyReader): boolean {
  const { findings } = reader.session;
  const block = reader.block("rewrite");
  if (reader.has("from") && reader.has("dockerfile")) {
    findings.error(
      "KM0204",
      reader.at("from"),
      `${reader.cell.address} has "from" and "dockerfile", wanted one of them`,
      {
        help: "say what stands for the Dockerfile's FROM in rewrite { from = { … } }",
        notes: [{ message: '"dockerfile" is here', at: reader.at("dockerfile") }],
      },
    );
    return false;
  }
  if (block === undefined || reader.has("dockerfile")) return true;
  findings.error("KM0205", block.at, '"rewrite" only goes with "dockerfile"', {
    help: 'remove it, or add dockerfile = source.NAME / "Dockerfile"',
  });
  return false;
}

function lowerDirectories(
  reader: BodyReader,
  taken: TakenPaths,
  lowering: Lowering,
): readonly ImageDirectory[] | undefined {
  const directories: ImageDirectory[] = [];
  let failed = false;
  for (const block of reader.blocks("directory")) {
    const fields = reader.inside(block);
    const mode = fields.number("mode") ?? 0o755;
    const uid = fields.number("uid") ?? 0;
    const gid = fields.number("gid") ?? 0;
    const path = block.label?.text;
    if (path === undefined || fields.failed) {
      failed = true;
      continue;
    }
    const good =
      isImagePath(path, block.at, lowering.session) && takePath(path, block.at, taken, lowering);
    if (
      good &&
      isMode(mode, fields.at("mode"), lowering) &&
      isId("uid", uid, fields.at("uid"), lowering) &&
      isId("gid", gid, fields.at("gid"), lowering)
    )
      directories.push({ path, mode, uid, gid });
    else failed = true;
  }
  return failed ? undefined : directories;
}

function lowerUsers(reader: BodyReader, lowering: Lowering): readonly ImageUser[] | undefined {
  const { findings } = lowering.session;
  const users: ImageUser[] = [];
  let failed = false;
  for (const block of reader.blocks("user")) {
    const fields = reader.inside(block);
    const uid = fields.number("uid");
    const gid = fields.number("gid") ?? uid;
    const home = fields.text("home") ?? "/";
    const shell = fields.text("shell") ?? "/sbin/nologin";
    const name = block.label?.text;
    if (uid === undefined || gid === undefined || name === undefined || fields.failed) {
      failed = true;
      continue;
    }
    if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(name)) {
      findings.error("KM0227", block.at, `"${name}" is not a user name`, {
        help: "use up to 32 lower-case letters, digits, _ and -",
      });
      failed = true;
    }
    for (const field of ["home", "shell"] as const) {
      const text = field === "home" ? home : shell;
      if (!isImagePath(text, fields.at(field), lowering.session, true)) failed = true;
      else if (text.includes(":")) {
        findings.error(
          "KM0332",
          fields.at(field),
          `Image path "${text}" has a colon, which /etc/passwd cannot hold`,
        );
        failed = true;
      }
    }
    if (
      isId("uid", uid, fields.at("uid"), lowering) &&
      isId("gid", gid, fields.at("gid"), lowering)
    )
      users.push({ name, uid, gid, home, shell });
    else failed = true;
  }
  return failed ? undefined : users;
}
