/**
 * Images: files, directories, users, configuration, name and tag.
 */
import type { Location } from "../../grammar/index.js";
import type {
  Address,
  ImageConfig,
  ImageDefinition,
  ImageDirectory,
  ImageUser,
} from "../model/node.js";
import type { Platform } from "../model/platform.js";
import type { BodyReader } from "./body.js";
import { Needs } from "./emit.js";
import { isId, isMode, lowerFiles, takePath, type TakenPaths } from "./lower-files.js";
import { lowerTests } from "./lower-test.js";
import { readCell, type Lowering } from "./lowering.js";
import type { CellSet } from "./matrix.js";
import { isImagePath } from "./paths.js";
import { resolveOne, samePlatform } from "./resolve.js";
import { SIGNALS } from "./schema-blocks.js";
import type { Cell, Session } from "./session.js";
import { didYouMean } from "./types.js";

/** What later checks of all images want to know of one. */
export interface ImageFacts {
  readonly cell: Cell;
  /** Absent: scratch. */
  readonly base: Address | undefined;
  readonly users: readonly ImageUser[];
  readonly runAs: { readonly text: string; readonly at: Location } | undefined;
  readonly reference: string;
  /** Where the name or the declaration stands, for a second image of the same reference. */
  readonly at: Location;
}

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

function lowerConfig(reader: BodyReader, session: Session): ImageConfig | undefined {
  const { findings } = session;
  let failed = false;
  const ports: string[] = [];
  for (const item of reader.items("ports")) {
    const text =
      item.type === "int"
        ? `${item.value}/tcp`
        : item.type === "str"
          ? item.text.includes("/")
            ? item.text
            : `${item.text}/tcp`
          : "";
    const match = /^(\d{1,5})\/(tcp|udp|sctp)$/.exec(text);
    const number = Number(match?.[1] ?? 0);
    if (match !== null && number > 0 && number < 65_536) {
      if (!ports.includes(text)) ports.push(text);
      continue;
    }
    findings.error("KM0227", item.at, `${text === "" ? "The port" : `"${text}"`} is not a port`, {
      help: 'write 8080 or "53/udp"',
    });
    failed = true;
  }
  const volumes = checkedPaths(reader, "volumes", session);
  const workdirValue = reader.value("workdir");
  const workdir = workdirValue?.type === "str" ? workdirValue.text : undefined;
  if (
    workdir !== undefined &&
    !isImagePath(workdir, workdirValue?.at ?? reader.at("workdir"), session, true)
  )
    failed = true;
  const env = readEnvironment(reader);
  const signalValue = reader.value("stop_signal");
  const stopSignal = signalValue?.type === "str" ? signalValue.text : undefined;
  if (stopSignal !== undefined && signalValue !== undefined && !isSignal(stopSignal)) {
    const near = didYouMean(
      stopSignal,
      SIGNALS.map((name) => `SIG${name}`),
    );
    findings.error("KM0227", signalValue.at, `"${stopSignal}" is not a signal`, {
      help: near.help ?? 'write "SIGTERM"',
    });
    failed = true;
  }
  if (failed || env === undefined || volumes === undefined) return undefined;
  return {
    entrypoint: reader.texts("entrypoint"),
    cmd: reader.texts("cmd"),
    env,
    labels: reader.textMap("labels"),
    ports,
    volumes,
    ...(workdir !== undefined && { workdir }),
    ...(stopSignal !== undefined && { stopSignal }),
  };
}

function isSignal(text: string): boolean {
  return (
    SIGNALS.some((name) => text === `SIG${name}`) ||
    /^SIGRTMIN(\+\d{1,2})?$/.test(text) ||
    /^([1-9]|[1-5]\d|6[0-4])$/.test(text)
  );
}

function checkedPaths(
  reader: BodyReader,
  name: string,
  session: Session,
): readonly string[] | undefined {
  const paths: string[] = [];
  let failed = false;
  for (const item of reader.items(name)) {
    if (item.type === "str" && isImagePath(item.text, item.at, session)) paths.push(item.text);
    else failed = true;
  }
  return failed ? undefined : paths;
}

/** The variables of an `env` attribute; undefined after a reported fault. */
export function readEnvironment(reader: BodyReader): Record<string, string> | undefined {
  let failed = false;
  for (const [name, value] of reader.map("env")) {
    if (/^[^=\u0000-\u001f]+$/.test(name)) continue;
    reader.session.findings.error(
      "KM0227",
      value.at,
      `"${name}" is not the name of an environment variable`,
      { help: "use letters, digits and _" },
    );
    failed = true;
  }
  return failed ? undefined : reader.textMap("env");
}

/** Checks over all images: references are unique, and `run_as` names a user of the image or its bases. */
export function checkImages(images: readonly ImageFacts[], session: Session): void {
  const byReference = new Map<string, ImageFacts>();
  const byAddress = new Map<Address, ImageFacts>(
    images.map((image) => [image.cell.address, image]),
  );
  for (const image of images) {
    const first = byReference.get(image.reference);
    if (first === undefined) byReference.set(image.reference, image);
    else {
      session.findings.error(
        "KM0310",
        image.at,
        `${image.cell.address} and ${first.cell.address} are both "${image.reference}"`,
        {
          notes: [{ message: `${first.cell.address} is named here`, at: first.at }],
          help: "give one of them another name, version or tag",
        },
      );
    }
    checkUser(image, byAddress, session);
  }
}

function checkUser(
  image: ImageFacts,
  byAddress: ReadonlyMap<Address, ImageFacts>,
  session: Session,
): void {
  const { runAs } = image;
  if (runAs === undefined || /^\d+(:\d+)?$/.test(runAs.text)) return;
  const user = runAs.text.split(":", 1)[0] as string;
  const known: string[] = [];
  const seen = new Set<ImageFacts>();
  for (let current: ImageFacts | undefined = image; current !== undefined && !seen.has(current);) {
    seen.add(current);
    if (current.users.some((candidate) => candidate.name === user)) return;
    known.push(...current.users.map((candidate) => candidate.name));
    if (current.base === undefined) break;
    const base: ImageFacts | undefined = byAddress.get(current.base);
    // A base with faults of its own: its users are unknown.
    if (base === undefined) return;
    current = base;
  }
  session.findings.error("KM0334", runAs.at, `${image.cell.address} has no user "${user}"`, {
    help:
      didYouMean(user, known).help ??
      (known.length > 0
        ? `it has ${known.join(", ")}`
        : `add: user "${user}" { uid = 1000 }, or write a uid`),
  });
}
