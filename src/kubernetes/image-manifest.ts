/**
 * The images that the end-to-end tests of a Kubernetes release use, as its
 * `test/utils/image/manifest.go` lists them.
 *
 * The file had several shapes: a variable for each image, whose name may end in the architecture
 * (v1.9 to v1.13), a map of them with package variables for registries (up to v1.20), a parameter
 * `list RegistryList` (since), and images of CSI drivers that are read from YAML files (v1.26).
 */
import { readGoFile, structFields, type GoFile } from "./go-file.js";
import { insideBracket, isSymbol, splitAt, type GoRange, type GoToken } from "./go-tokens.js";

export const MANIFEST_PATH = "test/utils/image/manifest.go";
/** Where the manifests of CSI drivers lie whose images the list takes over. */
export const CSI_MANIFESTS = "test/e2e/testing-manifests/storage-csi/";

export interface ManifestImage {
  /** The constant or variable that tests name it by; absent for those of CSI drivers. */
  readonly constant?: string;
  /** The YAML files that name it, for those of CSI drivers. */
  readonly files?: readonly string[];
  /** `k8s.gcr.io`, `docker.io/library`. */
  readonly registry: string;
  /** `agnhost`, `volume/nfs`. */
  readonly name: string;
  readonly tag: string;
}

/** A manifest of a shape that is not known; the message names file and line. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

/**
 * The images that a manifest lists, in its order.
 *
 * @param goarch what names of images end in that are there once for each architecture
 * @throws ManifestError
 */
export function readManifest(text: string, goarch: string): ManifestImage[] {
  const file = readGoFile(MANIFEST_PATH, text);
  const { tokens } = file;
  const names = new Set(
    file.declarations
      .filter(({ kind }) => kind === "const" || kind === "var")
      .map(({ name }) => name),
  );
  const order = fieldOrder(file);
  const everyNameHasArch = !order.includes("hasArch") && namesEndInArch(file);
  const registries = registryFields(file);
  const images: ManifestImage[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const entry = entryAt(tokens, at);
    if (entry === undefined || !names.has(entry.constant)) continue;
    const fields = configFields(tokens, entry.fields, order);
    const read = (name: "registry" | "name" | "version"): string => {
      const range = fields.get(name);
      const value = range && evaluate(file, range, registries, 0);
      if (value === undefined)
        throw new ManifestError(
          `${MANIFEST_PATH} line ${tokens[at]?.line ?? 0}: the ${name} of ${entry.constant} cannot be read`,
        );
      return value;
    };
    const hasArch = fields.get("hasArch");
    const isArchBound =
      everyNameHasArch || (hasArch !== undefined && tokens[hasArch.start]?.text === "true");
    images.push({
      constant: entry.constant,
      registry: read("registry"),
      name: isArchBound ? `${read("name")}-${goarch}` : read("name"),
      tag: read("version"),
    });
  }
  if (images.length === 0)
    throw new ManifestError(
      `${MANIFEST_PATH} has no entry CONSTANT = Config{registry, name, version}`,
    );
  return images;
}

