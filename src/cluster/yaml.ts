/** YAML as the texts for a cluster's tools need it. */

/** A YAML scalar that no reader takes for a number: `3.10` would lose its zero. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}
