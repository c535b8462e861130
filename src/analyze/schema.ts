/**
 * What every kind of declaration may contain: one table for checking, did-you-mean, defaults, the
 * reference and completion.
 */
import {
  C,
  DIRECTORY,
  GENERATE,
  GO,
  GOMOD,
  MATRIX,
  OPTIONS,
  PATCHES,
  TEST,
  USER,
  WHEN,
} from "./schema-blocks.js";
import { BASE, IMAGE_BLOCKS, INSTALL, PACKAGES } from "./schema-debian.js";
import { DOCKERFILE, REWRITE } from "./schema-dockerfile.js";
import { attribute, type BodySchema, type KindSchema } from "./schema-types.js";
import { describeType, list, map, names, ref, str, union } from "./types.js";

export const SOURCE_ORIGINS = [
  "go_module",
  "git",
  "archive",
  "directory",
  "files",
  "toolchain",
  "from",
] as const;

const SCHEMAS: readonly KindSchema[] = [
  {
    kind: "project",
    doc: "Names the project and the platforms it builds for. One for all recipes.",
    attributes: [
      attribute("name", str, "The project's name.", { fallback: "name of the directory" }),
      attribute("targets", list({ t: "Target" }), "Architectures or declared targets.", {
        fallback: "[mips64le]",
      }),
      attribute("epoch", { t: "Instant" }, "Every time stamp of every image.", {
        fallback: "1970-01-01T00:00:00Z",
      }),
    ],
    blocks: [OPTIONS],
  },
  {
    kind: "target",
    doc: "A platform with options.",
    attributes: [
      attribute("arch", { t: "Arch" }, "The architecture.", { required: true }),
      attribute("float", names("hardfloat", "softfloat"), "How MIPS programs use floating point.", {
        fallback: "hardfloat",
      }),
      attribute("variant", str, "The OCI variant, such as v8."),
    ],
    blocks: [],
  },
  {
    kind: "source",
    doc: "A tree of files from outside.",
    exactlyOne: SOURCE_ORIGINS,
    attributes: [
      WHEN,
      attribute("go_module", str, "Path of a Go module, fetched by the go client."),
      attribute("version", { t: "Version" }, "Version of the module.", {
        required: true,
        goesWith: ["go_module"],
      }),
      attribute("sum", str, "The module's h1: hash.", { goesWith: ["go_module"] }),
      attribute("git", str, "URL or path of a git repository."),
      attribute("commit", str, "The commit: 40 hex digits.", {
        fallback: "what kmips.lock says of the tag",
        goesWith: ["git"],
      }),
      attribute("tag", str, "The tag that names the commit.", { goesWith: ["git"] }),
      attribute("archive", str, "URL or relative path of a tar archive."),
      attribute("digest", { t: "Digest" }, "The archive's digest.", {
        fallback: "what kmips.lock says",
        goesWith: ["archive"],
      }),
      attribute("strip", { t: "Int" }, "Leading path components to remove.", {
        fallback: "0",
        goesWith: ["archive"],
      }),
      attribute("directory", str, "A directory, relative to this recipe."),
      attribute("include", list({ t: "Glob" }), "Files to take.", {
        fallback: "all",
        goesWith: ["directory"],
      }),
      attribute("exclude", list({ t: "Glob" }), "Files to leave out.", {
        fallback: "[]",
        goesWith: ["directory"],
      }),
      attribute("files", list(str), "Files, relative to this recipe."),
      attribute("base", str, "The directory that the files' paths in the tree are relative to.", {
        fallback: '"."',
        goesWith: ["files"],
      }),
      attribute("toolchain", ref("toolchain"), "A Go toolchain: the tree of its release."),
      attribute("from", ref("source"), "Another source, which this one changes."),
      attribute("go_toolchain", ref("toolchain"), "The Go toolchain of `gomod` and `generate`.", {
        goesWith: ["from"],
      }),
    ],
    blocks: [MATRIX, PATCHES, GOMOD, GENERATE],
  },
  {
    kind: "toolchain",
    doc: "Pinned tools.",
    exactlyOne: ["go", "cc"],
    attributes: [
      WHEN,
      attribute("go", { t: "Version" }, "A Go toolchain of this version."),
      attribute("cc", names("gcc"), "Debian's cross compiler for the node's platform."),
    ],
    blocks: [MATRIX],
  },
  {
    kind: "component",
    doc: "Programs built from a source.",
    exactlyOne: ["go", "c"],
    attributes: [
      WHEN,
      attribute("version", { t: "Version" }, "The component's version: self.version."),
      attribute("source", ref("source"), "What it is built from.", { required: true }),
    ],
    blocks: [MATRIX, PATCHES, GOMOD, GO, C, TEST],
  },
  BASE,
  PACKAGES,
  {
    kind: "image",
    doc: "An OCI image.",
    attributes: [
      WHEN,
      attribute("from", union(names("scratch"), ref("base", "image")), "What it stands on.", {
        fallback: "scratch",
      }),
      ...DOCKERFILE,
      ...INSTALL,
      attribute("name", str, "The image's name.", { fallback: "the label" }),
      attribute("version", { t: "Version" }, "The image's version; its tag is this without the v."),
      attribute("tag", str, "The tag.", { fallback: "the version, else latest" }),
      attribute("registry", str, "Where clusters look for it, such as k8s.gcr.io.", {
        fallback: "docker.io/library",
      }),
      attribute("run_as", str, "User name, uid or uid:gid."),
      attribute("entrypoint", list(str), "argv of the container.", { fallback: "the base's" }),
      attribute("cmd", list(str), "Default arguments.", { fallback: "[]" }),
      attribute("env", map(str), "Environment of the container.", { fallback: "{}" }),
      attribute("labels", map(str), "Labels.", { fallback: "{}" }),
      attribute("workdir", str, "Working directory: an absolute path."),
      attribute("ports", list(union({ t: "Int" }, str)), 'Ports: 8080 or "53/udp".', {
        fallback: "[]",
      }),
      attribute("volumes", list(str), "Absolute paths of volumes.", { fallback: "[]" }),
      attribute("stop_signal", str, "The signal that stops it, such as SIGTERM."),
    ],
    blocks: [MATRIX, REWRITE, ...IMAGE_BLOCKS, DIRECTORY, USER, TEST],
  },
  {
    kind: "index",
    doc: "An OCI image index over one image for each platform.",
    attributes: [
      attribute("images", list(ref("image")), "The images; all their cells are in.", {
        required: true,
      }),
      attribute("name", str, "The name.", { fallback: "the label" }),
      attribute("version", { t: "Version" }, "The tag is this without the v."),
      attribute("tag", str, "The tag.", { fallback: "the version, else the images' tag" }),
    ],
    blocks: [],
  },
  {
    kind: "group",
    doc: "A name for several nodes, with their tests.",
    attributes: [
      attribute(
        "members",
        list(ref("source", "toolchain", "component", "base", "image", "index", "group")),
        "The nodes; those that `when` leaves out are left out here too.",
        { required: true },
      ),
      attribute(
        "unwanted",
        map(str),
        "Images that are left out, as REGISTRY/NAME:TAG with `*` for any text, and why.",
        { fallback: "{}" },
      ),
    ],
    blocks: [],
  },
];

