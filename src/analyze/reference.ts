/**
 * The name and tag that an image or base has in the store's index.
 */
import { isImageName, isRegistry, isTag } from "../model/image-name.js";
import type { Platform } from "../model/platform.js";
import type { BodyReader } from "./body.js";
import type { Lowering } from "./lowering.js";
import type { CellSet } from "./matrix.js";
import type { Session } from "./session.js";

/** `NAME:TAG`, with the platform where the project or the declaration has several. */
export function imageReference(
  name: string,
  tag: string,
  platform: Platform,
  set: CellSet,
  { severalTargets }: Lowering,
): string {
  const several = severalTargets || set.axes.some((axis) => axis.name === "target");
  return `${name}:${tag}${several ? `-${platformSuffix(platform)}` : ""}`;
}

/** `mips64le`, and what sets it apart from the architecture's usual platform. */
function platformSuffix(platform: Platform): string {
  const variant =
    platform.variant === undefined || platform.variant === "v8" ? "" : `-${platform.variant}`;
  return `${platform.arch}${variant}${platform.float === "softfloat" ? "-softfloat" : ""}`;
}

/** A reference, or its tag, without the platform that `imageReference` appends. */
export function withoutPlatform(reference: string, { arch }: Platform): string {
  return reference.replace(new RegExp(`-${arch}(-v\\d+)?(-softfloat)?$`), "");
}

/** The name of an image or index: its attribute, else the label. */
export function readName(reader: BodyReader, session: Session): string | undefined {
  const value = reader.value("name");
  if (reader.has("name") && value === undefined) return undefined;
  const name = value?.type === "str" ? value.text : reader.cell.declared.name;
  if (isImageName(name)) return name;
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

/** The registry that clusters look for the image in; undefined when none is named. */
export function readRegistry(reader: BodyReader, session: Session): string | undefined {
  const value = reader.value("registry");
  if (value?.type !== "str" || isRegistry(value.text)) return reader.text("registry");
  session.findings.error("KM0311", value.at, `"${value.text}" is not a registry`, {
    help: 'write host[:port][/path] without a scheme, such as "docker.io/library"',
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
  if (isTag(tag) && tag.length <= 100) return tag;
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
