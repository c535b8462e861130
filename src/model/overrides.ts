/**
 * What a command line says in place of a project's own values: `--set` and `--target`.
 */
export interface Overrides {
  /** Name of an option → its value, as typed. */
  readonly options: ReadonlyMap<string, string>;
  /** Names of platforms in place of `project.targets`; empty: the project's own. */
  readonly targets: readonly string[];
}

export const NO_OVERRIDES: Overrides = { options: new Map(), targets: [] };