const BY_KIND: ReadonlyMap<string, KindSchema> = new Map(
  SCHEMAS.map((schema) => [schema.kind, schema]),
);

/** The schema of a kind; undefined for `template`, which has its product's. */
export function schemaOf(kind: string): KindSchema | undefined {
  return BY_KIND.get(kind);
}

/** One attribute or block as the reference and completion show it. */
export interface SchemaDescription {
  readonly name: string;
  readonly doc: string;
  readonly attributes: readonly {
    readonly name: string;
    readonly type: string;
    readonly required: boolean;
    readonly fallback?: string;
    readonly goesWith?: readonly string[];
    readonly doc: string;
  }[];
  readonly blocks: readonly (SchemaDescription & { readonly label?: string })[];
  readonly exactlyOne?: readonly string[];
  readonly rows?: { readonly key: string; readonly value: string; readonly doc: string };
}

/** The whole schema as plain data, in the order of the reference. */
export function describeSchema(): readonly SchemaDescription[] {
  return SCHEMAS.map((schema) => describe(schema.kind, schema));
}

function describe(name: string, schema: BodySchema): SchemaDescription {
  return {
    name,
    doc: schema.doc,
    attributes: schema.attributes.map(({ name, type, required, fallback, goesWith, doc }) => ({
      name,
      type: describeType(type),
      required: required ?? false,
      ...(fallback !== undefined && { fallback }),
      ...(goesWith !== undefined && { goesWith }),
      doc,
    })),
    blocks: schema.blocks.map((block) => ({
      ...describe(block.keyword, block),
      ...(block.label !== undefined && { label: block.label }),
    })),
    ...(schema.exactlyOne !== undefined && { exactlyOne: schema.exactlyOne }),
    ...(schema.rows !== undefined && {
      rows: { key: schema.rows.key, value: describeType(schema.rows.value), doc: schema.rows.doc },
    }),
  };
}
