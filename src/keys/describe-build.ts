/**
 * What decides the results of sources, toolchains, modules and components.
 */
import type { Digest } from "../../cache/index.js";
import { assertNever } from "../model/invariant.js";
import type {
  ComponentDefinition,
  GenerateDefinition,
  ModuleEdits,
  ModulesDefinition,
  PatchedModule,
  SourceDefinition,
  ToolchainDefinition,
} from "../model/node.js";
import { goEnvironment, platformOf, type Arch, type Platform } from "../model/platform.js";
import { versionsOf, type FieldSink } from "./field-sink.js";
import type { KeyInputs } from "./inputs.js";

export function describeSource(
  { origin }: SourceDefinition,
  sink: FieldSink,
  inputs: KeyInputs,
): void {
  sink.text("origin", origin.type);
  switch (origin.type) {
    case "go-module":
      sink.text("module", origin.path);
      sink.text("version", origin.version);
      sumField(sink, inputs, origin.path, origin.version, origin.sum ?? sink.locked(origin));
      return;
    case "git":
      sink.text("commit", origin.commit ?? sink.locked(origin) ?? "");
      return;
    case "archive":
      sink.text("digest", origin.digest ?? sink.locked(origin) ?? "");
      sink.text("strip", String(origin.strip));
      return;
    case "derived":
      sink.result("tree", origin.node);
      if (origin.gomod !== undefined) {
        sink.result("toolchain", origin.gomod.toolchain);
        describeEdits(origin.gomod.edits, sink);
      }
      for (const generated of origin.generated) sink.result(`generated ${generated}`, generated);
      return;
    case "member":
      sink.result("tree", origin.node);
      sink.text("path", origin.path);
      return;
    case "toolchain":
      sink.result("tree", origin.node);
      return;
    case "directory": {
      const files = inputs.list(origin.path, origin.include, origin.exclude);
      if (files === undefined) sink.missing.push(origin.path);
      else sink.blob("files", Buffer.from(files.map(listingLine).join("")));
      return;
    }
    case "files": {
      const lines = origin.paths.map((path) => {
        const [file] = inputs.list(origin.base, [path], []) ?? [];
        if (file === undefined) sink.missing.push(`${origin.base}/${path}`);
        return file === undefined ? "" : listingLine(file);
      });
      // One short listing needs no blob of its own.
      if (lines.length <= 4) sink.list("files", lines);
      else sink.blob("files", Buffer.from(lines.join("")));
      return;
    }
    default:
      assertNever(origin);
  }
}

export function describeToolchain(
  definition: ToolchainDefinition,
  sink: FieldSink,
  inputs: KeyInputs,
): void {
  sink.text("host", `linux/${inputs.hostArch}`);
  if (definition.type === "go") {
    sink.text("version", definition.version);
    const version = goToolchainVersion(definition.version, inputs.hostArch);
    sumField(sink, inputs, "golang.org/toolchain", version, undefined);
  } else {
    sink.text("triplet", definition.triplet);
    sink.map("packages", versionsOf(definition.packages, inputs));
    sink.map("programs", programDigests(definition.triplet, inputs));
  }
}

export function describeModules(
  definition: ModulesDefinition,
  sink: FieldSink,
  inputs: KeyInputs,
): void {
  sink.result("source", definition.source);
  sink.result("toolchain", definition.toolchain);
  describeEdits(definition.edits, sink);
  describePatched(definition.patched, sink);
  sink.list("packages", definition.packages);
  if (definition.tests !== undefined) sink.list("tests", definition.tests);
  sink.list("tags", definition.tags);
  describePlatform(definition.platform ?? platformOf(inputs.hostArch as Arch), sink);
}

export function describeGenerate(definition: GenerateDefinition, sink: FieldSink): void {
  sink.result("source", definition.source);
  sink.result("modules", definition.modules);
  sink.result("toolchain", definition.toolchain);
  sink.text("package", definition.package);
  sink.list("args", definition.args);
  if (definition.packages !== undefined) {
    sink.list("packages of", definition.packages.of);
    sink.text("marker", definition.packages.marker);
  }
  sink.list("outputs", definition.outputs);
}

export function describeComponent(definition: ComponentDefinition, sink: FieldSink): void {
  sink.result("source", definition.source);
  sink.result("toolchain", definition.toolchain);
  if (definition.type === "go") {
    sink.result("modules", definition.modules);
    describePatched(definition.patched, sink);
    sink.map("packages", definition.packages);
    if (definition.tests !== undefined) sink.map("tests", definition.tests);
    sink.list("ldflags", definition.ldflags);
    sink.list("tags", definition.tags);
  } else {
    for (const [program, files] of Object.entries(definition.programs)) {
      sink.list(`program ${program}`, files);
    }
    sink.list("flags", definition.flags);
  }
  describePlatform(definition.platform, sink);
}

/** `path mode digest` and a newline: what a live tree contributes to a key, and its diff's unit. */
function listingLine(file: {
  path: string;
  digest: Digest;
  executable: boolean;
  link?: string;
}): string {
  const mode = file.link !== undefined ? `-> ${file.link}` : file.executable ? "0755" : "0644";
  return `${file.path} ${mode} ${file.digest}\n`;
}

function sumField(
  sink: FieldSink,
  inputs: KeyInputs,
  path: string,
  version: string,
  declared: string | undefined,
): void {
  const sum = declared ?? inputs.lockedSum(path, version);
  if (sum !== undefined) sink.text("sum", sum);
}

/** The module version under which a Go release is published for a host, e.g. `v0.0.1-go1.26.8.linux-amd64`. */
export function goToolchainVersion(release: string, hostArch: string): string {
  return `v0.0.1-${release}.linux-${hostArch}`;
}

function programDigests(triplet: string, inputs: KeyInputs): Record<string, string> {
  return Object.fromEntries(
    inputs.compilerPrograms(triplet).map((path) => [path, inputs.fileDigest(path) ?? "absent"]),
  );
}

function describeEdits(edits: ModuleEdits, sink: FieldSink): void {
  if (edits.file !== undefined) sink.file("go.mod", edits.file);
  sink.text("go line", edits.go ?? "");
  sink.list("drop", edits.drop);
  sink.map("require", edits.require);
  sink.map(
    "replace",
    Object.fromEntries(
      Object.entries(edits.replace).map(([from, to]) => [from, `${to.path} ${to.version}`]),
    ),
  );
}

function describePatched(patched: readonly PatchedModule[], sink: FieldSink): void {
  for (const module of patched) sink.result(`patched ${module.path}`, module.tree);
}

function describePlatform(platform: Platform, sink: FieldSink): void {
  sink.map("platform", goEnvironment(platform));
}
