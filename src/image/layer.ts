/**
 * What an image's own layer holds: the definition's files, trees, directories and users as entries
 * with settled paths, modes and owners, and the tar that they make.
 *
 * Paths go through the links of the base and of the layer itself, because a tar entry below a link
 * would replace it: `/lib/x` over a merged-usr base is written as `usr/lib/x`. Directories that the
 * base has are left as they are. Order, owners and times never come from this machine.
 */
import { compareUtf8, type Content, type Digest, type TreeEntry } from "../../cache/index.js";
import { NodeFailure } from "../model/failure.js";
import { assertNever, invariant } from "../model/invariant.js";
import type { CopiedContent, ImageDefinition, ImageFile } from "../model/node.js";
import type { Platform } from "../model/platform.js";
import {
  contentOfLocal,
  contentOfMember,
  contentOfOutput,
  contentOfText,
  type FileContent,
} from "./contents.js";
import { copiedSources } from "./copy.js";
import { checkElf, ELF_HEADER_BYTES, isElf } from "./elf.js";
import { cannotAssemble } from "./faults.js";
import { FileTree } from "./file-tree.js";
import type { ImageInputs } from "./inputs.js";
import { similarPaths } from "./similar-paths.js";
import { mergeGroup, mergePasswd } from "./users.js";

type LayerEntry = { readonly uid: number; readonly gid: number } & (
  | { readonly type: "file"; readonly mode: number; readonly content: Content }
  | { readonly type: "directory"; readonly mode: number }
  | { readonly type: "symlink"; readonly target: string }
);

export const PASSWD = "etc/passwd";
export const GROUP = "etc/group";

/** The entries of one layer over a base, by path relative to the image's root. */
export class LayerPlan {
  readonly #entries = new Map<string, LayerEntry>();
  readonly #tree: FileTree;
  readonly #members = new Map<Digest, ReadonlyMap<string, TreeEntry>>();
  readonly #inputs: ImageInputs;

