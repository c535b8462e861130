/** How a node that needs BuildKit gets to it, whoever's builder it is. */

/** How to reach a builder that is ready. */
export interface BuildxClient {
  /** For messages. */
  readonly name: string;
  /** The client and the options that choose the builder, up to and including `build`. */
  readonly argv: readonly string[];
  /** The whole environment; absent: the user's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Name → target of the links that the working directory must have. */
  readonly links: Readonly<Record<string, string>>;
  /** It runs here and nowhere else. */
  readonly isPrivate: boolean;
}

/** Gives nodes a builder for as long as they work with it. */
export interface BuilderSource {
  /**
   * Runs `work` with a builder. `checkMachine` comes first when that runs on this machine's kernel
   * and nowhere else.
   * @throws NodeFailure when there is none or it does not answer; what the two throw
   */
  use<T>(checkMachine: () => void, work: (client: BuildxClient) => Promise<T>): Promise<T>;
}
