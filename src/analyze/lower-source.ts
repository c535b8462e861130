/**
 * Sources and toolchains: what comes from outside, with every way to name it checked.
 */
import path from "node:path";
import type { SourceOrigin, ToolchainDefinition } from "../model/node.js";
import { platformSpellings, type Platform } from "../model/platform.js";
import type { BodyReader } from "./body.js";
import type { Needs } from "./emit.js";
import { isToolchain } from "./lower-build.js";
import type { Lowering } from "./lowering.js";
import { isModulePath, isTreePath, localPath } from "./paths.js";
import { resolveOne } from "./resolve.js";

/** The origin of a source's files; undefined after a reported fault. */
export function lowerSource(reader: BodyReader): SourceOrigin | undefined {
  if (reader.has("go_module")) return goModule(reader);
  if (reader.has("git")) return git(reader);
  if (reader.has("archive")) return archive(reader);
  if (reader.has("directory")) return directory(reader);
  if (reader.has("files")) return files(reader);
  return undefined;
}

/** The origin of a source that is a Go toolchain's own tree; undefined after a reported fault. */
export function lowerToolchainSource(
  reader: BodyReader,
  needs: Needs,
  lowering: Lowering,
): SourceOrigin | undefined {
  const reference = reader.reference("toolchain");
  const used = reference && resolveOne(reference, reader.cell, lowering.sets, lowering.session);
  if (reference === undefined || used === undefined || reader.failed) return undefined;
  if (!isToolchain(used, "go", reference, lowering)) return undefined;
  needs.add(used.address, reference.at);
  return { type: "toolchain", node: used.address };
}

function goModule(reader: BodyReader): SourceOrigin | undefined {
  const modulePath = reader.value("go_module");
  const version = reader.text("version");
  const sum = reader.value("sum");
  const { findings } = reader.session;
  let failed = reader.failed;
  if (modulePath?.type === "str" && !isModulePath(modulePath.text)) {
    findings.error("KM0337", modulePath.at, `"${modulePath.text}" is not the path of a Go module`, {
      help: 'write it as an import does: "k8s.io/kubernetes"',
    });
    failed = true;
  }
  if (sum?.type === "str" && !/^h1:[A-Za-z0-9+/]{43}=$/.test(sum.text)) {
    findings.error(
      "KM0228",
      sum.at,
      `Module sum "${sum.text}" is not "h1:" and 44 base64 characters`,
      {
        help: "copy it from a go.sum file, the row without /go.mod",
      },
    );
    failed = true;
  }
  if (modulePath?.type !== "str" || version === undefined || failed) return undefined;
  return {
    type: "go-module",
    path: modulePath.text,
    version,
    ...(sum?.type === "str" && { sum: sum.text }),
  };
}

function git(reader: BodyReader): SourceOrigin | undefined {
  const url = reader.value("git");
  const commit = reader.value("commit");
  const tag = reader.value("tag");
  const { findings } = reader.session;
  let location: string | undefined;
  if (url?.type === "str") {
    if (
      /^(https?|ssh|git|file):\/\/[^\s\u0000-\u001f]+$/.test(url.text) ||
      /^[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[^\s-]\S*$/.test(url.text)
    )
      location = url.text;
    else if (/^[a-z+]+:/i.test(url.text) || url.text.startsWith("-"))
      findings.error("KM0337", url.at, `"${url.text}" is not a URL that git may fetch`, {
        help: "use https, ssh, git or file",
      });
    else
      location = path.isAbsolute(url.text)
        ? path.normalize(url.text)
        : localPath(url.text, url.at, "repository", reader.session);
  }
  if (commit?.type === "str" && !/^[0-9a-f]{40}$/.test(commit.text)) {
    const why = /^[0-9a-f]+$/.test(commit.text)
      ? `has ${commit.text.length} digits, wanted 40`
      : "is not 40 lower-case hex digits";
    findings.error("KM0228", commit.at, `Commit "${commit.text}" ${why}`, {
      help: "print it with git rev-parse, or write the tag as tag = …: kmips update locks it",
    });
    return undefined;
  }
  if (tag?.type === "str" && !isTag(tag.text)) {
    findings.error("KM0227", tag.at, `"${tag.text}" is not the name of a git tag`, {
      help: 'write it as git tag lists it: "v1.2.3"',
    });
    return undefined;
  }
  if (!reader.has("commit") && !reader.has("tag"))
    findings.error("KM0203", reader.at("git"), `${reader.cell.address} has no "commit" or "tag"`, {
      help: 'add: tag = "v…", which kmips update locks, or commit = "…"',
    });
  if (location === undefined || reader.failed) return undefined;
  if (commit?.type === "str")
    return {
      ...{ type: "git", url: location, commit: commit.text },
      ...(tag?.type === "str" && { tag: tag.text }),
    };
  if (tag?.type !== "str") return undefined;
  return { type: "git", url: location, tag: tag.text, place: placeOf(location, reader) };
}

/** Whether a text may follow `refs/tags/`: the part of git-check-ref-format(1) that tags use. */
function isTag(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.+/-]*$/.test(text) && !/\.\.|\/\/|[./]$|\.lock$/.test(text);
}

