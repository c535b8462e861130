/**
 * Paths in recipes: those of this machine stay inside the project and exist, those of images are
 * absolute and normal.
 */
import path from "node:path";
import type { Location } from "../../grammar/index.js";
import { invariant } from "../model/invariant.js";
import { candidates, isInside } from "./load.js";
import type { Session } from "./session.js";

const CONTROL = /[\u0000-\u001f\u007f]/;

/** What a path must lead to. */
export type Existence = "must exist" | "may be absent";

/**
 * The absolute path of `text`, which a recipe wrote at `at`; undefined after a reported fault.
 * `what` is how diagnostics call it: `patch`, `file`.
 */
export function localPath(
  text: string,
  at: Location,
  what: string,
  session: Session,
  existence: Existence = "must exist",
): string | undefined {
  const { findings, reader, units } = session;
  const unit = units.get(at.file);
  invariant(unit !== undefined, `no recipe for ${at.file.name}`);
  if (text === "" || CONTROL.test(text)) {
    findings.error("KM0331", at, `Path of the ${what} is empty or has control characters`);
    return undefined;
  }
  if (path.isAbsolute(text)) {
    findings.error("KM0331", at, `Path "${text}" is absolute, wanted one relative to this recipe`, {
      help: "move the file into the project and write its relative path",
    });
    return undefined;
  }
  const absolute = path.resolve(unit.directory, text);
  if (!isInside(absolute, unit.boundary)) {
    findings.error(
      "KM0331",
      at,
      `Path "${text}" leaves the ${unit.shipped ? "shipped recipes" : "project"}`,
      { help: "move the file below the project's root" },
    );
    return undefined;
  }
  if (existence === "may be absent") return absolute;
  const real = reader.realPath(absolute);
  if (real === undefined) {
    findings.error("KM0330", at, `Cannot find the ${what} "${text}"`, {
      help: candidates(absolute, reader),
    });
    return undefined;
  }
  const boundary = reader.realPath(unit.boundary) ?? unit.boundary;
  if (!isInside(real, boundary)) {
    findings.error("KM0331", at, `Path "${text}" leaves the project through a symbolic link`, {
      help: "replace the link with the file",
    });
    return undefined;
  }
  return absolute;
}

/** Whether `text` is a good path in an image; reports why not. */
export function isImagePath(
  text: string,
  at: Location,
  session: Session,
  mayBeRoot = false,
): boolean {
  const fault = imagePathFault(text, mayBeRoot);
  if (fault === undefined) return true;
  session.findings.error("KM0332", at, `Image path "${text}" ${fault.message}`, {
    help: fault.help,
  });
  return false;
}

function imagePathFault(
  text: string,
  mayBeRoot: boolean,
): { message: string; help: string } | undefined {
  if (CONTROL.test(text)) return { message: "has control characters", help: "remove them" };
  const clean = path.posix.normalize(`/${text}`).replace(/(?<=.)\/$/, "");
  if (!text.startsWith("/")) return { message: "is not absolute", help: `write "${clean}"` };
  if (text === "/")
    return mayBeRoot
      ? undefined
      : { message: "is the root directory", help: "name a file below it" };
  if (text.split("/").includes("..")) return { message: 'contains ".."', help: `write "${clean}"` };
  if (clean !== text) return { message: "is not normal", help: `write "${clean}"` };
  return undefined;
}

/** Whether `text` is a relative, normal path inside a tree; "" and "." are the tree itself. */
export function isTreePath(text: string): boolean {
  if (text === "" || text === ".") return true;
  if (CONTROL.test(text) || path.posix.isAbsolute(text)) return false;
  const normal = path.posix.normalize(text);
  return normal !== ".." && !normal.startsWith("../");
}

/** Whether `text` is a Go module path as the go client takes it. */
export function isModulePath(text: string): boolean {
  const elements = text.split("/");
  if (!(elements[0] ?? "").includes(".") || (elements[0] ?? "").startsWith("-")) return false;
  return elements.every(
    (element) => /^[A-Za-z0-9_~-][A-Za-z0-9._~-]*$/.test(element) && !element.endsWith("."),
  );
}
