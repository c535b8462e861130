/**
 * The difference between two actions of one node, field by field, in words.
 *
 * Works on stored fields alone, so any two builds whose records still exist can be compared.
 */
import type { Digest, Field, FieldValue } from "../../cache/index.js";
import type { Address, NodeKind } from "../model/node.js";
import { diffLines } from "./line-diff.js";
import { packageChanges } from "./package-changes.js";

/** What kind of input changed; `plan` and `why` print it before the difference. */
export type ChangeCode =
  | "source.files"
  | "source.version"
  | "patch.added"
  | "patch.edited"
  | "patch.removed"
  | "gomod"
  | "toolchain"
  | "emulator"
  | "env"
  | "target"
  | "epoch"
  | "packages"
  | "index"
  | "recipe"
  | "schema.version"
  | "follows";

export interface Change {
  readonly code: ChangeCode;
  readonly field: string;
  /** One line: the shortest exact difference, e.g. `0001-stat.patch +4 -1` or `v1.6.4 -> v1.6.5`. */
  readonly summary: string;
  /** The whole difference, `+`/`-` lines; empty when the summary says it all. */
  readonly lines: readonly string[];
  /** The dependency whose result changed, when the field holds one. */
  readonly follows?: Address;
  /** For a followed result: the text of the field as it was, which holds the old digest. */
  readonly followedFrom?: string;
}

/** Reads the text of a long field; undefined when its blob is gone. */
export type BlobReader = (digest: Digest) => string | undefined;

/**
 * Every field that differs, in the order of the new action, removed fields last.
 * `followed` names the fields that hold a dependency's result.
 */
export function diffActions(
  kind: NodeKind,
  before: readonly Field[],
  after: readonly Field[],
  followed: ReadonlyMap<string, Address>,
  readBefore: BlobReader,
  readAfter: BlobReader,
): Change[] {
  const old = new Map(before.map((field) => [field.name, field.value]));
  const changes: Change[] = [];
  for (const { name, value } of after) {
    const previous = old.get(name);
    old.delete(name);
    if (previous !== undefined && sameValue(previous, value)) continue;
    changes.push(
      describeChange(kind, name, previous, value, followed.get(name), readBefore, readAfter),
    );
  }
  for (const [name, value] of old) {
    changes.push(describeChange(kind, name, value, undefined, undefined, readBefore, readAfter));
  }
  const onlyOrder =
    changes.length === 0 &&
    before.map((f) => f.name).join("\n") !== after.map((f) => f.name).join("\n");
  if (onlyOrder) {
    const lines = diffLines(
      before.map((f) => f.name),
      after.map((f) => f.name),
    );
    changes.push({
      code: "recipe",
      field: "order",
      summary: `order of ${kind} inputs changed`,
      lines,
    });
  }
  return changes;
}

function describeChange(
  kind: NodeKind,
  field: string,
  before: FieldValue | undefined,
  after: FieldValue | undefined,
  follows: Address | undefined,
  readBefore: BlobReader,
  readAfter: BlobReader,
): Change {
  if (field === "packages" && (kind === "base" || kind === "install"))
    return describePackages(field, before, after, follows);
  const code = follows === undefined ? codeOf(kind, field, before, after) : "follows";
  const lines = diffLines(linesOf(before, readBefore), linesOf(after, readAfter));
  return {
    code,
    field,
    summary:
      follows === undefined
        ? summarize(kind, field, before, after, lines)
        : `result of ${follows} changed`,
    lines: before?.type === "text" && after?.type === "text" ? [] : lines,
    ...(follows === undefined ? {} : { follows }),
    ...(follows === undefined ? {} : { followedFrom: linesOf(before, readBefore).join("\n") }),
  };
}

/** How many packages one line names. */
const NAMED_PACKAGES = 4;

/** The set of packages says by itself what changed in it, so nobody has to look behind it. */
function describePackages(
  field: string,
  before: FieldValue | undefined,
  after: FieldValue | undefined,
  follows: Address | undefined,
): Change {
  const items = (value: FieldValue | undefined): readonly string[] =>
    value?.type === "list" ? value.items : [];
  const lines = packageChanges(items(before), items(after));
  const named = lines.slice(0, NAMED_PACKAGES).join(", ");
  const more = lines.length - NAMED_PACKAGES;
  const summary = lines.length === 0 ? "in another order" : named;
  return {
    code: "packages",
    field,
    summary: more > 0 ? `${summary} and ${more} more` : summary,
    lines,
    ...(follows === undefined ? {} : { follows }),
  };
}

