/**
 * The schema of the blocks that several kinds share: matrix, patches, files, test.
 */
import { attribute, type AttributeSchema, type BlockSchema } from "./schema-types.js";
import { list, map, names, ref, str, union } from "./types.js";

/** Stands in every block and declaration: what is false is absent. */
export const WHEN: AttributeSchema = attribute(
  "when",
  { t: "Bool" },
  "Whether this part exists; decided for every cell of the matrix.",
  { fallback: "true" },
);

export const MATRIX: BlockSchema = {
  keyword: "matrix",
  doc: "Makes one node for every combination of the axes' values.",
  open: { doc: "An axis and its values: Str, Int, Version, a name or a target." },
  attributes: [
    attribute("target", list({ t: "Target" }), "The axis of platforms.", {
      fallback: "project.targets when that has several",
    }),
    attribute(
      "except",
      list({ t: "Any" }),
      "Combinations to leave out: maps from axis to value or list of values.",
      { fallback: "[]" },
    ),
    attribute(
      "optional",
      list({ t: "Any" }),
      "Combinations, as in `except`, that exist but are taken only where the cell is named.",
      { fallback: "[]" },
    ),
  ],
  blocks: [],
};

export const OPTIONS: BlockSchema = {
  keyword: "options",
  doc: "Values that a command line may set in place of their defaults: --set NAME=VALUE.",
  open: { doc: "A name and its default: a literal or a list of literals." },
  attributes: [],
  blocks: [],
};

const PATCH: BlockSchema = {
  keyword: "patch",
  label: "path of a unified diff, relative to this recipe",
  doc: "One change to the source, applied in order of declaration without fuzz.",
  attributes: [
    WHEN,
    attribute("reason", str, "Why the change is needed.", { required: true }),
    attribute("upstream", str, "Where upstream discusses or has merged it."),
    attribute("retire", { t: "Bool" }, "When true the patch is no longer applied, and reported.", {
      fallback: "false",
    }),
  ],
  blocks: [],
};

export const PATCHES: BlockSchema = {
  keyword: "patches",
  doc: "The series of patches applied to the source.",
  attributes: [WHEN],
  blocks: [PATCH],
};

export const FILES: BlockSchema = {
  keyword: "files",
  doc: "What stands where: rows of a path and its content.",
  attributes: [WHEN],
  blocks: [],
  rows: {
    key: "absolute path, or with a Dockerfile one relative to its context",
    value: { t: "Content" },
    doc: "A program, file(), local(), text(), tree() or link().",
  },
};

const ENV = attribute("env", map(str), "Environment variables.", { fallback: "{}" });
const EXPECT = attribute(
  "expect",
  { t: "Re" },
  "What the answer must match: output, body or record.",
);
/** The actions of a step, of which it has exactly one. */
export const STEP_ACTIONS = ["cmd", "http", "dns", "signal"] as const;
export const DNS_RECORDS = ["A", "AAAA", "TXT", "CNAME", "SRV"] as const;
export const SIGNALS = [
  "TERM",
  "INT",
  "HUP",
  "QUIT",
  "KILL",
  "USR1",
  "USR2",
  "WINCH",
  "STOP",
  "CONT",
] as const;

const CMD = attribute("cmd", list(str), "argv; the first word is a path in the image.");

const STEP: BlockSchema = {
  keyword: "step",
  label: "what the step shows",
  doc: "One command, request, question or signal and what it must answer.",
  exactlyOne: STEP_ACTIONS,
  attributes: [
    WHEN,
    CMD,
    { ...ENV, goesWith: ["cmd"] },
    attribute("exit", { t: "Int" }, "The wanted exit code.", {
      fallback: "0",
      goesWith: ["cmd", "signal"],
    }),
    attribute("http", str, "URL on the loopback interface; certificates are not checked."),
    attribute("method", str, "Request method.", { fallback: '"GET"', goesWith: ["http"] }),
    attribute("body", str, "Body of the request.", { goesWith: ["http"] }),
    attribute("status", { t: "Int" }, "The wanted status.", {
      fallback: "200",
      goesWith: ["http"],
    }),
    attribute("dns", str, "The name to ask for."),
    attribute("record", names(...DNS_RECORDS), "The record type to ask for.", {
      fallback: "A",
      goesWith: ["dns"],
    }),
    attribute("server", str, "Loopback address and port of the server.", {
      required: true,
      goesWith: ["dns"],
    }),
    attribute("signal", names(...SIGNALS), "The signal to send."),
    attribute("service", str, "The service that gets the signal.", {
      fallback: "the only service",
      goesWith: ["signal"],
    }),
    EXPECT,
  ],
  blocks: [],
};

const SERVICE: BlockSchema = {
  keyword: "service",
  label: "name of the service",
  doc: "A program that runs while the steps do.",
  attributes: [
    WHEN,
    attribute("cmd", list(str), "argv.", { fallback: "the image's entrypoint and cmd" }),
    ENV,
    attribute(
      "ready",
      { t: "Readiness" },
      'When the steps may begin: tcp(port), http(url) or log(re"…").',
      { fallback: "as soon as it runs" },
    ),
  ],
  blocks: [],
};

