/** The facts that kmips.lock holds of Go modules: what the nodes of the last build fetched. */
import { join } from "node:path";
import type { ActionRecord } from "../../cache/index.js";
import { escapeModule } from "../execute/index.js";
import { goToolchainVersion } from "../keys/index.js";
import type { NodeDefinition } from "../model/node.js";
import type { Workspace } from "./workspace.js";

/**
 * `gomod PATH VERSION` → `h1:` hash of every module behind a node's record; undefined when the
 * store does not say. Other nodes have none.
 */
export function goFacts(
  workspace: Workspace,
  definition: NodeDefinition,
  record: ActionRecord,
): ReadonlyMap<string, string> | undefined {
  const module = fetchedModule(definition, workspace.tools.hostArch);
  if (module !== undefined) {
    const sum = fetchedSum(workspace, module.path, module.version);
    return sum === undefined
      ? undefined
      : new Map([[`gomod ${module.path} ${module.version}`, sum]]);
  }
  const facts = new Map<string, string>();
  if (definition.kind !== "modules") return facts;
  const sums = record.outputs.find(({ name }) => name === "go.sum");
  const text = sums === undefined ? "" : workspace.store.readBytes(sums.digest).toString();
  for (const line of text.split("\n")) {
    const [path, version, sum] = line.split(" ");
    if (path !== undefined && version !== undefined && sum !== undefined)
      facts.set(`gomod ${path} ${version}`, sum);
  }
  return facts;
}

/** The `h1:` hash that the go client verified when it fetched the module into the store's module cache. */
function fetchedSum(
  { environment, store }: Workspace,
  path: string,
  version: string,
): string | undefined {
  const name = join(
    "cache",
    "download",
    escapeModule(path),
    "@v",
    `${escapeModule(version)}.ziphash`,
  );
  return environment.reader.readText(join(store.paths.goModules, name))?.trim();
}

/** The Go module behind a source or a Go toolchain. */
function fetchedModule(
  definition: NodeDefinition,
  hostArch: string,
): { path: string; version: string } | undefined {
  if (definition.kind === "source" && definition.origin.type === "go-module")
    return definition.origin;
  if (definition.kind !== "toolchain" || definition.type !== "go") return undefined;
  return {
    path: "golang.org/toolchain",
    version: goToolchainVersion(definition.version, hostArch),
  };
}
