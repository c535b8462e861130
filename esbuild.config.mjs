/**
 * Builds what ships into dist/: the start-up program, the full program and the shell shim.
 *
 * The same sources give the same bytes: no time, no path of this machine, no environment. The build
 * id, a digest of all sources and of the installed dependencies' versions, names the build in plan
 * files.
 */
import { build } from "esbuild";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/**
 * Reads no other file and starts one program. `readlink` runs only when the shim was called by a
 * link, as from node_modules/.bin. Node reads NODE_EXTRA_CA_CERTS at every start, which takes
 * longer than a whole no-op build; kmips reads the variable's other name when it opens a connection.
 */
const SHIM = `#!/bin/sh
if [ -n "\${NODE_EXTRA_CA_CERTS+set}" ]; then
  export KMIPS_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"
  unset NODE_EXTRA_CA_CERTS
fi
self=$0
case $self in */*) ;; *) self=./$self ;; esac
while [ -h "$self" ]; do
  link=$(readlink "$self")
  case $link in
    /*) self=$link ;;
    *) self=\${self%/*}/$link ;;
  esac
done
exec node "\${self%/*}/main.cjs" "$@"
`;

/** Digest of every file that decides what the bundles do. */
function sourcesId() {
  const digest = createHash("sha256");
  const visit = (path) => {
    const absolute = join(root, path);
    if (!existsSync(absolute)) return;
    const entries = readdirSync(absolute, { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const inner = `${path}/${entry.name}`;
      if (entry.isDirectory()) visit(inner);
      else if (entry.name.endsWith(".ts"))
        digest.update(`${inner}\0`).update(readFileSync(join(root, inner)));
    }
  };
  for (const folder of ["cache", "grammar", "src"]) visit(folder);
  for (const file of ["esbuild.config.mjs", "package.json", "package-lock.json"]) {
    digest.update(`${file}\0`).update(readFileSync(join(root, file)));
  }
  return digest.digest("hex");
}

const outputs = [
  { entry: "src/cli/main.ts", file: "main.cjs" },
  { entry: "src/cli/full.ts", file: "kmips.cjs" },
  { entry: "src/execute/test-driver.ts", file: "test-driver.cjs" },
];

mkdirSync(join(root, "dist"), { recursive: true });
writeFileSync(join(root, "dist/kmips"), SHIM);
chmodSync(join(root, "dist/kmips"), 0o755);
const define = {
  __KMIPS_VERSION__: JSON.stringify(version),
  __KMIPS_BUILD_ID__: JSON.stringify(sourcesId()),
};
for (const { entry, file } of outputs) {
  if (!existsSync(join(root, entry))) continue;
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: join("dist", file),
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "cjs",
    external: ["./kmips.cjs"],
    // A third smaller. Nothing may depend on the names of functions and classes: errors name themselves.
    minify: true,
    legalComments: "none",
    define,
    logLevel: "warning",
  });
}
