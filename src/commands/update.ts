/** `kmips update`: writes into kmips.lock what the last build fetched. The only writer of a lock. */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { escapeModule } from "../execute/index.js";
import { goToolchainVersion } from "../keys/index.js";
import type { Address, NodeDefinition } from "../model/node.js";
import { formatLock, parseLock } from "../plan/lock-file.js";
import { recordOf } from "./build.js";
import { LOCK_NAME, type Workspace } from "./workspace.js";

export interface UpdateReport {
  /** Facts that are new or have another value now, as lines of the lock. */
  readonly changed: readonly string[];
  /** Nodes of the selection that are not built, so nothing is known of what they fetch. */
  readonly unbuilt: readonly Address[];
}

/** Records the module sums of the selected nodes' last builds in the project's lock. */
export function updateLock(workspace: Workspace, selection: readonly Address[]): UpdateReport {
  const path = join(workspace.environment.root, LOCK_NAME);
  const { lock } = parseLock(workspace.environment.reader.readText(path) ?? "");
  const facts = new Map(lock.facts);
  const changed: string[] = [];
  const unbuilt: Address[] = [];
  const add = (name: string, sum: string): void => {
    const fact = `gomod ${name}`;
    if (facts.get(fact) === sum) return;
    facts.set(fact, sum);
    changed.push(`${fact} ${sum}`);
  };
  for (const address of selection) {
    const definition = workspace.graph.nodes.get(address)?.definition;
    const record = recordOf(workspace, address);
    if (definition === undefined || definition.kind === "group") continue;
    if (record === undefined) {
      unbuilt.push(address);
      continue;
    }
    const read = (name: string): string | undefined => {
      const output = record.outputs.find((candidate) => candidate.name === name);
      return output === undefined ? undefined : workspace.store.readBytes(output.digest).toString();
    };
    const module = fetchedModule(definition, workspace.tools.hostArch);
    if (module !== undefined) {
      const sum = fetchedSum(workspace, module.path, module.version);
      if (sum === undefined) unbuilt.push(address);
      else add(`${module.path} ${module.version}`, sum);
    } else if (definition.kind === "modules") {
      for (const line of (read("go.sum") ?? "").split("\n")) {
        const [module, version, sum] = line.split(" ");
        if (module !== undefined && version !== undefined && sum !== undefined)
          add(`${module} ${version}`, sum);
      }
    }
  }
  if (changed.length > 0) {
    const temporary = `${path}.new`;
    writeFileSync(temporary, formatLock({ facts }));
    renameSync(temporary, path);
  }
  return { changed, unbuilt };
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
