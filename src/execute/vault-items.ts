/**
 * What a node's run fetched, by the names under which the vault keeps it.
 *
 * Go modules are not here: they lie in the store's module cache, which the go client reads without
 * a network too.
 */
import type { Output, VaultItem } from "../../cache/index.js";
import { packageLabel, parseDebFileName } from "../debian/deb-file.js";
import type { NodeDefinition } from "../model/node.js";
import { platformSpellings } from "../model/platform.js";

/** The outputs that came from outside; none for nodes that fetch nothing. */
export function fetchedOutputs(
  definition: NodeDefinition,
  outputs: readonly Output[],
): VaultItem[] {
  if (definition.kind !== "debian-index" && definition.kind !== "packages") return [];
  const { debian } = platformSpellings(definition.platform);
  return outputs.flatMap(({ name, digest, size }) => {
    const slash = name.indexOf("/");
    const rest = name.slice(slash + 1);
    switch (name.slice(0, slash)) {
      case "release":
        return [{ kind: "deb-release", name: rest, digest, size }];
      case "packages":
        return [{ kind: "deb-packages", name: `${rest}/${debian}`, digest, size }];
      case "deb": {
        const deb = parseDebFileName(rest);
        const full = deb === undefined ? rest : packageLabel(deb);
        return [{ kind: "deb", name: full, digest, size }];
      }
      default:
        return [];
    }
  });
}
