import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GraphNode, NodeDefinition } from "../../src/model/node.js";
import { analyzeDockerfile } from "./support/dockerfile.js";
import { definitionOf, print } from "./support/project.js";

type Nodes = ReadonlyMap<string, GraphNode>;

/** The nodes of a project whose image `i` is built from this Dockerfile. */
function nodesOf(text: string | undefined, body = ""): Nodes {
  const { graph, diagnostics } = analyzeDockerfile(text, body);
  expect(diagnostics.map(print)).toEqual([]);
  return graph!.nodes;
}

/** The addresses of the image's own nodes, as the graph has them. */
const own = (nodes: Nodes): string[] =>
  [...nodes.keys()]
    .filter((address) => address.startsWith("image.i"))
    .map((address) => address.slice(7));

const RULES = 'rewrite { from = { "alpine" = base.debian }, apk = packages.alpine }';

describe("an image with a Dockerfile", () => {
  it("awaits it until its text is known", () => {
    const { graph, unknown } = analyzeDockerfile(undefined, `${RULES}\nfiles { "a" -> text("") }`);
    expect(unknown).toEqual(["image.i/dockerfile"]);
    const nodes = graph!.nodes;
    expect(own(nodes).sort()).toEqual(["", "/dockerfile"]);
    expect(definitionOf(nodes, "image.i/dockerfile", "dockerfile")).toEqual({
      kind: "dockerfile",
      source: "source.s",
      path: "i/Dockerfile",
    });
    expect(definitionOf(nodes, "image.i", "image")).toMatchObject({ awaits: "image.i/dockerfile" });
    expect(nodes.get("image.i")?.dependencies).toEqual(["image.i/dockerfile"]);
  });

  it("has a node for each instruction that puts something in place, with its text", () => {
    const nodes = nodesOf(
      [
        "FROM alpine",
        "RUN apk --update add bind-tools curl && rm -rf /var/cache/apk/* && ln -s /a /b && ls /b",
        "EXPOSE 8080",
        "WORKDIR /w",
        "ADD porter/x.crt x.crt",
        "ADD prog prog",
        "RUN ln -s prog prog-2",
        'ENTRYPOINT ["/prog"]',
        'CMD ["pause"]',
        "",
      ].join("\n"),
      `${RULES}
  files { "prog" -> component.c.prog, "/etc/x" -> text("x") }`,
    );
    expect(own(nodes)).toEqual([
      "/2:packages",
      "/2:install",
      "/2:run",
      "/4:workdir",
      "/5:add",
      "/6:add",
      "/7:run",
      "/config",
      "",
      "/dockerfile",
    ]);
    expect(nodes.get("image.i/6:add")?.doc).toBe("ADD prog prog");
    expect(definitionOf(nodes, "image.i/2:packages", "packages")).toMatchObject({
      index: "base.debian/index",
      on: "base.debian",
      names: ["bind9-dnsutils", "curl"],
      recommends: false,
    });
    expect(definitionOf(nodes, "image.i/2:install", "install")).toMatchObject({
      base: "base.debian",
      scripts: "split",
    });
    expect(definitionOf(nodes, "image.i/2:run", "run")).toMatchObject({
      base: "image.i/2:install",
      argv: ["/bin/sh", "-c", "ln -s /a /b && ls /b"],
      network: false,
    });
    expect(definitionOf(nodes, "image.i/4:workdir", "image").directories).toEqual([
      { path: "/w", keep: true, mode: 0o755, uid: 0, gid: 0 },
    ]);
    expect(definitionOf(nodes, "image.i/5:add", "image").files).toEqual([
      {
        path: "/w/x.crt",
        content: {
          type: "copy",
          from: "tree",
          node: "source.s",
          root: "i",
          pattern: "porter/x.crt",
        },
        uid: 0,
        gid: 0,
      },
    ]);
    expect(definitionOf(nodes, "image.i/6:add", "image").files).toEqual([
      {
        path: "/w/prog",
        nameInDirectory: "prog",
        content: { type: "output", node: "component.c", output: "prog" },
        uid: 0,
        gid: 0,
      },
    ]);
    expect(definitionOf(nodes, "image.i/7:run", "run")).toMatchObject({ workdir: "/w" });
    expect(definitionOf(nodes, "image.i", "image")).toMatchObject({
      base: "image.i/config",
      files: [{ path: "/etc/x" }],
      config: { entrypoint: ["/prog"], cmd: ["pause"], ports: ["8080/tcp"], workdir: "/w" },
      reference: "i:latest",
    });
  });

  it("lets the recipe's entrypoint go before the Dockerfile's, which drops its cmd", () => {
    const text = 'FROM scratch\nENTRYPOINT ["/a"]\nCMD ["b"]\nENV A=1\n';
    const config = (body: string): unknown =>
      definitionOf(nodesOf(text, body), "image.i", "image").config;
    expect(config('cmd = ["c"]')).toMatchObject({ entrypoint: ["/a"], cmd: ["c"] });
    expect(config('entrypoint = ["/d"], env = { B = "2" }')).toMatchObject({
      entrypoint: ["/d"],
      cmd: [],
      env: { A: "1", B: "2" },
    });
  });

  it("takes arguments, and expands variables with the base's environment", () => {
    const nodes = nodesOf(
      "ARG BASE\nFROM $BASE\nARG V=1\nENV PATH=/go:$PATH V2=$V\nUSER 7\nRUN x\n",
      'args = { BASE = "alpine", V = "2" }\nrewrite { from = { "al*" = base.debian }, network = on }',
    );
    expect(definitionOf(nodes, "image.i/6:run", "run")).toMatchObject({
      env: { V: "2", PATH: "/go:/base/bin", V2: "2" },
      user: "7",
      network: true,
    });
  });

  it("drops instructions and single commands of a RUN", () => {
    const nodes = nodesOf(
      "FROM alpine\nCROSS_BUILD_COPY a b\nRUN apk add curl && apk del curl && x\nRUN y\n",
      'rewrite { from = { "alpine" = base.debian }, apk = packages.alpine, drop = [re"^CROSS", re"^apk del", re"^RUN y$"] }',
    );
    expect(own(nodes).filter((address) => address.endsWith(":run"))).toEqual(["/3:run"]);
    expect(definitionOf(nodes, "image.i/3:run", "run").argv[2]).toBe("x");
  });

  it("keeps apt's wish for recommended packages unless the image says otherwise", () => {
    const rules = 'rewrite { from = { "alpine" = base.debian }, apt = packages.debian }';
    const recommends = (line: string, body = ""): boolean =>
      definitionOf(
        nodesOf(`FROM alpine\nRUN ${line}\n`, `${rules}\n${body}`),
        "image.i/2:packages",
        "packages",
      ).recommends;
    expect(recommends("apt-get install -y curl")).toBe(true);
    expect(recommends("apt-get install -y --no-install-recommends curl")).toBe(false);
    expect(recommends("apt-get install -y curl", "recommends = false, scripts = emulated")).toBe(
      false,
    );
  });

  it("tells every fault that does not follow from another", () => {
    const { diagnostics } = analyzeDockerfile(
      "FROM alpine\nCROSS a\nRUN apk add curl && x\nADD https://example.org/x /x\nRUN yum install y\n",
    );
    expect(diagnostics.map(({ code }) => code)).toEqual([
      "KM0361",
      "KM0364",
      "KM0362",
      "KM0363",
      "KM0362",
    ]);
  });

  it("says what has no effect", () => {
    const { notes } = analyzeDockerfile("# syntax=x\nFROM scratch\nHEALTHCHECK CMD y\n");
    expect(notes.map(({ message }) => message).join("\n")).toMatch(
      /# syntax=x" is ignored[^]*line 3: HEALTHCHECK has no effect/,
    );
  });

  it("may be what another image's Dockerfile, installs and runs stand on", () => {
    const body =
      'rewrite { from = { "x" = image.below } }\ninstall = ["curl"]\n}\nimage below { from = base.debian';
    const nodes = nodesOf("FROM x\nCOPY a /a\n", body);
    expect(definitionOf(nodes, "image.i/2:copy", "image").base).toBe("image.below");
    expect(definitionOf(nodes, "image.i/install", "install").base).toBe("image.i/2:copy");
    const chain = analyzeDockerfile(undefined, '}\nimage j { from = image.i, install = ["curl"]');
    expect(definitionOf(chain.graph!.nodes, "image.j", "image").awaits).toBe("image.i/dockerfile");
  });
});