  /** `base` is what lies below; it is changed to what lies below and in this layer. */
  constructor(base: FileTree, inputs: ImageInputs) {
    this.#tree = base;
    this.#inputs = inputs;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Adds everything of a definition; `baseText` gives the base's account files. */
  addAll(definition: ImageDefinition, baseText: (path: string) => string | undefined): void {
    // Links first: they decide where the other paths really are.
    for (const file of definition.files) if (file.content.type === "link") this.#addFile(file);
    for (const file of definition.files) if (file.content.type !== "link") this.#addFile(file);
    // Declared directories last: what they say of mode and owner holds over a tree's directory.
    for (const { path, mode, uid, gid, keep } of definition.directories) {
      const real = this.#tree.resolve(path, true);
      if (keep === true && this.#tree.get(real)?.type === "directory") continue;
      this.#put(real, { type: "directory", mode, uid, gid });
    }
    if (definition.users.length === 0) return;
    for (const [path, merge] of [
      [PASSWD, mergePasswd],
      [GROUP, mergeGroup],
    ] as const) {
      const real = this.#tree.resolve(path, true);
      const before = this.#ownText(real) ?? baseText(real) ?? "";
      const content = Buffer.from(merge(before, definition.users));
      this.#put(real, { type: "file", mode: 0o644, uid: 0, gid: 0, content });
    }
  }

  /**
   * Writes the layer into the store. Every program and shared library that begins like an ELF file
   * must be one of the platform.
   *
   * @throws NodeFailure naming the file that is for another machine.
   */
  store(epoch: number, platform: Platform): { readonly digest: Digest; readonly size: number } {
    const writer = this.#inputs.store.treeWriter({ mtime: epoch, kind: "layer" });
    for (const path of [...this.#entries.keys()].sort(compareUtf8)) {
      const entry = this.#entries.get(path)!;
      const { type, uid, gid } = entry;
      if (type === "symlink") writer.add({ path, type, uid, gid, target: entry.target });
      else if (type === "directory") writer.add({ path, type, uid, gid, mode: entry.mode });
      else {
        const content = isCode(path, entry.mode)
          ? programChecked(path, entry.content, platform)
          : entry.content;
        writer.add({ path, type, uid, gid, mode: entry.mode, content });
      }
    }
    return writer.commit();
  }

  #addFile(file: ImageFile): void {
    const { content } = file;
    const { store } = this.#inputs;
    switch (content.type) {
      case "output":
        return this.#addRegular(
          file,
          contentOfOutput(store, this.#inputs.output(content.node, content.output)),
        );
      case "local":
        return this.#addRegular(file, contentOfLocal(content.path));
      case "text":
        return this.#addRegular(file, contentOfText(content.text));
      case "tree":
        return this.#addTree(file, this.#inputs.tree(content.node), content.path);
      case "copy":
        return this.#addCopy(file, content);
      case "link": {
        const { uid, gid } = file;
        const path = this.#tree.resolve(file.path, false);
        return this.#put(path, { type: "symlink", uid, gid, target: content.target });
      }
      default:
        return assertNever(content);
    }
  }

  #addRegular(file: ImageFile, { content, executable }: FileContent): void {
    const mode = file.mode ?? (executable ? 0o755 : 0o644);
    const path = this.#placeOf(file);
    this.#put(path, { type: "file", mode, uid: file.uid, gid: file.gid, content });
  }

  /** Where a file goes: below its path where that is a directory and Docker's rules hold. */
  #placeOf({ path, nameInDirectory }: ImageFile): string {
    if (nameInDirectory !== undefined) {
      const real = this.#tree.resolve(path, true);
      if (path.endsWith("/") || this.#tree.get(real)?.type === "directory")
        return this.#tree.resolve(`${real}/${nameInDirectory}`, false);
    }
    return this.#tree.resolve(path, false);
  }

  /** What a COPY takes: files below the destination where that is a directory, else at it. */
  #addCopy(file: ImageFile, content: CopiedContent): void {
    const sources = copiedSources(content, file, this.#inputs);
    const several = sources.length > 1 && !file.path.endsWith("/");
    const destination = several ? `${file.path}/` : file.path;
    for (const source of sources) {
      const { uid, gid } = file;
      const base = { ...file, path: destination };
      if (source.file !== undefined) {
        const mode = file.mode ?? source.file.mode;
        const name = source.name === "" ? {} : { nameInDirectory: source.name };
        this.#addRegular({ ...base, mode, ...name }, source.file.content());
        continue;
      }
      const to = this.#tree.resolve(destination, true);
      this.#makeDirectory(to, uid, gid);
      for (const entry of source.below) {
        const isDirectory = entry.type === "directory";
        const path = this.#tree.resolve(`${to}/${entry.path}`, isDirectory);
        if (isDirectory) this.#makeDirectory(path, uid, gid, entry.mode);
        else if (entry.type === "symlink")
          this.#put(path, { type: "symlink", uid, gid, target: entry.target });
        else
          this.#addRegular(
            { path, content, uid, gid, mode: file.mode ?? entry.mode },
            entry.content(),
          );
      }
    }
  }

