/**
 * What decides the results of Debian's lists and packages, of bases, installs and RUN steps.
 */
import { NORMALIZATION_VERSION } from "../debian/normalize.js";
import type {
  BaseDefinition,
  DebianIndexDefinition,
  InstallDefinition,
  PackagesDefinition,
  RunDefinition,
} from "../model/node.js";
import { platformSpellings } from "../model/platform.js";
import { describeConfig, describeWriter } from "./describe-image.js";
import {
  emulatorDigest,
  outputDigest,
  outputLines,
  versionsOf,
  type FieldSink,
} from "./field-sink.js";
import type { KeyInputs } from "./inputs.js";
import { askedLine } from "./package-changes.js";

/** The packages of this machine whose programs make a base, those that maintainer scripts call natively included. */
const BASE_TOOLS = [
  "apt",
  "base-passwd",
  "debconf",
  "dpkg",
  "init-system-helpers",
  "mmdebstrap",
  "passwd",
];

/**
 * The packages whose programs may stand in for the target's, where they have the same upstream
 * version, while the maintainer scripts of an install run.
 */
export const NATIVE_PROGRAM_PACKAGES = [
  "coreutils",
  "dash",
  "findutils",
  "grep",
  "mawk",
  "perl-base",
  "sed",
] as const;

function installTools({ scripts }: InstallDefinition): readonly string[] {
  return ["apt", "dpkg", ...(scripts === "split" ? NATIVE_PROGRAM_PACKAGES : [])];
}

export function describeIndex(
  definition: DebianIndexDefinition,
  sink: FieldSink,
  inputs: KeyInputs,
): void {
  sink.list("suites", definition.suites);
  sink.list("components", definition.components);
  sink.text("architecture", platformSpellings(definition.platform).debian);
  if (definition.keyring !== undefined) sink.file("keyring", definition.keyring);
  for (const name of indexFacts(definition)) {
    const locked = inputs.locked(name.kind, name.name);
    if (locked !== undefined) sink.text(`${name.kind} ${name.name}`, locked);
  }
}

export function describePackages(
  definition: PackagesDefinition,
  sink: FieldSink,
  inputs: KeyInputs,
): void {
  sink.resultList("index", definition.index, outputLines("packages/"));
  if (definition.on !== undefined) sink.result("on", definition.on, outputDigest("manifest"));
  sink.text("variant", definition.variant ?? "");
  sink.list("names", definition.names);
  sink.text("recommends", String(definition.recommends));
  sink.text("architecture", platformSpellings(definition.platform).debian);
  sink.map("tools", versionsOf(["apt"], inputs));
}

export function describeBase(definition: BaseDefinition, sink: FieldSink, inputs: KeyInputs): void {
  describePackageSet(definition, sink);
  sink.text("suite", definition.suite);
  sink.text("variant", definition.variant);
  sink.text("scripts", definition.scripts);
  sink.list("exclude paths", definition.excludePaths);
  sink.list("keep paths", definition.keepPaths);
  describeConfig(definition.config, sink);
  sink.map("tools", versionsOf(BASE_TOOLS, inputs));
  if (definition.scripts === "emulated")
    sink.text("emulator", emulatorDigest(definition.platform, inputs));
  describeRules(sink);
  describeWriter(definition, sink);
}

/** The set, and what of it was asked for: other names may bring the same set, which apt marks otherwise. */
function describePackageSet(
  { packages, names, recommends }: BaseDefinition | InstallDefinition,
  sink: FieldSink,
): void {
  const asked = [...names, ...(recommends ? ["recommended ones"] : [])];
  sink.resultList("packages", packages, (record) => [
    ...outputLines("deb/")(record),
    ...asked.map(askedLine),
  ]);
}

export function describeInstall(
  definition: InstallDefinition,
  sink: FieldSink,
  inputs: KeyInputs,
): void {
  sink.result("base", definition.base, outputDigest("manifest"));
  describePackageSet(definition, sink);
  sink.text("scripts", definition.scripts);
  sink.map("tools", versionsOf(installTools(definition), inputs));
  sink.text("emulator", emulatorDigest(definition.platform, inputs));
  describeRules(sink);
  describeWriter(definition, sink);
}

export function describeRun(definition: RunDefinition, sink: FieldSink, inputs: KeyInputs): void {
  sink.result("base", definition.base, outputDigest("manifest"));
  sink.list("argv", definition.argv);
  sink.map("env", definition.env);
  sink.text("user", definition.user ?? "");
  sink.text("workdir", definition.workdir ?? "");
  sink.text("network", String(definition.network));
  sink.text("emulator", emulatorDigest(definition.platform, inputs));
  describeRules(sink);
  describeWriter(definition, sink);
}

/** What decides which changes of a root file system are part of its layer. */
function describeRules(sink: FieldSink): void {
  sink.text("normalization rules", String(NORMALIZATION_VERSION));
}

/** The facts of kmips.lock that pin an index. */
export function indexFacts({
  suites,
  components,
  platform,
}: DebianIndexDefinition): { readonly kind: string; readonly name: string }[] {
  const { debian } = platformSpellings(platform);
  return suites.flatMap((suite) => [
    { kind: "deb-release", name: suite },
    ...components.map((component) => ({
      kind: "deb-packages",
      name: `${suite}/${component}/${debian}`,
    })),
  ]);
}
