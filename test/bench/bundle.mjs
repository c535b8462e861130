/** TypeScript of this repository for the benchmark, which plain Node runs. */
import { build } from "esbuild";
import { createRequire } from "node:module";
import { join } from "node:path";

/** Bundles a module given as text, with paths from `root`, into `directory` and loads it. */
export async function loadBundle(root, directory, name, contents) {
  const outfile = join(directory, `${name}.cjs`);
  await build({
    stdin: { contents, resolveDir: root, loader: "ts" },
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    logLevel: "error",
  });
  return createRequire(import.meta.url)(outfile);
}
