/**
 * The root file system that a test runs in: the image as a runtime would unpack it, or a
 * component's programs, with the test's own files on top.
 */
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { rootFileSystem, readImage, type RuntimeConfig } from "../image/index.js";
import { NodeFailure } from "../model/failure.js";
import { assertNever, InternalError } from "../model/invariant.js";
import type { ImageFile, TestDefinition } from "../model/node.js";
import type { ActionContext } from "./context.js";
import { dependencyOutput } from "./go-workspace.js";

/** What container runtimes put there themselves, over what the image has. */
const RUNTIME_FILES: readonly ImageFile[] = [
  ["/etc/hosts", "127.0.0.1 localhost kmips\n::1 localhost\n"] as const,
  ["/etc/hostname", "kmips\n"] as const,
].map(([path, text]) => ({ path, content: { type: "text", text }, uid: 0, gid: 0 }));

/**
 * Fills `root`, an empty directory, and tells how programs of the subject are started.
 * @throws NodeFailure when a file of the test has no place or no content
 */
export function prepareTestRoot(
  node: TestDefinition,
  root: string,
  setOwners: boolean,
  ctx: ActionContext,
): RuntimeConfig {
  const { outputs } = ctx.results(node.subject);
  const manifest = outputs.find((output) => output.name === "manifest");
  let config: RuntimeConfig = {};
  if (manifest === undefined) {
    for (const output of outputs) ctx.store.copyTo(output.digest, join(root, output.name), 0o755);
  } else {
    rootFileSystem(ctx.store, manifest.digest, root, { setOwners });
    config = readImage(ctx.store, manifest.digest).config.config ?? {};
  }
  for (const file of RUNTIME_FILES) {
    try {
      placeFile(file, root, setOwners, ctx);
    } catch (error) {
      // An image whose /etc is no directory does without.
      if (!(error instanceof NodeFailure)) throw error;
    }
  }
  for (const file of node.files) placeFile(file, root, setOwners, ctx);
  return config;
}

/**
 * The host path of an image path, its directories made. Links on the way are refused: followed
 * here, they would lead into this machine's own files.
 */
function placeIn(root: string, path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  let directory = root;
  for (const part of parts.slice(0, -1)) {
    directory = join(directory, part);
    const stats = lstatSync(directory, { throwIfNoEntry: false });
    if (part === ".." || (stats !== undefined && !stats.isDirectory())) {
      throw misplaced(path, `"${directory.slice(root.length)}" is not a directory`);
    }
    if (stats === undefined) {
      mkdirSync(directory);
      chmodSync(directory, 0o755);
    }
  }
  const name = parts.at(-1);
  if (name === undefined || name === "..") throw misplaced(path, "it names no file");
  return join(directory, name);
}

function placeFile(file: ImageFile, root: string, setOwners: boolean, ctx: ActionContext): void {
  const { content } = file;
  if (content.type === "tree") {
    placeTree(file, root, setOwners, ctx);
    return;
  }
  const place = placeIn(root, file.path);
  rmSync(place, { recursive: true, force: true });
  switch (content.type) {
    case "output":
      ctx.store.copyTo(dependencyOutput(ctx, content.node, content.output), place, 0o755);
      setAttributes(place, file.mode ?? 0o755, file, setOwners);
      return;
    case "local": {
      if (!existsSync(content.path)) {
        throw new NodeFailure({
          type: "missing-input",
          what: "file",
          path: content.path,
          candidates: [],
        });
      }
      writeFileSync(place, readFileSync(content.path));
      const executable = (lstatSync(content.path).mode & 0o111) !== 0;
      setAttributes(place, file.mode ?? (executable ? 0o755 : 0o644), file, setOwners);
      return;
    }
    case "text":
      writeFileSync(place, content.text);
      setAttributes(place, file.mode ?? 0o644, file, setOwners);
      return;
    case "link":
      symlinkSync(content.target, place);
      return;
    case "copy":
      throw new InternalError(`A test's files hold a Dockerfile's copy at "${file.path}"`);
    default:
      assertNever(content);
  }
}

/** A file or directory of a tree: one entry at `file.path`, or all below it. */
function placeTree(file: ImageFile, root: string, setOwners: boolean, ctx: ActionContext): void {
  const { content } = file;
  if (content.type !== "tree") return;
  const tree = dependencyOutput(ctx, content.node, "tree");
  const prefix = content.path === "" ? "" : `${content.path}/`;
  const entries = ctx.store
    .listTree(tree)
    .filter((entry) => entry.path === content.path || entry.path.startsWith(prefix));
  if (entries.length === 0) {
    throw new NodeFailure({
      type: "missing-input",
      what: "path in a tree",
      path: content.path,
      candidates: [],
    });
  }
  for (const entry of entries) {
    const relative = entry.path === content.path ? "" : entry.path.slice(prefix.length);
    const place = placeIn(root, relative === "" ? file.path : `${file.path}/${relative}`);
    if (entry.type === "directory") {
      mkdirSync(place, { recursive: true });
      setAttributes(place, 0o755, file, setOwners);
      continue;
    }
    rmSync(place, { recursive: true, force: true });
    if (entry.type === "symlink") symlinkSync(entry.target ?? "", place);
    else {
      writeFileSync(place, ctx.store.readTreeFile(tree, entry.path) ?? "");
      setAttributes(place, file.mode ?? entry.mode, file, setOwners);
    }
  }
}

function setAttributes(place: string, mode: number, file: ImageFile, setOwners: boolean): void {
  if (setOwners) lchownSync(place, file.uid, file.gid);
  chmodSync(place, mode);
}

function misplaced(path: string, why: string): NodeFailure {
  return new NodeFailure({
    type: "command",
    what: `placing "${path}" for the test`,
    exit: "refused",
    excerpt: why,
  });
}

/** uid, gid and home of an image's user: `uid[:gid]`, or a name in its passwd(5) and group(5) files. */
export function imageUser(
  user: string | undefined,
  root: string,
): { readonly uid: number; readonly gid: number; readonly home: string } {
  const [name = "", group] = (user ?? "0").split(":");
  const rows = (file: string): string[][] => {
    const path = join(root, "etc", file);
    // Only a plain file: a link would lead into this machine's own.
    const directory = lstatSync(dirname(path), { throwIfNoEntry: false });
    if (
      directory?.isDirectory() !== true ||
      lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true
    )
      return [];
    return readFileSync(path, "utf8")
      .split("\n")
      .map((line) => line.split(":"));
  };
  const row = rows("passwd").find((fields) =>
    isNumber(name) ? fields[2] === name : fields[0] === name,
  );
  if (row === undefined && !isNumber(name)) {
    throw new NodeFailure({
      type: "missing-input",
      what: "user of the image",
      path: name,
      candidates: [],
    });
  }
  const named =
    group === undefined || isNumber(group)
      ? group
      : rows("group").find((fields) => fields[0] === group)?.[2];
  return {
    uid: Number(row?.[2] ?? name),
    gid: Number(named ?? row?.[3] ?? 0),
    home: row?.[5] ?? "/",
  };
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}
