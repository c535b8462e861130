/**
 * Bases: the index they draw from, the set of packages, the root file system.
 */
import { defaultSuites, suiteFault } from "../debian/suites.js";
import type { BaseDefinition, DebianVariant } from "../model/node.js";
import type { Platform } from "../model/platform.js";
import type { BodyReader } from "./body.js";
import { Needs } from "./emit.js";
import type { NamedFacts } from "./image-checks.js";
import { lowerConfig, readBudget } from "./lower-config.js";
import { checkedNames } from "./lower-steps.js";
import { lowerTests } from "./lower-test.js";
import { readCell, type Lowering } from "./lowering.js";
import type { CellSet } from "./matrix.js";
import { localPath } from "./paths.js";
import { imageReference, readName, readTag } from "./reference.js";
import type { Cell, Session } from "./session.js";
import type { Value } from "./values.js";

/** What the `debian` block says. */
interface Archive {
  readonly suite: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly keyring?: string;
}

/** Emits the bases of a declaration and their tests; returns what is known of each. */
export function lowerBase(set: CellSet, lowering: Lowering): NamedFacts[] {
  const facts: NamedFacts[] = [];
  for (const cell of set.cells.values()) {
    const fact = lowerCell(cell, set, lowering);
    if (fact !== undefined) facts.push(fact);
    lowerTests(cell, set, lowering);
  }
  return facts;
}

function lowerCell(cell: Cell, set: CellSet, lowering: Lowering): NamedFacts | undefined {
  const { session, emitter } = lowering;
  const reader = readCell(cell, set, session);
  const block = reader.block("debian");
  const platform = cell.target?.platform;
  if (block === undefined || platform === undefined) return undefined;
  const debian = reader.inside(block);
  const archive = readArchive(debian, platform);
  const name = readName(reader, session);
  const tag = readTag(reader, session, archive?.suite);
  const config = lowerConfig(reader, session);
  const budget = readBudget(reader);
  const excludePaths = imageGlobs(debian, "exclude_paths", session);
  const keepPaths = imageGlobs(debian, "keep_paths", session);
  const include = debian.items("include");
  const variant = (debian.text("variant") ?? "minbase") as DebianVariant;
  const scripts = (debian.text("scripts") ?? "chrootless") as BaseDefinition["scripts"];
  const recommends = debian.bool("recommends") ?? false;
  if (archive === undefined || reader.failed || debian.failed) return undefined;
  const at = set.declared.at;
  const index = `${cell.address}/index`;
  const { suite, suites, components, keyring } = archive;
  emitter.emit(
    index,
    {
      kind: "debian-index",
      suites,
      components,
      ...(keyring !== undefined && { keyring }),
      platform,
    },
    new Needs(),
    block.at,
    undefined,
  );
  const names = checkedNames(
    include.flatMap((item) => (item.type === "str" ? [item] : [])),
    index,
    cell.address,
    lowering,
  );
  if (
    names === undefined ||
    name === undefined ||
    tag === undefined ||
    config === undefined ||
    excludePaths === undefined ||
    keepPaths === undefined
  )
    return undefined;
  const packages = `${cell.address}/packages`;
  const packageNeeds = new Needs();
  packageNeeds.add(index, block.at);
  emitter.emit(
    packages,
    { kind: "packages", index, variant, names, recommends, platform },
    packageNeeds,
    block.at,
    undefined,
  );
  const reference = imageReference(name, tag, platform, set, lowering);
  const needs = new Needs();
  needs.add(packages, block.at);
  const definition: BaseDefinition = {
    kind: "base",
    packages,
    names,
    recommends,
    suite,
    variant,
    scripts,
    excludePaths,
    keepPaths,
    config,
    reference,
    ...(budget !== undefined && { budget }),
    platform,
    epoch: session.project?.epoch ?? 0,
  };
  emitter.emit(cell.address, definition, needs, at, set.declared.declaration.doc);
  return { cell, reference, at: reader.at(reader.has("name") ? "name" : "tag") };
}

/** The archive that packages come from; undefined after a reported fault. */
function readArchive(debian: BodyReader, platform: Platform): Archive | undefined {
  const { session } = debian;
  const { findings } = session;
  const suiteValue = debian.value("suite");
  const suite = textOf(suiteValue);
  const keyringValue = debian.value("keyring");
  const keyring =
    keyringValue?.type === "str"
      ? localPath(keyringValue.text, keyringValue.at, "keyring", session)
      : undefined;
  if (suite === undefined || suiteValue === undefined) return undefined;
  const listed = debian.items("suites");
  let failed = debian.has("keyring") && keyring === undefined;
  for (const value of [suiteValue, ...listed]) {
    const text = textOf(value) ?? "";
    // Another archive has suites of its own.
    const fault = SUITE.test(text)
      ? debian.has("keyring")
        ? undefined
        : suiteFault(text, platform)
      : { message: `"${text}" is not the name of a suite`, help: "write bookworm" };
    if (fault === undefined) continue;
    findings.error("KM0355", value.at, fault.message, { help: fault.help });
    failed = true;
  }
  const suites = debian.has("suites") ? debian.texts("suites") : defaultSuites(suite);
  if (!failed && !debian.failed && !suites.includes(suite)) {
    findings.error("KM0227", debian.at("suites"), `"suites" does not have the suite "${suite}"`, {
      help: `add "${suite}"`,
    });
    failed = true;
  }
  const components = debian.has("components") ? debian.texts("components") : ["main"];
  for (const item of debian.items("components")) {
    if (item.type !== "str" || SUITE.test(item.text)) continue;
    findings.error("KM0227", item.at, `"${item.text}" is not a component of an archive`, {
      help: 'write "main"',
    });
    failed = true;
  }
  if (components.length === 0) {
    findings.error("KM0227", debian.at("components"), '"components" is empty', {
      help: 'write ["main"]',
    });
    failed = true;
  }
  if (failed || debian.failed) return undefined;
  return {
    suite,
    suites: [...new Set(suites)],
    components: [...new Set(components)],
    ...(keyring !== undefined && { keyring }),
  };
}

const SUITE = /^[a-z0-9][a-z0-9.+-]*$/;

function textOf(value: Value | undefined): string | undefined {
  return value?.type === "str" || value?.type === "enum" ? value.text : undefined;
}

/** Globs of absolute paths; undefined after a reported fault. */
function imageGlobs(
  debian: BodyReader,
  name: string,
  { findings }: Session,
): readonly string[] | undefined {
  let failed = false;
  for (const item of debian.items(name)) {
    if (item.type !== "glob" || item.text.startsWith("/")) continue;
    findings.error("KM0332", item.at, `Image path glob"${item.text}" is not absolute`, {
      help: `write glob"/${item.text}"`,
    });
    failed = true;
  }
  return failed ? undefined : debian.texts(name);
}
