/**
 * The start-up program: answers `--version` and a build with nothing to do, and hands everything
 * else to the full program. Each part is loaded when it is needed, because loading is most of what
 * a start costs.
 */
import type * as Full from "./full.js";
import type * as NoOp from "./no-op.js";
import { BROKEN_PIPE, print } from "./print.js";

/** Set by esbuild.config.mjs. */
declare const __KMIPS_VERSION__: string;
/** CommonJS's own: `import()` would wait a turn. The full program stays outside this bundle. */
declare function require(path: "./no-op.js"): typeof NoOp;
declare function require(path: "./kmips.cjs"): typeof Full;

/** Exit code for bugs of kmips. */
const INTERNAL = 70;

const argv = process.argv.slice(2);
if (argv.length === 1 && argv[0] === "--version") print(1, `${__KMIPS_VERSION__}\n`);
else if (!argv.includes("build") || !require("./no-op.js").answerFromPlan(argv)) runFullProgram();

function runFullProgram(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(BROKEN_PIPE);
      throw error;
    });
  }
  require("./kmips.cjs")
    .main(process.argv)
    .then((code) => {
      process.exitCode = code;
    })
    .catch((error: unknown) => {
      // The full program explains every error itself; what escapes it is a bug of kmips.
      print(2, `bug in kmips: ${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(INTERNAL);
    });
}