  /** A file or a directory of a tree; a directory brings everything below it. */
  #addTree(file: ImageFile, digest: Digest, inside: string): void {
    const { store } = this.#inputs;
    const members = this.#membersOf(digest);
    const from = resolveInTree(members, inside);
    const member = members.get(from);
    if (from !== "" && member === undefined) {
      throw new NodeFailure({
        type: "missing-input",
        what: `"${file.path}"`,
        path: inside,
        candidates: similarPaths(members.keys(), inside),
      });
    }
    if (member?.type === "file")
      return this.#addRegular(file, contentOfMember(store, digest, member));
    const { uid, gid } = file;
    const to = this.#tree.resolve(file.path, true);
    this.#makeDirectory(to, uid, gid);
    const below = from === "" ? "" : `${from}/`;
    for (const [path, { type, target }] of members) {
      if (!path.startsWith(below) || path === from) continue;
      const destination = this.#tree.resolve(
        `${to}/${path.slice(below.length)}`,
        type === "directory",
      );
      if (type === "directory") {
        this.#makeDirectory(destination, uid, gid);
      } else if (type === "symlink") {
        this.#put(destination, { type, uid, gid, target: target ?? "" });
      } else {
        const inner = contentOfMember(store, digest, members.get(path)!);
        this.#addRegular({ ...file, path: destination }, inner);
      }
    }
  }

  /** A directory that is already there, in the base or here, keeps its mode and owner. */
  #makeDirectory(path: string, uid: number, gid: number, mode = 0o755): void {
    if (this.#tree.get(path)?.type === "directory") return;
    this.#put(path, { type: "directory", mode, uid, gid });
  }

  /** Puts an entry at a settled path, with the directories above that nobody has. */
  #put(path: string, entry: LayerEntry): void {
    if (path === "") {
      invariant(entry.type === "directory", "Only a directory can be the root of an image");
      return;
    }
    for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1)) {
      const parent = path.slice(0, slash);
      const place = this.#tree.get(parent);
      if (place === undefined) {
        this.#set(parent, { type: "directory", mode: 0o755, uid: 0, gid: 0 });
      } else if (place.type !== "directory") {
        throw cannotAssemble(`"/${path}" lies below "/${parent}", which is a ${place.type}`);
      }
    }
    const place = this.#tree.get(path);
    const isDirectory = entry.type === "directory";
    if (place !== undefined && (place.type === "directory") !== isDirectory) {
      throw cannotAssemble(`"/${path}" is both a ${place.type} and a ${entry.type}`);
    }
    this.#set(path, entry);
  }

  #set(path: string, entry: LayerEntry): void {
    this.#entries.set(path, entry);
    const target = entry.type === "symlink" ? { target: entry.target } : {};
    this.#tree.set(path, { type: entry.type, ...target });
  }

  /** The text of a file that this layer itself has. */
  #ownText(path: string): string | undefined {
    const entry = this.#entries.get(path);
    if (entry?.type !== "file") return undefined;
    const { content } = entry;
    if (content instanceof Uint8Array) return Buffer.from(content).toString();
    return Buffer.concat(Array.from(content.chunks, (chunk) => Buffer.from(chunk))).toString();
  }

  #membersOf(digest: Digest): ReadonlyMap<string, TreeEntry> {
    let members = this.#members.get(digest);
    if (members === undefined) {
      members = new Map(this.#inputs.store.listTree(digest).map((entry) => [entry.path, entry]));
      this.#members.set(digest, members);
    }
    return members;
  }
}

/** Whether a file is to run: others are data, such as objects that a compiler has for other machines. */
function isCode(path: string, mode: number): boolean {
  return (mode & 0o111) !== 0 || /\.so(?:\.\d+)*$/.test(path);
}

/** The content, refused at its first bytes when it is a program for another machine. */
function programChecked(path: string, content: Content, platform: Platform): Content {
  if (content instanceof Uint8Array) {
    requirePlatform(path, content, platform);
    return content;
  }
  const { chunks, size } = content;
  function* check(): Generator<Uint8Array> {
    let first = true;
    for (const chunk of chunks) {
      if (first) requirePlatform(path, chunk, platform);
      first = false;
      yield chunk;
    }
  }
  return { chunks: { [Symbol.iterator]: check }, size };
}

function requirePlatform(path: string, bytes: Uint8Array, platform: Platform): void {
  if (!isElf(bytes)) return;
  const verdict = checkElf(bytes.subarray(0, ELF_HEADER_BYTES), platform);
  if (verdict.ok) return;
  const { expected, actual } = verdict;
  throw new NodeFailure({ type: "elf", file: `/${path}`, expected, actual });
}

/** Follows the links of a tree, which never leave it. */
function resolveInTree(members: ReadonlyMap<string, TreeEntry>, path: string): string {
  const tree = new FileTree();
  for (const [name, { type, target }] of members) {
    if (type === "symlink") tree.set(name, { type, ...(target === undefined ? {} : { target }) });
  }
  return tree.resolve(path, true);
}
