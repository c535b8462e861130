/** The layers of the code, lowest first; folders of one layer never import each other. */
const LAYERS = [
  ["grammar", "cache"],
  ["src/model"],
  ["src/cluster", "src/debian", "src/dockerfile", "src/golang", "src/kubernetes"],
  ["src/analyze", "src/keys", "src/image", "src/host"],
  ["src/plan"],
  ["src/execute", "src/report"],
  ["src/commands"],
  ["src/cli"],
];

const upward = LAYERS.flatMap((layer, rank) =>
  layer.map((folder) => ({
    name: `layer-${folder}`,
    severity: "error",
    from: { path: `^${folder}(/|$)` },
    to: {
      path: LAYERS.slice(rank)
        .flat()
        .filter((other) => other !== folder)
        .map((other) => `^${other}(/|$)`),
    },
  })),
);

/** `target` may only be imported by files that match `owner`. */
const only = (name, target, owner) => ({
  name,
  severity: "error",
  from: { path: "^(src|grammar|cache)/", pathNot: owner },
  to: { path: target },
});

module.exports = {
  forbidden: [
    ...upward.filter((rule) => rule.to.path.length > 0),
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-orphans",
      severity: "error",
      from: {
        orphan: true,
        path: "^(src|grammar|cache)/",
        pathNot: "^src/(cli/main|execute/test-driver)\\.ts$",
      },
      to: {},
    },
    {
      name: "no-tests-in-product",
      severity: "error",
      from: { path: "^(src|grammar|cache)/" },
      to: { path: "^test/|node_modules/(vitest|fast-check)" },
    },
    only("chevrotain-in-grammar", "node_modules/chevrotain", "^grammar/"),
    only("chalk-in-report", "node_modules/chalk", "^src/report/"),
    only("p-queue-in-scheduler", "node_modules/p-queue", "^src/execute/scheduler\\.ts$"),
    only("tar-stream-in-cache", "node_modules/tar-stream", "^cache/"),
    only("xxhash-in-file-index", "node_modules/xxhash-wasm", "^cache/"),
    only("commander-in-cli", "node_modules/commander", "^src/cli/"),
    only(
      "processes-in-one-file",
      "^(node:)?child_process$",
      "^src/(host/process|execute/driver/programs)\\.ts$",
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "default"],
    },
  },
};
