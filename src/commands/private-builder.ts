/**
 * The private builder as a project of its own: `recipes/builder`, built into the store by
 * `kmips setup` like any other, and so kept, verified and collected like any other.
 */
import { join } from "node:path";
import { Builders, type BuilderPrograms } from "../execute/index.js";
import { History } from "../plan/history.js";
import { PROJECT_FILE, projectDirectory, projectRoot } from "../plan/locations.js";
import type { Address } from "../model/node.js";
import type { Environment, Workspace } from "./workspace.js";

const PROGRAMS = ["buildkitd", "buildx"] as const;

/** The environment of a command, for the project of the private builder. */
export function builderEnvironment(environment: Environment): Environment {
  const directory = join(environment.shipped, "builder");
  const root = projectRoot(directory) ?? directory;
  return { ...environment, root, entry: [join(root, PROJECT_FILE)] };
}

/** The nodes that make the private builder of this machine. */
export function builderNodes(hostArch: string): Address[] {
  return PROGRAMS.map((name) => `component.${name}[${hostArch}]`);
}

/** The programs that the last setup built; undefined when there are none, or not any more. */
export function builderPrograms({
  environment,
  store,
  tools,
}: Pick<Workspace, "environment" | "store" | "tools">): BuilderPrograms | undefined {
  const { storePath, root } = builderEnvironment(environment);
  const history = History.open(join(projectDirectory(storePath, root), "history"));
  const [buildkitd, buildx] = builderNodes(tools.hostArch).map((address, at) => {
    const key = history.lastBuilt(address);
    const record = key === undefined ? undefined : store.getAction(key);
    return record?.outputs.find((output) => output.name === PROGRAMS[at])?.digest;
  });
  return buildkitd === undefined || buildx === undefined ? undefined : { buildkitd, buildx };
}

/** The builders of one build; `named` is `--builder`. Close them at its end. */
export function openBuilders(workspace: Workspace, named: string | undefined): Builders {
  const { environment, store, tools } = workspace;
  return new Builders({
    store,
    tools,
    processes: environment.processes,
    environment: environment.variables,
    ...(named === undefined ? {} : { named }),
    programs: () => builderPrograms(workspace),
  });
}
