/** The registries that the end-to-end tests take images from, and the keys that move each. */
import type { RegistryKey } from "../model/kubernetes-release.js";
import { readGoFile, structFields, type GoFile } from "./go-file.js";
import { insideBracket, isSymbol, splitAt } from "./go-tokens.js";
import { MANIFEST_PATH } from "./image-manifest.js";

/** The keys of a release's `manifest.go`, in its order: the fields of RegistryList with a YAML tag. */
export function readRegistryKeys(manifest: string): readonly RegistryKey[] {
  const file = readGoFile(MANIFEST_PATH, manifest);
  const values = literalFields(file, "RegistryList");
  return taggedFields(file, "RegistryList").flatMap(({ field, key }): RegistryKey[] => {
    const registry = values.get(field);
    return registry === undefined ? [] : [{ key, registry }];
  });
}

/** Fields of a struct with the names that `yaml:"…"` gives them. */
function taggedFields(
  file: GoFile,
  type: string,
): readonly { readonly field: string; readonly key: string }[] {
  return structFields(file, type).flatMap(({ start, end }) => {
    const field = file.tokens[start]?.text;
    const key = /\byaml:"([^",]+)/.exec(file.tokens[end - 1]?.text ?? "")?.[1];
    return field === undefined || key === undefined ? [] : [{ field, key }];
  });
}

/** Field → text of the first literal of a struct type whose fields are texts. */
function literalFields({ tokens }: GoFile, type: string): ReadonlyMap<string, string> {
  const open = tokens.findIndex(
    (token, at) =>
      isSymbol(token, "{") && tokens[at - 1]?.text === type && isSymbol(tokens[at + 2], ":"),
  );
  if (open < 0) return new Map();
  return new Map(
    splitAt(tokens, insideBracket(tokens, open), ",").flatMap(({ start }) => {
      const [name, , value] = tokens.slice(start, start + 3);
      return name !== undefined && value?.kind === "string"
        ? [[name.text, value.text] as const]
        : [];
    }),
  );
}
