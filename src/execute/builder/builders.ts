/**
 * The builder of a build: one of the user's, by name or because it answers; otherwise the private
 * one, started when a node first needs it and stopped when idle or at the end.
 */
import type { Store } from "../../../cache/index.js";
import type { Tools } from "../../host/index.js";
import { NodeFailure } from "../../model/failure.js";
import type { ProcessRunner } from "../../model/ports.js";
import { asNodeFailure } from "../tool-failure.js";
import type { BuilderSource, BuildxClient } from "./buildx-client.js";
import {
  BUILDER_LINK,
  CGROUP,
  PRIVATE_BUILDER,
  PrivateBuilder,
  type BuilderPrograms,
  type RunningBuilder,
} from "./private-builder.js";
import {
  findCurrentBuilder,
  findNamedBuilder,
  namedBuilder,
  type UserBuilder,
} from "./user-builder.js";

/** The next node that needs it may come soon; a build of an hour should not keep it for that. */
const IDLE_MS = 60_000;

export interface BuilderOptions {
  readonly store: Store;
  readonly tools: Tools;
  readonly processes: ProcessRunner;
  readonly environment: Readonly<Record<string, string>>;
  /** `--builder`. */
  readonly named?: string;
  /** What `kmips setup` built; undefined when it did not. */
  readonly programs: () => Promise<BuilderPrograms | undefined>;
}

export class Builders implements BuilderSource {
  readonly #options: BuilderOptions;
  #chosen: Promise<UserBuilder | undefined> | undefined;
  #private: PrivateBuilder | undefined;
  #running: Promise<RunningBuilder> | undefined;
  #users = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: BuilderOptions) {
    this.#options = options;
  }

  async use<T>(checkMachine: () => void, work: (client: BuildxClient) => Promise<T>): Promise<T> {
    clearTimeout(this.#idle);
    this.#users++;
    try {
      const own = await this.#choose();
      if (own !== undefined) return await work(clientOf(own));
      checkMachine();
      return await work(await this.#startPrivate());
    } catch (error) {
      throw asNodeFailure(error, this.#options.tools, "a run step");
    } finally {
      this.#users--;
      if (this.#users === 0 && this.#running !== undefined) {
        this.#idle = setTimeout(() => void this.close(), IDLE_MS).unref();
      }
    }
  }

  /** Ends the private builder; the next use starts it again. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const [builder, running] = [this.#private, this.#running];
    this.#private = undefined;
    this.#running = undefined;
    await running?.catch(() => undefined);
    await builder?.stop();
  }

  #choose(): Promise<UserBuilder | undefined> {
    this.#chosen ??= chooseUserBuilder(this.#options);
    return this.#chosen;
  }

  async #startPrivate(): Promise<BuildxClient> {
    if (this.#running === undefined) {
      this.#running = this.#start();
      this.#running.catch(() => (this.#running = undefined));
    }
    const { client, env, directory } = await this.#running;
    return {
      name: PRIVATE_BUILDER,
      argv: [...client, "build", "--builder", PRIVATE_BUILDER, "--cgroup-parent", CGROUP],
      env,
      links: { [BUILDER_LINK]: directory },
      isPrivate: true,
    };
  }

  async #start(): Promise<RunningBuilder> {
    const { store, tools, processes, programs } = this.#options;
    const built = await programs();
    if (built === undefined) {
      throw new NodeFailure(
        {
          type: "tool",
          tool: "buildkitd",
          why: "no buildx builder of yours answers, and the private one is not built yet",
          install: "kmips setup",
        },
        "kmips setup builds it into the store; --builder NAME uses a buildx builder of yours",
      );
    }
    this.#private = new PrivateBuilder({ store, tools, processes, programs: built });
    return this.#private.start();
  }
}

/**
 * The builder of the user's to use: the named one, or the current one when it answers and is not
 * the plain `docker` driver; undefined when there is none.
 * @throws NodeFailure when a named one does not do
 */
export async function chooseUserBuilder(
  options: Pick<BuilderOptions, "tools" | "processes" | "environment" | "named">,
): Promise<UserBuilder | undefined> {
  const name = namedBuilder(options.named, options.environment);
  return name === undefined ? findCurrentBuilder(options) : findNamedBuilder(name, options);
}

function clientOf({ name, client }: UserBuilder): BuildxClient {
  return { name, argv: [...client, "build", "--builder", name], links: {}, isPrivate: false };
}
