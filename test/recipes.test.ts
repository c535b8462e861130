/** What holds for every shipped recipe and every example, without building one. */
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { format, parse } from "../grammar/index.js";
import { closureOf } from "../src/plan/plan.js";
import type { BuildGraph } from "../src/model/graph.js";
import type { PatchDefinition } from "../src/model/node.js";
import {
  analyzeDirectory,
  EXAMPLE_NAMES,
  EXAMPLES,
  filesBelow,
  readRepositoryFile,
  RECIPES,
  REFERENCES,
  REPOSITORY,
} from "./support/shipped.js";

const files = [...filesBelow(RECIPES), ...filesBelow(EXAMPLES)];
const recipes = files.filter((path) => path.endsWith(".kmips"));
/** What `kmips setup` builds: a project of its own beside the images. */
const BUILDER = join(RECIPES, "builder");
/** A current release by the same templates. */
const CURRENT = join(RECIPES, "current");
const projects = [RECIPES, BUILDER, CURRENT, ...EXAMPLE_NAMES.map((name) => join(EXAMPLES, name))];

function graphOf(root: string, targets?: readonly string[]): BuildGraph {
  const { graph } = analyzeDirectory(root, targets);
  if (graph === undefined) throw new Error(`${root} has errors`);
  return graph;
}

function patchesOf(graph: BuildGraph): PatchDefinition[] {
  return [...graph.nodes.values()]
    .map((node) => node.definition)
    .filter((definition) => definition.kind === "patch");
}

describe.each(recipes)("%s", (path) => {
  const file = { name: path, text: readRepositoryFile(path) };

  it("parses", () => {
    expect(parse(file).diagnostics).toEqual([]);
  });

  it("is formatted", () => {
    expect(format(file)).toEqual({ text: file.text });
  });

  it("documents every group, template and index", () => {
    const { declarations } = parse(file).recipe;
    const undocumented = declarations.filter(
      ({ kind, doc }) => doc === undefined && ["group", "template", "index"].includes(kind),
    );
    expect(undocumented.map(({ name }) => name?.text)).toEqual([]);
  });
});

describe.each(projects)("the project %s", (root) => {
  it("checks without diagnostics", () => {
    const { diagnostics } = analyzeDirectory(root);
    expect(diagnostics.map(({ code, message }) => `${code}: ${message}`)).toEqual([]);
  });

  it("gives a reason for every patch", () => {
    const patches = patchesOf(graphOf(root)).flatMap(({ series, retired }) => [
      ...series,
      ...retired,
    ]);
    for (const { reason } of patches) expect(reason.length).toBeGreaterThan(20);
  });

  it("tests every image", () => {
    const nodes = [...graphOf(root).nodes.values()];
    const tested = new Set(
      nodes.map(({ definition }) => (definition.kind === "test" ? definition.subject : undefined)),
    );
    const images = nodes.filter(
      ({ definition }) => definition.kind === "image" && definition.reference !== undefined,
    );
    expect(
      images.filter(({ address }) => !tested.has(address)).map(({ address }) => address),
    ).toEqual([]);
  });
});

