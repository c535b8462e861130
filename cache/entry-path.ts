/**
 * Which names an archive's entries may have, and where its symbolic links may lead.
 *
 * Purely lexical and over the archive's own entries: knows no disk.
 */
import { ArchiveError } from "./errors.js";
import { isWellFormed } from "./order.js";

const MAX_COMPONENT_BYTES = 255;
const MAX_PATH_BYTES = 4095;
const MAX_DEPTH = 128;
const MAX_LINKS = 40;

/**
 * Accepts a relative path of plain components.
 *
 * @throws ArchiveError for an absolute or empty path, `.`, `..`, NUL, lone surrogates, or a path
 * or component longer than a file system takes.
 */
export function checkEntryPath(path: string): void {
  if (path === "") throw new ArchiveError("is an empty path", path);
  if (path.startsWith("/")) throw new ArchiveError("is an absolute path", path);
  if (path.includes("\0"))
    throw new ArchiveError("has a NUL in its path", path.replaceAll("\0", "\\0"));
  if (!isWellFormed(path)) throw new ArchiveError("is not valid UTF-8", path);
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new ArchiveError(`is longer than ${MAX_PATH_BYTES} bytes`, path);
  const components = path.split("/");
  if (components.length > MAX_DEPTH)
    throw new ArchiveError(`is deeper than ${MAX_DEPTH} directories`, path);
  for (const component of components) {
    if (component === "" || component === "." || component === "..") {
      throw new ArchiveError("is not a plain relative path", path);
    }
    if (
      component.length > MAX_COMPONENT_BYTES / 3 &&
      Buffer.byteLength(component) > MAX_COMPONENT_BYTES
    ) {
      throw new ArchiveError(`has a name longer than ${MAX_COMPONENT_BYTES} bytes`, path);
    }
  }
}

/** The path of the directory that holds `path`; "" is the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/**
 * Follows every link of a tree as a kernel would and refuses those that leave it. A link to
 * nothing is accepted as long as the nothing is inside.
 *
 * @throws ArchiveError naming the first link that leads out or around in a circle.
 */
export function checkLinks(links: ReadonlyMap<string, string>): void {
  for (const path of links.keys()) follow(path, links);
}

function follow(start: string, links: ReadonlyMap<string, string>): void {
  const pending = start.split("/").reverse();
  const resolved: string[] = [];
  let followed = 0;
  for (let component = pending.pop(); component !== undefined; component = pending.pop()) {
    if (component === "" || component === ".") continue;
    if (component === "..") {
      if (resolved.pop() === undefined)
        throw new ArchiveError("is a link that leaves the tree", start);
      continue;
    }
    resolved.push(component);
    const target = links.get(resolved.join("/"));
    if (target === undefined) continue;
    if (target.startsWith("/")) throw new ArchiveError("is a link that leaves the tree", start);
    if (++followed > MAX_LINKS) throw new ArchiveError("is a link that leads in a circle", start);
    resolved.pop();
    pending.push(...target.split("/").reverse());
  }
}
