/**
 * Images: files, directories, users, configuration, name and tag.
 */
import type { Address, ImageDefinition, ImageDirectory, ImageUser } from "../model/node.js";
import type { Platform } from "../model/platform.js";
import type { BodyReader } from "./body.js";
import { Needs } from "./emit.js";
import { isId, isMode, lowerFiles, takePath, type TakenPaths } from "./lower-files.js";
import { lowerTests } from "./lower-test.js";
import { readCell, type Lowering } from "./lowering.js";
import type { CellSet } from "./matrix.js";
import type { ImageFacts } from "./image-checks.js";
import { lowerConfig } from "./lower-config.js";
import { isImagePath } from "./paths.js";
import { resolveOne, samePlatform } from "./resolve.js";
import type { Cell, Session } from "./session.js";

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Emits the images of a declaration and their tests; returns what is known of each. */
export function lowerImage(set: CellSet, lowering: Lowering): ImageFacts[] {
  const facts: ImageFacts[] = [];
  const hasTargetAxis = set.axes.some((axis) => axis.name === "target");
  for (const cell of set.cells.values()) {
    const fact = lowerCell(cell, set, hasTargetAxis, lowering);
    if (fact !== undefined) facts.push(fact);
    lowerTests(cell, set, lowering);
  }
  return facts;
}

function lowerCell(
  cell: Cell,
  set: CellSet,
  hasTargetAxis: boolean,
  lowering: Lowering,
): ImageFacts | undefined {
  const { session, emitter, sets } = lowering;
  const reader = readCell(cell, set, session);
  const needs = new Needs();
  const platform = cell.target?.platform;
  const name = readName(reader, session);
  const tag = readTag(reader, session);
  let failed = platform === undefined || name === undefined || tag === undefined;
  const from = reader.reference("from");
  let base: Address | undefined;
  if (from !== undefined) {
    const used = resolveOne(from, cell, sets, session);
    if (used === undefined || !samePlatform(from, used, cell, session)) failed = true;
    else base = needs.add(used.address, from.at);
  }
  const taken: TakenPaths = new Map();
  const directories = lowerDirectories(reader, taken, lowering);
  const files = lowerFiles(reader, taken, needs, lowering);
  const users = lowerUsers(reader, lowering);
  const config = lowerConfig(reader, session);
  const runAs = reader.value("run_as");
  if (
    failed ||
    reader.failed ||
    directories === undefined ||
    files === undefined ||
    users === undefined ||
    config === undefined ||
    platform === undefined
  )
    return undefined;
  const several = lowering.severalTargets || hasTargetAxis;
  const reference = `${name}:${tag}${several ? `-${platformSuffix(platform)}` : ""}`;
  const definition: ImageDefinition = {
    kind: "image",
    ...(base !== undefined && { base }),
    files,
    directories,
    users,
    config: { ...config, ...(runAs?.type === "str" && { user: runAs.text }) },
    reference,
    platform,
    epoch: session.project?.epoch ?? 0,
  };
  emitter.emit(cell.address, definition, needs, set.declared.at, set.declared.declaration.doc);
  return {
    cell,
    base,
    users,
    runAs: runAs?.type === "str" ? { text: runAs.text, at: runAs.at } : undefined,
    reference,
    at: reader.at(reader.has("name") ? "name" : "tag"),
  };
}

/** `mips64le`, and what sets it apart from the architecture's usual platform. */
function platformSuffix(platform: Platform): string {
  const variant =
    platform.variant === undefined || platform.variant === "v8" ? "" : `-${platform.variant}`;
  return `${platform.arch}${variant}${platform.float === "softfloat" ? "-softfloat" : ""}`;
}

/** The name of an image or index: its attribute, else the label. */
export function readName(reader: BodyReader, session: Session): string | undefined {
  const value = reader.value("name");
  if (reader.has("name") && value === undefined) return undefined;
  const name = value?.type === "str" ? value.text : reader.cell.declared.name;
  if (NAME.test(name)) return name;
  const at = value?.at ?? reader.cell.declared.at;
  const colon = name.includes(":");
  session.findings.error("KM0311", at, `"${name}" is not an image name`, {
    help: colon
      ? "write the tag as tag = …"
      : value === undefined
        ? `add: name = "${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}"`
        : "use lower-case letters, digits, - . _ and /",
  });
  return undefined;
}

/** The tag: its attribute, else the version without the v, else `latest`. */
export function readTag(
  reader: BodyReader,
  session: Session,
  fallback = "latest",
): string | undefined {
  const value = reader.value("tag");
  const version = reader.cell.version();
  if (value === undefined && (reader.has("tag") || version?.type === "poison")) return undefined;
  const tag =
    value?.type === "str"
      ? value.text
      : version?.type === "version"
        ? version.text.replace(/^v/, "")
        : fallback;
  // A platform's suffix must fit as well.
  if (TAG.test(tag) && tag.length <= 100) return tag;
  session.findings.error(
    "KM0311",
    value?.at ?? version?.at ?? reader.cell.declared.at,
    `"${tag}" is not a tag`,
    {
      help: tag.includes("+")
        ? `add: tag = "${tag.replace(/\+/g, "-")}"`
        : "use at most 100 letters, digits, _ . and -",
    },
  );
  return undefined;
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
