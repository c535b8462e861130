/**
 * The schema of images that a Dockerfile describes, and of the rules that rewrite it.
 */
import { WHEN } from "./schema-blocks.js";
import { attribute, type AttributeSchema, type BlockSchema } from "./schema-types.js";
import { list, map, names, ref, str, union } from "./types.js";

const goesWith = ["dockerfile"];

export const DOCKERFILE: readonly AttributeSchema[] = [
  attribute("dockerfile", { t: "Tree" }, "The Dockerfile that it is built from."),
  attribute("context", { t: "Tree" }, "The directory that COPY and ADD take from.", {
    fallback: "the Dockerfile's directory",
    goesWith,
  }),
  attribute("args", map(str), "Build arguments.", { fallback: "{}", goesWith }),
  attribute("stage", str, "The stage that becomes the image: its name or number.", {
    fallback: "the last one",
    goesWith,
  }),
];

export const REWRITE: BlockSchema = {
  keyword: "rewrite",
  doc: "What stands for the parts of a Dockerfile that the platform does not have.",
  attributes: [
    WHEN,
    attribute(
      "from",
      map(union(names("scratch"), ref("base", "image"))),
      "Images of FROM and COPY --from, with `*` for any text, and what stands for them.",
      { fallback: "{}" },
    ),
    attribute("apk", ref("packages"), "The table that the names of apk go through."),
    attribute("apt", ref("packages"), "The table that the names of apt go through."),
    attribute("dnf", ref("packages"), "The table that the names of dnf and yum go through."),
    attribute(
      "drop",
      list({ t: "Re" }),
      "Instructions, or single commands of a RUN, that are left out.",
      { fallback: "[]" },
    ),
    attribute(
      "fetch",
      map({ t: "Content" }),
      "URLs of ADD, with `*` for any text, and what stands for them.",
      { fallback: "{}" },
    ),
    attribute(
      "build",
      map(ref("component")),
      "Stages that only compile, and the component whose programs COPY --from takes.",
      { fallback: "{}" },
    ),
    attribute("network", names("off", "on"), "Whether what is left of RUN may use the network.", {
      fallback: "off",
    }),
  ],
  blocks: [],
};