/** Whether the list also takes over the images of the CSI drivers' manifests. */
export function hasCsiImages(manifest: string): boolean {
  return /\bappendCSIImageConfigs\s*\(/.test(manifest);
}

/** The images of CSI drivers: YAML path → text. Those that the manifest has already are left out. */
export function readCsiImages(
  files: ReadonlyMap<string, string>,
  known: readonly ManifestImage[],
): ManifestImage[] {
  const taken = new Set(known.map(referenceOf));
  const found = new Map<string, ManifestImage & { files: string[] }>();
  for (const [path, text] of files) {
    for (const [, registry = "", name = "", tag = ""] of text.matchAll(
      /^[ \t]*(?:-[ \t]+)?image:[ \t]*["']?([^\s"'#]+)\/([^/:\s"'#]+):([^\s"'#]+)/gm,
    )) {
      const image = { registry, name, tag, files: [path] };
      const reference = referenceOf(image);
      if (taken.has(reference)) continue;
      const first = found.get(reference);
      if (first === undefined) found.set(reference, image);
      else if (!first.files.includes(path)) first.files.push(path);
    }
  }
  return [...found.values()];
}

/** `k8s.gcr.io/etcd:3.3.15`. */
export function referenceOf({ registry, name, tag }: ManifestImage): string {
  return `${registry}/${name}:${tag}`;
}

/** `configs[NAME] = Config{…}`, `NAME = Config{…}` or, in a map of them, `NAME: {…}`. */
function entryAt(
  tokens: readonly GoToken[],
  at: number,
): { readonly constant: string; readonly fields: GoRange } | undefined {
  const name = tokens[at];
  if (name?.kind !== "word") return undefined;
  const fieldsAt = (open: number): { constant: string; fields: GoRange } | undefined =>
    isSymbol(tokens[open], "{")
      ? { constant: name.text, fields: insideBracket(tokens, open) }
      : undefined;
  const isConfig = (type: number): boolean => CONFIG_TYPES.includes(tokens[type]?.text ?? "");
  const isIndexed = isSymbol(tokens[at - 1], "[") && isSymbol(tokens[at + 1], "]");
  const equals = isIndexed ? at + 2 : at + 1;
  if (isSymbol(tokens[equals], "=") && isConfig(equals + 1)) return fieldsAt(equals + 2);
  if (!isSymbol(tokens[at + 1], ":")) return undefined;
  return fieldsAt(isConfig(at + 2) ? at + 3 : at + 2);
}

/** The names that the type of an entry had. */
const CONFIG_TYPES: readonly string[] = ["Config", "ImageConfig"];

/** The names of Config's fields in order. */
function fieldOrder(file: GoFile): string[] {
  return CONFIG_TYPES.flatMap((type) => structFields(file, type)).flatMap(
    ({ start }) => file.tokens[start]?.text ?? [],
  );
}

/** Whether all references are put together with the architecture, as in v1.9. */
function namesEndInArch({ tokens }: GoFile): boolean {
  return tokens.some(({ kind, text }) => kind === "string" && text === "%s/%s-%s:%s");
}

/** Field → value of one Config literal, named or by position. */
function configFields(
  tokens: readonly GoToken[],
  range: GoRange,
  order: readonly string[],
): Map<string, GoRange> {
  const fields = new Map<string, GoRange>();
  for (const [index, { start, end }] of splitAt(tokens, range, ",").entries()) {
    const isNamed = isSymbol(tokens[start + 1], ":");
    const name = isNamed ? tokens[start]?.text : order[index];
    if (name !== undefined) fields.set(name, { start: isNamed ? start + 2 : start, end });
  }
  return fields;
}

/** Field → registry, of every `RegistryList{…}` literal. */
function registryFields({ tokens }: GoFile): Map<string, GoRange> {
  const fields = new Map<string, GoRange>();
  for (let at = 0; at < tokens.length; at++) {
    if (tokens[at]?.text !== "RegistryList" || !isSymbol(tokens[at + 1], "{")) continue;
    for (const [name, value] of configFields(tokens, insideBracket(tokens, at + 1), []))
      fields.set(name, value);
  }
  return fields;
}

/** Variables that name each other in a circle end here. */
const MAX_DEPTH = 16;

/** The text that an expression stands for: literals, `+`, variables and fields of the registry list. */
function evaluate(
  file: GoFile,
  range: GoRange,
  registries: ReadonlyMap<string, GoRange>,
  depth: number,
): string | undefined {
  const { tokens } = file;
  if (depth > MAX_DEPTH) return undefined;
  const terms = splitAt(tokens, range, "+");
  if (terms.length > 1) {
    const values = terms.map((term) => evaluate(file, term, registries, depth + 1));
    return values.includes(undefined) ? undefined : values.join("");
  }
  const [first, dot, field] = tokens.slice(range.start, range.end);
  const length = range.end - range.start;
  if (first?.kind === "string" && length === 1) return first.text;
  if (first?.kind === "word" && length === 3 && isSymbol(dot, ".")) {
    const value = registries.get(field?.text ?? "");
    return value && evaluate(file, value, registries, depth + 1);
  }
  if (first?.kind !== "word" || length !== 1) return undefined;
  const declared = file.declarations.find(
    ({ kind, name }) => (kind === "var" || kind === "const") && name === first.text,
  );
  if (declared === undefined) return undefined;
  const { start, end } = declared.range;
  const equals = tokens.findIndex((token, at) => at >= start && at < end && isSymbol(token, "="));
  if (equals === -1) return undefined;
  return evaluate(file, { start: equals + 1, end }, registries, depth + 1);
}
