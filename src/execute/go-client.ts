/**
 * The host's go as a client of module proxies.
 *
 * The machine's own configuration decides where modules come from and how they are verified
 * (GOPROXY, GOSUMDB, credentials); kmips only pins where they go and that nothing else of that
 * configuration reaches a build.
 */
import { mkdirSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { NodeFailure } from "../model/failure.js";
import type { ActionContext } from "./context.js";
import { hashModuleDirectory } from "./module-hash.js";
import { commandFailure, runClient } from "./run-tool.js";

/** What `go mod download -json` says of one module. */
interface DownloadedModule {
  readonly Dir: string;
  readonly Sum: string;
}

/** Overrides of the user's environment for go as a network client. */
export function goClientEnvironment(ctx: ActionContext): Record<string, string> {
  return {
    GOMODCACHE: ctx.store.paths.goModules,
    GOFLAGS: "",
    GOTOOLCHAIN: "local",
    GOWORK: "off",
    GO111MODULE: "on",
    GOTELEMETRY: "off",
    // What the proxy refuses is not sought in version control, unless the user says otherwise.
    GOVCS: ctx.environment["GOVCS"] ?? "*:off",
    // Everything in the store's module cache was verified when it came.
    ...(ctx.offline ? { GOPROXY: "off", GOSUMDB: "off" } : {}),
  };
}

/**
 * Makes sure a module lies extracted and intact in the store's module cache.
 *
 * @returns its directory and its `h1:` hash
 * @throws NodeFailure `network` when it is not served, `checksum` when it is not `expected`
 */
export async function downloadModule(
  ctx: ActionContext,
  path: string,
  version: string,
  expected: string | undefined,
): Promise<{ readonly directory: string; readonly sum: string; readonly elapsedMs: number }> {
  const what = `module ${path} ${version}`;
  mkdirSync(ctx.store.paths.goModules, { recursive: true });
  const result = await runClient(
    ctx,
    {
      argv: ["go", "mod", "download", "-json", "--", `${path}@${version}`],
      // Outside of any module: a go.mod above the working directory must not take part.
      cwd: ctx.temporaryDirectory(),
      env: { ...goClientEnvironment(ctx), ...(ctx.offline ? offlineProxy(ctx) : {}) },
    },
    { what: `fetching ${what}`, quiet: true },
  );
  ctx.log(result.stderr);
  const answer = parseAnswer(result.stdout);
  if (result.code !== 0 || answer?.Dir === undefined || answer.Sum === undefined) {
    throw (
      downloadFailure(what, answer?.Error ?? result.stderr, ctx.offline) ??
      commandFailure(`go mod download (${what})`, result)
    );
  }
  const sum = answer.Sum;
  for (const wanted of [expected, ctx.lock.lockedSum(path, version)]) {
    if (wanted !== undefined && wanted !== sum) {
      throw new NodeFailure(
        { type: "checksum", what, expected: wanted, actual: sum },
        "If the module was meant to change, correct the recipe's sum or run `kmips update`",
      );
    }
  }
  // The go tool trusts directories that it extracted once; a power cut or a stray hand may have
  // changed them since.
  const actual = hashModuleDirectory(answer.Dir, path, version);
  if (actual !== sum) {
    throw new NodeFailure(
      { type: "checksum", what: `${what} in ${answer.Dir}`, expected: sum, actual },
      `Remove "${answer.Dir}", then build again: it was changed after it was fetched`,
    );
  }
  return { directory: answer.Dir, sum, elapsedMs: result.elapsedMs };
}

/**
 * The store's module cache as a proxy: with GOPROXY=off the client refuses a Go toolchain even when
 * all of it is in its cache.
 */
function offlineProxy(ctx: ActionContext): Record<string, string> {
  return { GOPROXY: pathToFileURL(`${ctx.store.paths.goModules}/cache/download`).href };
}

/** A failure in the words of the proxy, or undefined when the output says nothing of a fetch. */
export function downloadFailure(
  what: string,
  said: string,
  offline: boolean,
): NodeFailure | undefined {
  const text = said.trim();
  const mismatch =
    /checksum mismatch[\s\S]*?downloaded:\s+(h1:\S+)[\s\S]*?(?:go\.sum|sum\.[^:]*|[\w.]+):\s+(h1:\S+)/.exec(
      text,
    );
  if (mismatch?.[1] !== undefined && mismatch[2] !== undefined) {
    return new NodeFailure({ type: "checksum", what, expected: mismatch[2], actual: mismatch[1] });
  }
  if (offline && /GOPROXY=off|reading file:.*no such file/.test(text)) {
    return new NodeFailure(
      {
        type: "network",
        what,
        excerpt: "not in the store, and nothing may be fetched (--offline)",
      },
      "Build once without --offline",
    );
  }
  if (/not available|40[34]|410 Gone|unknown revision/.test(text)) {
    return new NodeFailure(
      { type: "network", what: `${what}: not served`, excerpt: text },
      "Take the nearest version that is served, and say so in the recipe",
    );
  }
  if (
    /dial tcp|no such host|i\/o timeout|connection refused|x509:|TLS|proxyconnect|unexpected EOF|50\d |module lookup disabled/.test(
      text,
    )
  ) {
    return new NodeFailure({ type: "network", what, excerpt: text });
  }
  if (/invalid version|malformed module path|disallowed version string/.test(text)) {
    return new NodeFailure({
      type: "command",
      what: `go mod download (${what})`,
      exit: "exit 1",
      excerpt: text,
    });
  }
  return undefined;
}

function parseAnswer(
  text: string,
): (Partial<DownloadedModule> & { readonly Error?: string }) | undefined {
  try {
    return JSON.parse(text) as Partial<DownloadedModule> & { Error?: string };
  } catch {
    return undefined;
  }
}

/** The rows of a go.sum. */
export function parseGoSum(
  text: string,
): readonly (readonly [path: string, version: string, hash: string])[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [path = "", version = "", hash = ""] = line.split(" ");
      return [path, version, hash] as const;
    });
}
