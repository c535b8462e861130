/**
 * Rows of `files`: what stands where in an image or for a test.
 */
import { posix } from "node:path";
import type { Location } from "../../grammar/index.js";
import type { Address, ImageContent, ImageFile } from "../model/node.js";
import type { BodyReader } from "./body.js";
import { Needs } from "./emit.js";
import { evaluate } from "./evaluate.js";
import { programsOf, type Lowering } from "./lowering.js";
import { isImagePath, isTreePath, localPath } from "./paths.js";
import { resolveOne, samePlatform } from "./resolve.js";
import type { Cell } from "./session.js";
import { conform } from "./conform.js";
import { describeType, didYouMean, type Type } from "./types.js";
import type { ReferenceValue, TreeContent, Value } from "./values.js";

const CONTENT: Type = { t: "Content" };

/** Paths taken so far, with the place that took them. */
export type TakenPaths = Map<string, Location>;

/** Notes that a path is taken; reports the second one. */
export function takePath(
  path: string,
  at: Location,
  taken: TakenPaths,
  lowering: Lowering,
): boolean {
  const first = taken.get(path);
  if (first === undefined) {
    taken.set(path, at);
    return true;
  }
  lowering.session.findings.error("KM0333", at, `Two entries at the image path "${path}"`, {
    notes: [{ message: "the first is here", at: first }],
    help: "remove one of them",
  });
  return false;
}

/** A row of `files` with a relative path: it lies over the build context. */
export interface OverlayRow {
  /** Relative to the context, normal. */
  readonly path: string;
  readonly file: LoweredContent;
  /** The nodes that the content comes from. */
  readonly needs: Needs;
  readonly at: Location;
}

/**
 * The files of all `files` blocks of the body; undefined after a reported fault. Where `overlay` is
 * given, paths may be relative to the build context, and such rows go there.
 */
export function lowerFiles(
  reader: BodyReader,
  taken: TakenPaths,
  needs: Needs,
  lowering: Lowering,
  overlay?: OverlayRow[],
): readonly ImageFile[] | undefined {
  const { session, cell } = reader;
  const files: ImageFile[] = [];
  let failed = false;
  for (const block of reader.blocks("files")) {
    for (const row of block.body.rows) {
      const context = (notes: readonly { message: string; at: Location }[]) => ({
        findings: session.findings,
        notes,
        targetOf: (name: string) => session.targets.get(name),
      });
      const key = conform(
        evaluate(row.key.expr, { session, cell, frame: row.key.frame }),
        { t: "Str" },
        { ...context(row.key.frame.notes), what: "The path" },
      );
      const path = key.type === "str" ? key.text : undefined;
      const value = conform(
        evaluate(row.value.expr, { session, cell, frame: row.value.frame }),
        CONTENT,
        {
          ...context(row.value.frame.notes),
          what: path === undefined ? "The content" : `"${path}"`,
        },
      );
      const isOverlay = overlay !== undefined && path !== undefined && !path.startsWith("/");
      const good =
        path !== undefined &&
        (isOverlay
          ? isContextPath(path, key.at, lowering)
          : isImagePath(path, key.at, session, isTree(value))) &&
        takePath(path, key.at, taken, lowering);
      const own = isOverlay ? new Needs() : needs;
      const file =
        value.type === "poison" ? undefined : lowerContent(value, path ?? "", cell, own, lowering);
      if (!good || file === undefined || path === undefined) failed = true;
      else if (isOverlay) overlay.push({ path, file, needs: own, at: row.at });
      else files.push({ path, uid: 0, gid: 0, ...file });
    }
  }
  return failed ? undefined : files;
}

/** Whether a value is a place in a tree, with a mode and an owner of its own or without. */
function isTree(value: Value): boolean {
  if (value.type !== "content") return false;
  const { content } = value;
  return content.form === "tree" || (content.form === "file" && isTree(content.value));
}

function isContextPath(path: string, at: Location, { session }: Lowering): boolean {
  const clean = posix.normalize(path).replace(/\/$/, "");
  if (clean === path && isTreePath(path) && path !== ".") return true;
  session.findings.error("KM0331", at, `Path "${path}" is not a path inside the build context`, {
    help: "write it relative to the context, without ./ and ..",
  });
  return false;
}