describe("any Dockerfile", () => {
  const line = fc.constantFrom(
    "FROM alpine",
    "FROM alpine AS a",
    "FROM a AS b",
    "FROM golang",
    "FROM scratch",
    "ARG A=b",
    "RUN apk add curl && x",
    "RUN apk add musl-dev",
    "RUN a || b",
    "RUN <<E\nx\nE",
    "COPY --from=a /x /y",
    "COPY --from=0 prog /",
    "COPY a b /",
    "ADD a.tar https://example.org/x /d/",
    "WORKDIR ${A:-/w}",
    "USER 1",
    "ENV A",
    "CMD x",
    "ENTRYPOINT []",
    "ONBUILD x",
    "NONE x",
  );

  it("makes a graph or faults with a place, and never throws", () => {
    const body =
      'rewrite { from = { "alpine" = base.debian }, apk = packages.alpine, build = { "b" = component.c } }\nfiles { "a" -> text("") }';
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const text = lines.join("\n");
        const { graph, diagnostics } = analyzeDockerfile(text, body);
        expect(graph === undefined).toBe(diagnostics.length > 0);
        for (const { at } of diagnostics)
          expect(at.span.end).toBeLessThanOrEqual(at.file.text.length);
        for (const { dependencies } of graph?.nodes.values() ?? [])
          for (const address of dependencies) expect(graph?.nodes.has(address)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe("stages", () => {
  const TEXT = `FROM golang:1 AS builder
RUN make
FROM alpine AS lib
COPY lib /lib
FROM lib AS unused
RUN never
FROM lib
COPY --from=builder /go/bin/prog /usr/bin/
COPY --from=lib /lib/*.so /x/
COPY --from=busybox /bin/sh /bin/sh
`;
  const rules = `rewrite {
    from  = { "alpine" = base.debian, "busybox" = base.debian }
    build = { "builder" = component.c }
  }`;

  it("are lowered only where the wanted one needs them", () => {
    const nodes = nodesOf(TEXT, rules);
    expect(own(nodes)).toEqual(["/4:copy", "/8:copy", "/9:copy", "/10:copy", "", "/dockerfile"]);
    expect(definitionOf(nodes, "image.i/8:copy", "image")).toMatchObject({
      base: "image.i/4:copy",
      files: [
        {
          path: "/usr/bin/",
          nameInDirectory: "prog",
          content: { type: "output", node: "component.c", output: "prog" },
        },
      ],
    });
    expect(definitionOf(nodes, "image.i/9:copy", "image").files).toMatchObject([
      { path: "/x/", content: { from: "image", node: "image.i/4:copy", pattern: "lib/*.so" } },
    ]);
    expect(nodes.get("image.i/9:copy")?.dependencies).toEqual(["image.i/4:copy", "image.i/8:copy"]);
    expect(definitionOf(nodes, "image.i/10:copy", "image").files).toMatchObject([
      { path: "/bin/sh", content: { from: "image", node: "base.debian" } },
    ]);
  });

  it("can be chosen by name and number", () => {
    const body = (stage: string): string =>
      `stage = "${stage}"\nrewrite { from = { "alpine" = base.debian } }`;
    for (const stage of ["LIB", "1"])
      expect(own(nodesOf(TEXT, body(stage)))).toEqual(["/4:copy", "", "/dockerfile"]);
  });
});

describe("COPY and ADD", () => {
  /** The files of the only COPY or ADD, and the sources that were made for it. */
  function filesOf(line: string, body = ""): readonly unknown[] {
    const definitions = [...nodesOf(`FROM scratch\n${line}\n`, body)].map(
      ([address, { definition }]): [string, NodeDefinition] => [address, definition],
    );
    return definitions.flatMap(([address, definition]) =>
      /2:(copy|add)$/.test(address) && definition.kind === "image" ? definition.files : [],
    );
  }
  const tree = (pattern: string, more: object = {}): object => ({
    content: { type: "copy", from: "tree", node: "source.s", root: "i", pattern, ...more },
  });

  it("take files, directories and patterns of the context", () => {
    expect(filesOf("COPY ./a b* /x/")).toMatchObject([
      { path: "/x/", ...tree("a") },
      { path: "/x/", ...tree("b*") },
    ]);
    expect(filesOf("COPY . /x")).toMatchObject([{ path: "/x", ...tree("") }]);
    expect(filesOf("COPY ../../a /x")).toMatchObject([{ ...tree("a") }]);
    expect(filesOf("COPY --chown=1:2 --chmod=600 a /x")).toMatchObject([
      { uid: 1, gid: 2, mode: 0o600 },
    ]);
    expect(filesOf("COPY --chown=5 a /x")).toMatchObject([{ uid: 5, gid: 5 }]);
  });

  it("take another context", () => {
    expect(filesOf("COPY a /x", "context = source.d")).toMatchObject([
      { content: { node: "source.d", root: "", pattern: "a" } },
    ]);
    expect(filesOf("COPY a /x", 'context = source.d / "b/c"')).toMatchObject([
      { content: { node: "source.d", root: "b/c" } },
    ]);
  });

  it("take the rows that lie over the context, which go before it", () => {
    const files = (rows: string): string => `files { ${rows} }`;
    expect(filesOf("COPY a /x", files('"a" -> file(text("t"), mode = 0o600, uid = 3)'))).toEqual([
      {
        path: "/x",
        nameInDirectory: "a",
        content: { type: "text", text: "t" },
        mode: 0o600,
        uid: 3,
        gid: 0,
      },
    ]);
    expect(filesOf("COPY d /x", files('"d/e/a" -> text("t")'))).toMatchObject([
      { path: "/x", ...tree("d", { optional: true }) },
      { path: "/x/e/a", content: { type: "text" } },
    ]);
    expect(filesOf("COPY d/* /x/", files('"d/a" -> text("t")'))).toMatchObject([
      { path: "/x/", ...tree("d/*", { optional: true }) },
      { path: "/x/", nameInDirectory: "a" },
    ]);
    expect(filesOf("COPY a /x", files('"a" -> file(tree(source.d, "g"), mode = 0o755)'))).toEqual([
      {
        path: "/x",
        nameInDirectory: "a",
        content: { type: "tree", node: "source.d", path: "g" },
        mode: 0o755,
        uid: 0,
        gid: 0,
      },
    ]);
    expect(filesOf("COPY d/f /x", files('"d" -> tree(source.d, "g")'))).toMatchObject([
      {
        path: "/x",
        nameInDirectory: "f",
        content: { type: "tree", node: "source.d", path: "g/f" },
      },
    ]);
  });

  it("have inline files", () => {
    expect(filesOf("COPY <<a /x/\nhello\na")).toMatchObject([
      { path: "/x/", nameInDirectory: "a", content: { type: "text", text: "hello\n" } },
    ]);
  });

  it("unpack archives of the context, but not what stands for a URL", () => {
    const nodes = nodesOf("FROM scratch\nADD a/b.tar.gz /x\n");
    expect(definitionOf(nodes, "image.i/2:archive:a-b.tar.gz", "source").origin).toEqual({
      type: "member",
      node: "source.s",
      path: "i/a/b.tar.gz",
    });
    expect(definitionOf(nodes, "image.i/2:add", "image").files).toMatchObject([
      { path: "/x", content: { type: "tree", node: "image.i/2:archive:a-b.tar.gz", path: "" } },
    ]);
    expect(
      filesOf(
        "ADD https://example.org/c/coredns_BASEARCH.tgz?x /",
        'rewrite { fetch = { "https://example.org/*.tgz*" = component.c.prog } }',
      ),
    ).toMatchObject([
      { path: "/", nameInDirectory: "coredns_BASEARCH.tgz", content: { output: "prog" } },
    ]);
  });
});