export const TEST: BlockSchema = {
  keyword: "test",
  label: "what the test shows",
  doc: "Runs the programs on their platform, emulated where needed, without a network.",
  attributes: [
    WHEN,
    attribute("timeout", { t: "Duration" }, "Time for all of it.", { fallback: "60s" }),
    ENV,
    CMD,
    attribute("exit", { t: "Int" }, "The wanted exit code of `cmd`.", {
      fallback: "0",
      goesWith: ["cmd"],
    }),
    { ...EXPECT, goesWith: ["cmd"] },
  ],
  blocks: [FILES, SERVICE, STEP],
};

export const USER: BlockSchema = {
  keyword: "user",
  label: "name of the user",
  doc: "A user and a group of the same name.",
  attributes: [
    WHEN,
    attribute("uid", { t: "Int" }, "User id.", { required: true }),
    attribute("gid", { t: "Int" }, "Group id.", { fallback: "uid" }),
    attribute("home", str, "Home directory.", { fallback: '"/"' }),
    attribute("shell", str, "Login shell.", { fallback: '"/sbin/nologin"' }),
  ],
  blocks: [],
};

export const DIRECTORY: BlockSchema = {
  keyword: "directory",
  label: "absolute path",
  doc: "A directory of the image.",
  attributes: [
    WHEN,
    attribute("mode", { t: "Mode" }, "Permission bits.", { fallback: "0o755" }),
    attribute("uid", { t: "Int" }, "Owner.", { fallback: "0" }),
    attribute("gid", { t: "Int" }, "Group.", { fallback: "0" }),
  ],
  blocks: [],
};

export const GOMOD: BlockSchema = {
  keyword: "gomod",
  doc: "Edits of the source's go.mod, made in the order file, drop, require, replace, go.",
  attributes: [
    WHEN,
    attribute("file", str, "A go.mod that stands for the source's own, relative to this recipe."),
    attribute("go", { t: "Version" }, "The `go` line."),
    attribute("drop", list(str), "Modules whose require and replace rows go.", { fallback: "[]" }),
    attribute("require", map({ t: "Version" }), "Versions of modules.", { fallback: "{}" }),
    attribute(
      "replace",
      map(union({ t: "Version" }, { t: "Module" })),
      "Modules that stand for others: a version, or module(path, version).",
      { fallback: "{}" },
    ),
  ],
  blocks: [
    {
      keyword: "patch",
      label: "path of a Go module",
      doc: "A dependency that is built with patches.",
      attributes: [
        WHEN,
        attribute("version", { t: "Version" }, "The module's version.", { required: true }),
      ],
      blocks: [PATCHES],
    },
  ],
};

export const GENERATE: BlockSchema = {
  keyword: "generate",
  label: "what is generated",
  doc: "Files that a Go program of the source's module graph writes, run here and without a network.",
  attributes: [
    WHEN,
    attribute(
      "package",
      str,
      "The program: `./path`, or the import path of a package of the module graph.",
      { required: true },
    ),
    attribute("args", list(str), "Its arguments, with `{out}`, `{gopath}` and `{packages}`.", {
      fallback: "[]",
    }),
    attribute("packages_of", list(str), "Packages whose imports `{packages}` is chosen from."),
    attribute("marker", str, "Text that a file of each of `{packages}` has.", {
      required: true,
      goesWith: ["packages_of"],
    }),
    attribute("outputs", list(str), "Every file that it writes, relative to the source.", {
      required: true,
    }),
  ],
  blocks: [],
};

export const GO: BlockSchema = {
  keyword: "go",
  doc: "Cross-compiles Go programs on the build machine, without cgo.",
  attributes: [
    WHEN,
    attribute("toolchain", ref("toolchain"), "The Go toolchain.", { required: true }),
    attribute(
      "packages",
      map(str),
      "Program name and its package: `.`, `./path`, or the import path of a package of the module graph.",
      { fallback: "{}" },
    ),
    attribute(
      "tests",
      map(str),
      "Program name and the package whose tests it runs, built as by `go test -c`.",
      { fallback: "{}" },
    ),
    attribute("ldflags", list(str), "Flags for the linker, beyond the reproducible ones.", {
      fallback: "[]",
    }),
    attribute("tags", list(str), "Build tags.", { fallback: "[]" }),
  ],
  blocks: [],
};

export const C: BlockSchema = {
  keyword: "c",
  doc: "Compiles C programs with a cross compiler.",
  attributes: [
    WHEN,
    attribute("toolchain", ref("toolchain"), "The C toolchain.", { required: true }),
    attribute(
      "programs",
      map(list(str)),
      "Program name and its source files, relative to the source.",
      { required: true },
    ),
    attribute("flags", list(str), "Flags for the compiler.", { fallback: "[]" }),
  ],
  blocks: [],
};
