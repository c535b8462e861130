/**
 * The buildx builders that the user has: found through the user's own client and configuration.
 */
import type { Tools } from "../../host/index.js";
import { NodeFailure } from "../../model/failure.js";
import type { ProcessResult, ProcessRunner } from "../../model/ports.js";
import { excerpt } from "../excerpt.js";

/** A named builder may have to be started first. */
const NAMED_TIMEOUT_MS = 60_000;
/** Nobody asked for this one: it answers at once, or it does not count. */
const CURRENT_TIMEOUT_MS = 10_000;

/** A builder as `buildx inspect` describes it. */
export interface InspectedBuilder {
  readonly name: string;
  /** `docker-container`, `remote`, `kubernetes`; `docker` cannot hand over an OCI layout. */
  readonly driver: string;
  /** Whether one of its nodes runs. */
  readonly answers: boolean;
  /** What buildx says of a node that does not. */
  readonly error: string | undefined;
}

/** A builder of the user's that can be used. */
export interface UserBuilder {
  readonly name: string;
  readonly driver: string;
  /** How its client is started: `["/usr/bin/docker", "buildx"]`. */
  readonly client: readonly string[];
}

export interface BuilderSearch {
  readonly tools: Tools;
  readonly processes: ProcessRunner;
  /** The user's own: buildx finds its builders by it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The builder that an option or a variable names: `--builder`, KMIPS_BUILDER, BUILDX_BUILDER. */
export function namedBuilder(
  option: string | undefined,
  environment: Readonly<Record<string, string>>,
): string | undefined {
  return [option, environment["KMIPS_BUILDER"], environment["BUILDX_BUILDER"]].find(
    (name) => name !== undefined && name !== "",
  );
}

/**
 * The builder of that name, started when need be.
 * @throws NodeFailure `builder` when it does not do, `tool` without any client
 */
export async function findNamedBuilder(name: string, search: BuilderSearch): Promise<UserBuilder> {
  const client = await findClient(search);
  if (client === undefined) {
    throw new NodeFailure(
      {
        type: "tool",
        tool: "buildx",
        why: `builder "${name}" is reached through it`,
        install: "Docker's buildx plugin, or buildx on PATH",
      },
      "without --builder, KMIPS_BUILDER and BUILDX_BUILDER kmips uses a private builder",
    );
  }
  const argv = [...client, "inspect", "--bootstrap", name];
  const result = await inspect(argv, NAMED_TIMEOUT_MS, search);
  const fail = (why: string): NodeFailure =>
    new NodeFailure({
      type: "builder",
      builder: name,
      why,
      tried: argv.map((word) => word.slice(word.lastIndexOf("/") + 1)).join(" "),
      excerpt: excerpt(`${result.stdout}\n${result.stderr}`),
    });
  if (result.timedOut) throw fail(`does not answer within ${NAMED_TIMEOUT_MS / 1000} s`);
  const found = result.code === 0 ? parseInspect(result.stdout) : undefined;
  if (found === undefined) throw fail("does not answer");
  if (!found.answers) throw fail(`does not answer: ${found.error ?? "no node of it runs"}`);
  if (found.driver === "docker")
    throw fail('has the driver "docker", which cannot take a base from kmips');
  return { name, driver: found.driver, client };
}

/** The builder that buildx uses when nobody names one; undefined when it does not do. */
export async function findCurrentBuilder(search: BuilderSearch): Promise<UserBuilder | undefined> {
  const client = await findClient(search);
  if (client === undefined) return undefined;
  const result = await inspect([...client, "inspect"], CURRENT_TIMEOUT_MS, search);
  const found = result.code === 0 ? parseInspect(result.stdout) : undefined;
  if (found?.answers !== true || found.driver === "docker") return undefined;
  return { name: found.name, driver: found.driver, client };
}

async function findClient(search: BuilderSearch): Promise<readonly string[] | undefined> {
  const docker = search.tools.find("docker");
  if (docker !== undefined) {
    const plugin = await inspect([docker.path, "buildx", "version"], CURRENT_TIMEOUT_MS, search);
    if (plugin.code === 0) return [docker.path, "buildx"];
  }
  const buildx = search.tools.find("buildx");
  return buildx === undefined ? undefined : [buildx.path];
}

function inspect(
  argv: readonly string[],
  timeoutMs: number,
  { processes, environment, signal }: BuilderSearch,
): Promise<ProcessResult> {
  return processes.run({
    argv,
    env: environment,
    timeoutMs,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Reads what `buildx inspect` prints; undefined when it is something else. */
export function parseInspect(text: string): InspectedBuilder | undefined {
  const name = /^Name: +(\S+)/m.exec(text)?.[1];
  const driver = /^Driver: +(\S+)/m.exec(text)?.[1];
  if (name === undefined || driver === undefined) return undefined;
  return {
    name,
    driver,
    answers: /^Status: +running$/m.test(text),
    error: /^Error: +(.+)$/m.exec(text)?.[1],
  };
}
