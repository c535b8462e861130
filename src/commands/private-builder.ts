/**
 * The private builder as a project of its own: `recipes/builder`, built into the store by
 * `kmips setup` like any other, and so kept, verified and collected like any other.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Digest, Store } from "../../cache/index.js";
import { Builders, type BuilderPrograms } from "../execute/index.js";
import { History } from "../plan/history.js";
import { historyPath, PROJECT_FILE, projectDirectory, projectRoot } from "../plan/locations.js";
import type { Address } from "../model/node.js";
import { NO_OVERRIDES } from "../model/overrides.js";
import { openStoreOf, type Environment, type Workspace } from "./workspace.js";

const PROGRAMS = ["buildkitd", "buildx"] as const;

/** The environment of a command, for the project of the private builder. */
export function builderEnvironment(environment: Environment): Environment {
  const directory = join(environment.shipped, "builder");
  const root = projectRoot(directory) ?? directory;
  return { ...environment, root, entry: [join(root, PROJECT_FILE)], overrides: NO_OVERRIDES };
}

/** The nodes that make the private builder of this machine. */
export function builderNodes(hostArch: string): Address[] {
  return PROGRAMS.map((name) => `component.${name}[${hostArch}]`);
}

/**
 * The programs that the last setup built, as blobs of the store; undefined when there are none, or
 * not any more. What setup built into the user's own store serves every other store too.
 */
export function builderPrograms(workspace: BuilderHome): Promise<BuilderPrograms | undefined> {
  return locatePrograms(workspace, ({ buildkitd, buildx }, from) => {
    for (const digest of [buildkitd, buildx]) copyBlob(from, workspace.store, digest);
  });
}

/** Whether setup built the programs into the store or the user's own; copies nothing. */
export async function hasBuilder(workspace: BuilderHome): Promise<boolean> {
  return (await locatePrograms(workspace, () => undefined)) !== undefined;
}

type BuilderHome = Pick<Workspace, "environment" | "store" | "tools">;

/** The programs; `take` gets those that are in the user's own store alone, while it is open. */
async function locatePrograms(
  workspace: BuilderHome,
  take: (programs: BuilderPrograms, from: Store) => void,
): Promise<BuilderPrograms | undefined> {
  const { environment, tools } = workspace;
  const { storePath, usualStorePath } = environment;
  const built = programsIn(storePath, workspace);
  if (built !== undefined || usualStorePath === storePath || !existsSync(usualStorePath))
    return built;
  const usual = await openStoreOf({ ...environment, storePath: usualStorePath }, tools, true);
  try {
    const found = programsIn(usualStorePath, { ...workspace, store: usual });
    if (found !== undefined) take(found, usual);
    return found;
  } finally {
    await usual.close();
  }
}

function copyBlob(from: Store, to: Store, digest: Digest): void {
  if (to.has(digest)) return;
  const blob = to.createBlob();
  try {
    for (const chunk of from.readChunks(digest)) blob.write(chunk);
    blob.commit(digest);
  } catch (error) {
    blob.abort();
    throw error;
  }
}

function programsIn(
  storePath: string,
  { environment, store, tools }: BuilderHome,
): BuilderPrograms | undefined {
  const { root } = builderEnvironment(environment);
  const history = History.open(historyPath(projectDirectory(storePath, root), NO_OVERRIDES));
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