/** A location as the lock names it: a URL, or a path from the project without spaces. */
function placeOf(location: string, { session }: BodyReader): string {
  if (!path.isAbsolute(location)) return location;
  return encodeURI(path.relative(session.root, location));
}

function archive(reader: BodyReader): SourceOrigin | undefined {
  const value = reader.value("archive");
  const digest = reader.text("digest");
  const strip = reader.number("strip") ?? 0;
  const { findings } = reader.session;
  const isStrip = Number.isInteger(strip) && strip >= 0 && strip <= 64;
  if (!isStrip) findings.error("KM0227", reader.at("strip"), `"strip" is ${strip}, wanted 0 to 64`);
  if (value?.type !== "str") return undefined;
  let location: string | undefined;
  if (/^(https?|file):\/\/[^\s\u0000-\u001f]+$/.test(value.text)) location = value.text;
  else if (/^[a-z][a-z0-9+.-]*:/i.test(value.text))
    findings.error("KM0337", value.at, `"${value.text}" is not a URL that kmips fetches`, {
      help: "use https, or a path relative to this recipe",
    });
  else location = localPath(value.text, value.at, "archive", reader.session);
  if (location === undefined || !isStrip || reader.failed) return undefined;
  if (digest !== undefined) return { type: "archive", location, digest, strip };
  return { type: "archive", location, place: placeOf(location, reader), strip };
}

function directory(reader: BodyReader): SourceOrigin | undefined {
  const value = reader.value("directory");
  const include = reader.texts("include");
  const exclude = reader.texts("exclude");
  if (value?.type !== "str") return undefined;
  const absolute = localPath(value.text, value.at, "directory", reader.session);
  if (absolute === undefined || reader.failed) return undefined;
  return { type: "directory", path: absolute, include, exclude };
}

function files(reader: BodyReader): SourceOrigin | undefined {
  const { session } = reader;
  const items = reader.items("files");
  const baseValue = reader.value("base");
  const firstAt = items[0]?.at ?? reader.at("files");
  const base =
    baseValue?.type === "str"
      ? localPath(baseValue.text, baseValue.at, "directory", session)
      : path.dirname(session.units.get(firstAt.file)?.path ?? session.root);
  const paths: string[] = [];
  let failed = reader.failed || base === undefined;
  for (const item of items) {
    const absolute =
      item.type === "str" ? localPath(item.text, item.at, "file", session) : undefined;
    if (absolute === undefined || base === undefined) {
      failed = true;
      continue;
    }
    const relative = path.relative(base, absolute);
    if (relative === "" || !isTreePath(relative)) {
      session.findings.error(
        "KM0331",
        item.at,
        `File "${path.relative(session.root, absolute)}" is not below the base "${path.relative(session.root, base)}"`,
        { help: "use a base that holds all files" },
      );
      failed = true;
    } else paths.push(relative);
  }
  if (items.length === 0 && !failed) {
    session.findings.error("KM0227", reader.at("files"), '"files" is empty', {
      help: "name at least one file",
    });
    return undefined;
  }
  return failed || base === undefined ? undefined : { type: "files", base, paths };
}

/** The tools of a toolchain; undefined after a reported fault. */
export function lowerToolchain(reader: BodyReader): ToolchainDefinition | undefined {
  const go = reader.text("go");
  const cc = reader.text("cc");
  if (reader.failed) return undefined;
  if (go !== undefined)
    return { kind: "toolchain", type: "go", version: `go${go.replace(/^v/, "")}` };
  const platform = reader.cell.target?.platform;
  if (cc === undefined || platform === undefined) return undefined;
  return { kind: "toolchain", type: "cc", ...crossPackages(platform) };
}

/** Debian's cross C compiler for a platform. */
export function crossPackages(platform: Platform): {
  readonly triplet: string;
  readonly packages: readonly string[];
} {
  const { gnu, debian } = platformSpellings(platform);
  // Debian's package names cannot hold the underscore of x86_64.
  const suffix = gnu.replace("_", "-");
  return {
    triplet: gnu,
    packages: [`binutils-${suffix}`, `gcc-${suffix}`, `libc6-dev-${debian}-cross`],
  };
}