/** The fields of a derived source that say how its go.mod is edited. */
const GOMOD_FIELDS: ReadonlySet<string> = new Set([
  "go.mod",
  "go line",
  "drop",
  "require",
  "replace",
]);

function codeOf(
  kind: NodeKind,
  field: string,
  before: FieldValue | undefined,
  after: FieldValue | undefined,
): ChangeCode {
  if (kind === "source" && GOMOD_FIELDS.has(field)) return "gomod";
  if (kind === "source") return field === "files" ? "source.files" : "source.version";
  if (kind === "toolchain") return "toolchain";
  if (kind === "debian-index" && field.startsWith("deb-")) return "index";
  if (kind === "packages" && field === "names") return "packages";
  if (field.startsWith("patch ")) {
    if (before === undefined) return "patch.added";
    return after === undefined ? "patch.removed" : "patch.edited";
  }
  if (kind === "modules" && field !== "platform" && field !== "packages" && field !== "tags")
    return "gomod";
  if (field === "env") return "env";
  if (field === "platform") return "target";
  if (field === "epoch") return "epoch";
  if (field === "emulator") return "emulator";
  return "recipe";
}

function summarize(
  kind: NodeKind,
  field: string,
  before: FieldValue | undefined,
  after: FieldValue | undefined,
  lines: readonly string[],
): string {
  const label = field.replace(/^patch /, "");
  if (before === undefined) return `${label} added${short(after)}`;
  if (after === undefined) return `${label} removed`;
  if (before.type === "text" && after.type === "text") {
    return `${label}: ${shorten(before.text)} -> ${shorten(after.text)}`;
  }
  const added = lines.filter((line) => line.startsWith("+"));
  const removed = lines.filter((line) => line.startsWith("-"));
  if (lines.length === 0) return `${label}: changed`;
  if (after.type === "blob" && field !== "files")
    return `${label} +${added.length} -${removed.length}`;
  if (field === "files") return summarizeFiles(added, removed);
  const ofPackages = kind === "packages" && field === "names";
  const shown = ofPackages ? NAMED_PACKAGES : 2;
  // The code says already what the names are of.
  return `${ofPackages ? "" : `${label}: `}${lines.slice(0, shown).map(shorten).join(" ")}${lines.length > shown ? ` and ${lines.length - shown} more` : ""}`;
}

/** `main.go edited`, `a.go added and 3 more`: from listing lines `path mode digest`. */
function summarizeFiles(added: readonly string[], removed: readonly string[]): string {
  const nameOf = (line: string): string =>
    line.slice(1).replace(/ (?:0\d+|-> .*) sha256:[0-9a-f]+$/, "");
  const newNames = new Set(added.map(nameOf));
  const oldNames = new Set(removed.map(nameOf));
  const all = [...new Set([...newNames, ...oldNames])];
  const [first = ""] = all;
  const verb = !oldNames.has(first) ? "added" : !newNames.has(first) ? "removed" : "edited";
  return `${first} ${verb}${all.length > 1 ? ` and ${all.length - 1} more` : ""}`;
}

function short(value: FieldValue | undefined): string {
  return value?.type === "text" && value.text !== "" ? `: ${shorten(value.text)}` : "";
}

function shorten(text: string): string {
  const digestsCut = text.replace(/sha256:([0-9a-f]{12})[0-9a-f]{52}/g, "sha256:$1…");
  return digestsCut.length > 90 ? `${digestsCut.slice(0, 89)}…` : digestsCut;
}

/** The value as lines: what `key` prints and what differences are made of. */
export function linesOf(value: FieldValue | undefined, read: BlobReader): string[] {
  if (value === undefined) return [];
  switch (value.type) {
    case "text":
      return [value.text];
    case "list":
      return value.items.map((item) => item.replace(/\n$/, ""));
    case "map":
      return value.entries.map(([name, text]) => `${name} ${text}`);
    case "blob": {
      const text = read(value.digest);
      if (text === undefined) return [value.digest];
      return text.replace(/\n$/, "").split("\n");
    }
  }
}

/** Compared by content: a record read back from the store has its parts in another order. */
function sameValue(a: FieldValue, b: FieldValue): boolean {
  return a.type === b.type && contentOf(a) === contentOf(b);
}

function contentOf(value: FieldValue): string {
  switch (value.type) {
    case "text":
      return value.text;
    case "list":
      return JSON.stringify(value.items);
    case "map":
      return JSON.stringify(value.entries);
    case "blob":
      return value.digest;
  }
}
