/**
 * The schema of what stands on Debian's packages: bases, tables of names, installs and runs.
 */
import { FILES, MATRIX, TEST, WHEN } from "./schema-blocks.js";
import {
  attribute,
  type AttributeSchema,
  type BlockSchema,
  type KindSchema,
} from "./schema-types.js";
import { list, map, names, ref, str, union, type Type } from "./types.js";

export const VARIANTS = ["essential", "apt", "minbase"] as const;

/** Without a choice only what packages depend on is installed. */
const RECOMMENDS = attribute(
  "recommends",
  { t: "Bool" },
  "Whether recommended packages are installed too.",
  { fallback: "false" },
);

const DEBIAN: BlockSchema = {
  keyword: "debian",
  doc: "The packages of a Debian root file system, made by mmdebstrap.",
  attributes: [
    attribute("suite", { t: "Name" }, "Codename of the release, such as bookworm.", {
      required: true,
    }),
    attribute("variant", names(...VARIANTS), "The set that mmdebstrap starts from.", {
      fallback: "minbase",
    }),
    attribute("include", list(str), "Further packages.", { fallback: "[]" }),
    attribute("components", list(str), "Parts of the archive.", { fallback: '["main"]' }),
    attribute("suites", list({ t: "Name" }), "Where packages come from.", {
      fallback: "the suite and its updates",
    }),
    attribute("keyring", str, "Keys of the archive, a file relative to this recipe.", {
      fallback: "debian-archive-keyring of this machine",
    }),
    attribute("exclude_paths", list({ t: "Glob" }), "Absolute paths that are not unpacked.", {
      fallback: "[]",
    }),
    attribute("keep_paths", list({ t: "Glob" }), "Exceptions from exclude_paths.", {
      fallback: "[]",
    }),
    attribute(
      "scripts",
      names("chrootless", "emulated"),
      "Maintainer scripts run natively beside the root, or in it under the emulator.",
      { fallback: "chrootless" },
    ),
    RECOMMENDS,
  ],
  blocks: [],
};

export const BUDGET: BlockSchema = {
  keyword: "budget",
  doc: "What it may cost at most; checked after every build.",
  attributes: [
    WHEN,
    attribute("size", { t: "Size" }, "Of all its layers, uncompressed."),
    attribute("emulated", { t: "Duration" }, "Time under the emulator, without tests."),
  ],
  blocks: [],
};

export const BASE: KindSchema = {
  kind: "base",
  doc: "A root file system of Debian packages that images stand on.",
  exactlyOne: ["debian"],
  attributes: [
    WHEN,
    attribute("name", str, "The name in the store.", { fallback: "the label" }),
    attribute("version", { t: "Version" }, "The tag is this without the v."),
    attribute("tag", str, "The tag.", { fallback: "the version, else the suite" }),
    attribute("entrypoint", list(str), "argv of the container.", { fallback: "[]" }),
    attribute("cmd", list(str), "Default arguments.", { fallback: "[]" }),
    attribute("env", map(str), "Environment of the container.", { fallback: "{}" }),
    attribute("labels", map(str), "Labels.", { fallback: "{}" }),
    attribute("workdir", str, "Working directory: an absolute path."),
  ],
  blocks: [MATRIX, DEBIAN, BUDGET, TEST],
};

/** What a row of a table gives for a name. */
export const SUBSTITUTE: Type = union(list(str), names("same", "ask"), { t: "Denial" });

export const PACKAGES: KindSchema = {
  kind: "packages",
  doc: "A table from one distribution's package names to Debian's.",
  attributes: [
    attribute("from", str, "The distribution of the names, such as alpine.", { required: true }),
    attribute("to", ref("base"), "The base whose archive has the other names.", {
      required: true,
    }),
  ],
  blocks: [],
  rows: {
    key: "package name, or `default`",
    value: SUBSTITUTE,
    doc: "Debian's names; same for the same name; deny(why); for default ask or same.",
  },
};

/** The attributes of an image that installs packages. */
export const INSTALL: readonly AttributeSchema[] = [
  attribute("install", list(str), "Packages to install, as NAME or NAME=VERSION.", {
    fallback: "[]",
  }),
  attribute("packages", ref("packages"), "The table that the names of install go through.", {
    goesWith: ["install"],
  }),
  attribute(
    "scripts",
    names("split", "emulated"),
    "Only maintainer scripts run under the emulator, or all of dpkg.",
    { fallback: "split", goesWith: ["install", "dockerfile"] },
  ),
  { ...RECOMMENDS, goesWith: ["install", "dockerfile"] },
];

export const RUN_COMMANDS = ["script", "cmd"] as const;

export const RUN: BlockSchema = {
  keyword: "run",
  label: "what the step does",
  doc: "A command that runs in the image, under the emulator; what it changes is a layer.",
  exactlyOne: RUN_COMMANDS,
  attributes: [
    WHEN,
    attribute("script", str, "Text for /bin/sh, which stops at the first fault."),
    attribute("cmd", list(str), "argv; the first word is a path in the image."),
    attribute("env", map(str), "Environment variables of this step alone.", { fallback: "{}" }),
    attribute("network", names("off", "on"), "Whether the step may use the network.", {
      fallback: "off",
    }),
    attribute("user", str, "User name, uid or uid:gid.", { fallback: "the base's" }),
    attribute("workdir", str, "Working directory: an absolute path.", { fallback: "the base's" }),
    attribute("after", names("install", "files"), "What is in the image when the step runs.", {
      fallback: "files",
    }),
  ],
  blocks: [],
};

/** The blocks that make an image's content, in the order of the reference. */
export const IMAGE_BLOCKS: readonly BlockSchema[] = [FILES, RUN, BUDGET];