describe("the shipped recipes", () => {
  it("have the images of the conformance set", () => {
    const references = [...graphOf(RECIPES).nodes.values()].flatMap(({ definition, optional }) =>
      definition.kind === "image" && optional !== true ? [definition.reference] : [],
    );
    expect(references.sort()).toEqual(REFERENCES);
  });

  it("have them all in the group", () => {
    const graph = graphOf(RECIPES);
    const held = closureOf(graph, ["group.conformance"]);
    const images = [...graph.nodes.values()].filter(
      ({ definition, optional }) => definition.kind === "image" && optional !== true,
    );
    expect(images.map(({ address }) => address).filter((address) => !held.has(address))).toEqual(
      [],
    );
  });

  it("have a node of every kind in the group that each test run builds", () => {
    const graph = graphOf(RECIPES);
    const kinds = (addresses: Iterable<string>): Set<string> =>
      new Set([...addresses].map((address) => graph.nodes.get(address)?.definition.kind ?? ""));
    const built = kinds(closureOf(graph, ["group.representative"]));
    // The RUN steps are agnhost's, as its Dockerfile says, which is not read here.
    built.add("run");
    expect([...kinds(graph.nodes.keys())].filter((kind) => !built.has(kind))).toEqual([]);
  });

  it("have a declaration of every template in that group, but of those that need an open network", () => {
    const graph = graphOf(RECIPES);
    const built = [...closureOf(graph, ["group.representative"])];
    const read = graph.recipes
      .map((path) => path.slice(REPOSITORY.length))
      .flatMap((name) => parse({ name, text: readRepositoryFile(name) }).recipe.declarations);
    const covered = read.flatMap(({ kind, name, instance }) => {
      const address = `${kind}.${name?.text ?? ""}`;
      const isBuilt = built.some((node) => node === address || node.startsWith(`${address}[`));
      return isBuilt && instance?.callee.type === "name" ? [instance.callee.name] : [];
    });
    // agnhost's program is one, which its Dockerfile takes in, and that is not read here.
    covered.push("test_program");
    const templates = read.flatMap(({ kind, name }) =>
      kind === "template" && name !== undefined ? [name.text] : [],
    );
    expect(templates.filter((name) => !covered.includes(name)).sort()).toEqual([
      "calico_program",
      "upstream_archive",
      "upstream_image",
    ]);
  });

  it("import every recipe", () => {
    const graphs = [RECIPES, BUILDER, CURRENT].map((root) => graphOf(root));
    const read = graphs.flatMap(({ recipes: paths }) =>
      paths.map((path) => path.slice(REPOSITORY.length)),
    );
    expect([...new Set(read)].sort()).toEqual(
      recipes.filter((path) => path.startsWith("recipes/")),
    );
  });

  it("share what they can: nothing from outside is declared twice", () => {
    const origins = [...graphOf(RECIPES).nodes].flatMap(([address, { definition }]) =>
      definition.kind === "source" && /^source\.[^/]+$/.test(address)
        ? [JSON.stringify(definition.origin)]
        : [],
    );
    expect(origins.length).toBeGreaterThan(5);
    expect(new Set(origins).size).toBe(origins.length);
  });
});

describe("patches", () => {
  const patchFiles = files.filter((path) => path.endsWith(".patch"));
  // Some are for one target alone.
  const graphs = [...projects.map((root) => graphOf(root)), graphOf(RECIPES, ["riscv64"])];
  const named = graphs.flatMap((graph) =>
    patchesOf(graph).flatMap(({ series, retired }) => [...series, ...retired]),
  );

  it("are all named by a recipe", () => {
    const paths = new Set(named.map(({ path }) => path.slice(REPOSITORY.length)));
    expect(patchFiles.filter((path) => !paths.has(path))).toEqual([]);
  });

  it.each(patchFiles)("%s says first what it changes, and is numbered", (path) => {
    const [subject = "", blank] = readRepositoryFile(path).split("\n");
    expect(subject).toMatch(/^[A-Z].{10,70}$/);
    expect(blank).toBe("");
    expect(basename(path)).toMatch(/^\d{4}-[a-z0-9.-]+\.patch$/);
    expect(basename(dirname(path))).toBe("patches");
  });
});

describe("recipes and examples", () => {
  it.each(files)(
    "%s names no host but this machine, outside of what it expects, cites or has from its author",
    (path) => {
      const lines = readRepositoryFile(path)
        .split("\n")
        .filter((line) => !/^\s*(expect|upstream|archive|git|url)\s*=/.test(line));
      const hosts = lines.flatMap((line) =>
        [...line.matchAll(/[a-z]+:\/\/([^\s/:"\\]+)/g)].map(([, host]) => host),
      );
      expect(hosts.filter((host) => host !== "127.0.0.1")).toEqual([]);
      expect(
        lines.filter((line) =>
          /\b(registry|proxy|mirrors?|cr)\.(?!kmips\b)[a-z]+[.a-z]*/.test(line),
        ),
      ).toEqual([]);
    },
  );
});
