/**
 * The flat plan file: everything a build looked at, so that the next start can see from stats alone
 * that nothing changed, and repeat its answer.
 *
 * One buffer of numeric columns and path bytes, read without making an object per entry: 100 000
 * nodes cost two stats each and little else. The sha256 at the end (2 % of such a check) is there
 * because a flipped bit in a path that must stay absent would otherwise pass as "nothing changed";
 * it also makes fsync needless, as a torn file is only a slow start. The format is private to one
 * build of kmips (`tool`), so it has no migrations: any doubt is "stale", never an error.
 */
import { hash, randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

export interface FlatPlan {
  /** The build of kmips that wrote it; another build's plans are stale. */
  readonly tool: string;
  /** `selectionText()` of locations.ts. */
  readonly selection: string;
  /** Absolute: relative `recipes`, `files`, `directories` and `absent` paths count from here. */
  readonly root: string;
  /** Absolute: `outputs` count from here. */
  readonly store: string;
  /**
   * `fileSystemClock()` of before the first input was read. An input changed since then may have
   * been read before the change, so its row is void.
   */
  readonly startedMs: number;
  /** Recipes and locks. `digest`: 64 hex digits of the text as it was parsed. A touched one with the same text is unchanged. */
  readonly recipes: readonly { readonly path: string; readonly digest: string }[];
  /** Files of this machine that nodes read: live sources, patches, tools. */
  readonly files: readonly string[];
  /** Directories that were listed; their times change when entries come or go. */
  readonly directories: readonly string[];
  /** Blobs that must be present, relative to the store. */
  readonly outputs: readonly string[];
  /** Paths that were looked for and must still not exist. */
  readonly absent: readonly string[];
  readonly answer: PlanAnswer;
}

/** What a build with nothing to do prints. */
export interface PlanAnswer {
  /** stdout. */
  readonly result: string;
  /** stdout with `--json`. */
  readonly resultJson: string;
  /** stderr. */
  readonly summary: string;
  /** stderr with `--progress json`. */
  readonly summaryJson: string;
}

/** A plan file that is whole; its texts are decoded on demand. */
export interface PlanView {
  readonly bytes: Buffer;
  readonly sections: readonly SectionView[];
  text(name: TextName): string;
}

export type Freshness = "fresh" | { readonly stale: string };

type TextName = keyof PlanAnswer | "tool" | "selection";

interface SectionView {
  readonly name: SectionName;
  readonly count: number;
  readonly ascii: boolean;
  /** The directory part all paths of the section share, ending in "/"; not part of the paths. */
  readonly prefix: string;
  /** mtimeMs, ctimeMs, size, ino, mode: one column after the other. */
  readonly stats: Float64Array;
  /** 32 bytes an entry; recipes only. */
  readonly digests: Buffer;
  /** Bytes of each path. */
  readonly lengths: Uint16Array;
  /** Offset of the first path. */
  readonly pathsAt: number;
}

const SECTIONS = ["recipes", "files", "directories", "outputs", "absent"] as const;
type SectionName = (typeof SECTIONS)[number];
const TEXTS = ["tool", "selection", "result", "resultJson", "summary", "summaryJson"] as const;

const MAGIC = "KMIPSPL1";
const COLUMNS = 5;
const TRAILER_BYTES = 32;
/** Per section: entries, bytes of paths, bytes of the prefix, whether all paths are ASCII. */
const SECTION_FIELDS = 4;
const HEADER_FIELDS = 2 + SECTIONS.length * SECTION_FIELDS + TEXTS.length;
const HEADER_BYTES = HEADER_FIELDS * 8;
const QUIET = { throwIfNoEntry: false } as const;

/**
 * The time of the file system that holds `directory` (which must exist), in ms: what a file written
 * now is stamped with. It may lag the system's clock by a tick of several ms.
 */
export function fileSystemClock(directory: string): number {
  const path = `${directory}/.clock-${randomBytes(8).toString("hex")}`;
  const fd = openSync(path, "wx", 0o600);
  try {
    return fstatSync(fd).mtimeMs;
  } finally {
    closeSync(fd);
    rmSync(path, { force: true });
  }
}

/**
 * Writes a plan in one step (temporary file and rename), with the stats that its paths have now.
 *
 * Rows that cannot be trusted are void and make the next start take the long way once: inputs
 * changed since `startedMs`, and anything changed within the tick of the file system's clock in
 * which the plan itself was begun, because a later change could carry the same times. Only ctime
 * decides: every change sets it, whereas an mtime may lie in the future for good.
 */
export function writePlan(path: string, plan: FlatPlan): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  const fd = openSync(temporary, "wx", 0o644);
  try {
    try {
      const bytes = encodePlan(plan, fstatSync(fd).ctimeMs);
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Reads a plan file; undefined when there is none, it is damaged, or of another format. */
export function readPlan(path: string): PlanView | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    const size = fstatSync(fd).size;
    // Not pooled: the numeric columns are views that must begin at a multiple of 8.
    const bytes = Buffer.allocUnsafeSlow(size);
    let read = 0;
    for (let n = -1; n !== 0 && read < size; read += n)
      n = readSync(fd, bytes, read, size - read, null);
    return read === size ? openPlan(bytes) : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** A view of a plan's bytes; undefined when they are damaged or of another format. */
export function openPlan(bytes: Buffer): PlanView | undefined {
  if (bytes.byteOffset % 8 !== 0) bytes = Buffer.from(new Uint8Array(bytes).buffer);
  const end = bytes.length - TRAILER_BYTES;
  if (end < HEADER_BYTES || bytes.toString("latin1", 0, 8) !== MAGIC) return undefined;
  const header = new Float64Array(bytes.buffer, bytes.byteOffset, HEADER_FIELDS);
  if (header[1] !== bytes.length) return undefined;
  const digest = hash("sha256", bytes.subarray(0, end), "buffer");
  if (bytes.compare(digest, 0, TRAILER_BYTES, end) !== 0) return undefined;

  // From here on every number is as the writer wrote it.
  let at = HEADER_BYTES;
  const take = (size: number): number => {
    const start = at;
    at += padded(size);
    return start;
  };
  const sections = SECTIONS.map((name, index): SectionView => {
    const field = 2 + index * SECTION_FIELDS;
    const count = header[field]!;
    const statFields = hasStats(name) ? count * COLUMNS : 0;
    const stats = new Float64Array(
      bytes.buffer,
      bytes.byteOffset + take(statFields * 8),
      statFields,
    );
    const digestBytes = name === "recipes" ? count * 32 : 0;
    const digestsAt = take(digestBytes);
    const digests = bytes.subarray(digestsAt, digestsAt + digestBytes);
    const lengths = new Uint16Array(bytes.buffer, bytes.byteOffset + take(count * 2), count);
    const pathsAt = take(header[field + 1]!);
    const prefixAt = take(header[field + 2]!);
    const prefix = bytes.toString("utf8", prefixAt, prefixAt + header[field + 2]!);
    return {
      name,
      count,
      ascii: header[field + 3] === 1,
      prefix,
      stats,
      digests,
      lengths,
      pathsAt,
    };
  });
  const textsAt = at;
  const text = (name: TextName): string => {
    let start = textsAt;
    for (const [index, candidate] of TEXTS.entries()) {
      const length = header[2 + SECTIONS.length * SECTION_FIELDS + index]!;
      if (candidate === name) return bytes.toString("utf8", start, start + length);
      start += length;
    }
    return "";
  };
  return { bytes, sections, text };
}

/**
 * Whether everything the plan names is as it was: one stat for each entry, nothing else, unless a
 * recipe was touched, whose text is then compared. Entries are visited in the order of their paths.
 *
 * `enter`, when given, makes a directory the current one, which makes stats cheaper; without it
 * paths are completed to absolute ones.
 */
export function checkPlan(
  plan: PlanView,
  places: { readonly root: string; readonly store: string },
  enter?: (directory: string) => void,
): Freshness {
  for (const section of plan.sections) {
    if (section.count === 0) continue;
    const base = section.name === "outputs" ? places.store : places.root;
    const directory = section.prefix.startsWith("/") ? section.prefix : `${base}/${section.prefix}`;
    try {
      enter?.(directory);
    } catch {
      return { stale: `${directory} is gone` };
    }
    const found = checkSection(plan.bytes, section, enter === undefined ? directory : "");
    if (found !== undefined) return { stale: found };
  }
  return "fresh";
}

/** The reason why a section is stale, or undefined. `complete` goes before relative paths. */
function checkSection(bytes: Buffer, section: SectionView, complete: string): string | undefined {
  const { count, stats, lengths, ascii, name } = section;
  const slash = complete === "" || complete.endsWith("/") ? "" : "/";
  let at = section.pathsAt;
  for (let index = 0; index < count; index++) {
    const end = at + lengths[index]!;
    let path = ascii ? bytes.toString("latin1", at, end) : bytes.toString("utf8", at, end);
    at = end;
    if (complete !== "" && !path.startsWith("/")) path = complete + slash + path;
    const found = statSync(path, QUIET);
    if (name === "absent") {
      if (found !== undefined) return `${path} appeared`;
      continue;
    }
    if (found === undefined) return `${path} is gone`;
    const same =
      found.mtimeMs === stats[index] &&
      found.ctimeMs === stats[count + index] &&
      found.size === stats[2 * count + index] &&
      found.ino === stats[3 * count + index] &&
      found.mode === stats[4 * count + index];
    if (same) continue;
    const digest = section.digests.subarray(index * 32, index * 32 + 32);
    if (name === "recipes" && hash("sha256", readFileSync(path), "buffer").equals(digest)) continue;
    return `${path} changed`;
  }
  return undefined;
}

/** The bytes of a plan; `stampMs` is the file system's time before any stat here. */
function encodePlan(plan: FlatPlan, stampMs: number): Buffer {
  const header = new Float64Array(HEADER_FIELDS);
  const parts: Uint8Array[] = [];
  for (const [index, name] of SECTIONS.entries()) {
    const digests = new Map<string, string>();
    if (name === "recipes") for (const row of plan.recipes) digests.set(row.path, row.digest);
    const paths = name === "recipes" ? digests.keys() : plan[name];
    const sorted = [...new Set(paths)].sort();
    const prefix = name === "absent" ? "" : commonDirectory(sorted);
    const text = Buffer.from(sorted.map((path) => path.slice(prefix.length)).join(""));
    const lengths = Uint16Array.from(
      sorted,
      (path) => Buffer.byteLength(path) - Buffer.byteLength(prefix),
    );
    const base = name === "outputs" ? plan.store : plan.root;
    const voidFrom = name === "outputs" ? stampMs : Math.min(stampMs, plan.startedMs);
    const field = 2 + index * SECTION_FIELDS;
    header[field] = sorted.length;
    header[field + 1] = text.length;
    header[field + 2] = Buffer.byteLength(prefix);
    header[field + 3] = sorted.every((path) => Buffer.byteLength(path) === path.length) ? 1 : 0;
    if (hasStats(name)) parts.push(asBytes(statColumns(base, sorted, voidFrom)));
    parts.push(
      Buffer.from(
        [...digests.keys()]
          .sort()
          .map((path) => digests.get(path)!)
          .join(""),
        "hex",
      ),
    );
    parts.push(asBytes(lengths), text, Buffer.from(prefix));
  }
  const texts = TEXTS.map((name) =>
    Buffer.from(name === "tool" || name === "selection" ? plan[name] : plan.answer[name]),
  );
  for (const [index, text] of texts.entries()) {
    header[2 + SECTIONS.length * SECTION_FIELDS + index] = text.length;
  }
  const body = [asBytes(header), ...parts.flatMap(withPadding), ...texts];
  const total = body.reduce((sum, part) => sum + part.length, TRAILER_BYTES);
  header[1] = total;
  Buffer.from(header.buffer).write(MAGIC, 0, "latin1");
  const bytes = Buffer.concat(body, total);
  hash("sha256", bytes.subarray(0, total - TRAILER_BYTES), "buffer").copy(
    bytes,
    total - TRAILER_BYTES,
  );
  return bytes;
}

/** The stat columns of the paths; an entry that is gone or changed at or after `voidFrom` is NaN, equal to nothing. */
function statColumns(base: string, paths: readonly string[], voidFrom: number): Float64Array {
  const count = paths.length;
  const columns = new Float64Array(count * COLUMNS).fill(NaN);
  for (const [index, path] of paths.entries()) {
    const found = statSync(path.startsWith("/") ? path : `${base}/${path}`, QUIET);
    if (found === undefined || found.ctimeMs >= voidFrom) continue;
    columns[index] = found.mtimeMs;
    columns[count + index] = found.ctimeMs;
    columns[2 * count + index] = found.size;
    columns[3 * count + index] = found.ino;
    columns[4 * count + index] = found.mode;
  }
  return columns;
}

function hasStats(name: SectionName): boolean {
  return name !== "absent";
}

/** The longest directory part, ending in "/", that all sorted paths begin with. */
function commonDirectory(sorted: readonly string[]): string {
  const first = sorted[0] ?? "";
  const last = sorted.at(-1) ?? "";
  let length = 0;
  while (length < first.length && first[length] === last[length]) length++;
  return first.slice(0, first.slice(0, length).lastIndexOf("/") + 1);
}

function padded(size: number): number {
  return Math.ceil(size / 8) * 8;
}

function withPadding(part: Uint8Array): Uint8Array[] {
  return [part, new Uint8Array(padded(part.length) - part.length)];
}

function asBytes(columns: Float64Array | Uint16Array): Uint8Array {
  return new Uint8Array(columns.buffer, columns.byteOffset, columns.byteLength);
}