/** What a row of `files`, or a rule that stands for one, puts in place. */
export interface LoweredContent {
  readonly content: ImageContent;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** The content that a value of type Content is; undefined after a reported fault. */
export function lowerContent(
  value: Value,
  path: string,
  cell: Cell,
  needs: Needs,
  lowering: Lowering,
): LoweredContent | undefined {
  const { session } = lowering;
  switch (value.type) {
    case "reference":
      return lowerOutput(value, cell, needs, lowering);
    case "str":
      return { content: { type: "text", text: value.text } };
    case "local": {
      const absolute = localPath(value.text, value.at, "file", session);
      return absolute === undefined ? undefined : { content: { type: "local", path: absolute } };
    }
    case "content":
      break;
    default:
      return undefined;
  }
  const { content } = value;
  switch (content.form) {
    case "text":
      return { content: { type: "text", text: content.text } };
    case "link":
      if (content.target !== "" && !/[\u0000-\u001f\u007f]/.test(content.target))
        return { content: { type: "link", target: content.target } };
      session.findings.error(
        "KM0332",
        value.at,
        `Link target "${content.target}" is empty or has control characters`,
        { help: 'write link("/path")' },
      );
      return undefined;
    case "file": {
      const inner = content.value;
      if (
        inner.type === "content" &&
        (inner.content.form === "link" || inner.content.form === "file")
      ) {
        session.findings.error(
          "KM0210",
          inner.at,
          `"value" of file() is ${inner.content.form}(…), wanted ${describeType({ t: "union", of: [{ t: "Artifact" }, { t: "Str" }] })}, local(), text() or tree()`,
          { help: `write "${path}" -> ${inner.content.form}(…) without file()` },
        );
        return undefined;
      }
      const { mode, uid, gid } = content;
      if (
        !isMode(mode ?? 0, value.at, lowering) ||
        !isId("uid", uid, value.at, lowering) ||
        !isId("gid", gid, value.at, lowering)
      )
        return undefined;
      const lowered = lowerContent(inner, path, cell, needs, lowering);
      return lowered && { ...lowered, ...(mode !== undefined && { mode }), uid, gid };
    }
    case "tree": {
      const place = lowerTree(content, cell, needs, lowering);
      return place && { content: { type: "tree", ...place } };
    }
  }
}

/** The node and path that a place in a tree is; undefined after a reported fault. */
export function lowerTree(
  content: TreeContent,
  cell: Cell,
  needs: Needs,
  lowering: Lowering,
): { readonly node: Address; readonly path: string } | undefined {
  const { session } = lowering;
  if (!isTreePath(content.path)) {
    session.findings.error(
      "KM0331",
      content.pathAt,
      `Tree path "${content.path}" is not a path inside the source`,
      { help: "write it relative to the source, without .." },
    );
    return undefined;
  }
  const used = resolveOne(content.source, cell, lowering.sets, session);
  if (used === undefined) return undefined;
  const node = content.source.kind === "component" ? lowering.trees.get(used) : used.address;
  if (node === undefined) return undefined;
  needs.add(node, content.source.at);
  return { node, path: content.path === "." ? "" : content.path };
}

function lowerOutput(
  reference: ReferenceValue,
  cell: Cell,
  needs: Needs,
  lowering: Lowering,
): LoweredContent | undefined {
  const { session } = lowering;
  const used = resolveOne(reference, cell, lowering.sets, session);
  if (used === undefined) return undefined;
  const programs = programsOf(used, lowering);
  // Platform and program are two faults of two declarations: both are told.
  const same = samePlatform(reference, used, cell, session);
  if (programs === undefined) return undefined;
  let output = reference.program?.text;
  if (output === undefined) {
    const [only] = programs;
    if (only === undefined || programs.length > 1) {
      session.findings.error(
        "KM0304",
        reference.at,
        `${used.address} makes ${programs.length} programs, and none is named`,
        {
          help: `write one of ${programs.map((name) => `component.${reference.name}.${name}`).join(", ")}`,
        },
      );
      return undefined;
    }
    output = only;
  } else if (!programs.includes(output)) {
    const near = didYouMean(output, programs);
    session.findings.error(
      "KM0304",
      reference.program?.at ?? reference.at,
      `${used.address} makes no program "${output}"`,
      {
        help: near.help ?? `it makes ${programs.join(", ")}`,
        notes: [{ message: "declared here", at: used.declared.at }],
      },
    );
    return undefined;
  }
  needs.add(used.address, reference.at);
  return same ? { content: { type: "output", node: used.address, output } } : undefined;
}

/** Whether the bits are permission bits. */
export function isMode(mode: number, at: Location, { session }: Lowering): boolean {
  if (mode >= 0 && mode <= 0o7777) return true;
  session.findings.error("KM0227", at, `Mode 0o${mode.toString(8)} has more than permission bits`, {
    help: "write 0o755",
  });
  return false;
}

/** Whether a number is a user or group id. */
export function isId(what: string, id: number, at: Location, { session }: Lowering): boolean {
  if (Number.isInteger(id) && id >= 0 && id < 2 ** 32 - 1) return true;
  session.findings.error("KM0227", at, `"${what}" is ${id}, wanted 0 to 4294967294`);
  return false;
}
