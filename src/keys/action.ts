/**
 * Node → action: the named fields that can change its result, in a fixed order.
 *
 * Not keyed, on purpose: reasons and upstream links of patches, documentation, the tag an image
 * gets, log settings, parallelism, time limits, absolute paths, mtimes, and the place a pinned
 * source is fetched from (its digest is keyed).
 */
import { ARCHIVE_VERSION, actionKey, digestOf } from "../../cache/index.js";
import type { ActionRecord, Digest, Field, FieldValue } from "../../cache/index.js";
import { NORMALIZATION_VERSION } from "../debian/normalize.js";
import { assertNever } from "../model/invariant.js";
import type {
  Address,
  DebianIndexDefinition,
  GraphNode,
  ImageConfig,
  ImageFile,
  InstallDefinition,
  ModuleEdits,
  NodeDefinition,
  PatchedModule,
} from "../model/node.js";
import {
  goEnvironment,
  platformName,
  platformSpellings,
  type Platform,
} from "../model/platform.js";
import type { KeyInputs } from "./inputs.js";

/** Raised when the way a kind computes its result changes: every node of the kind is keyed anew. */
const KIND_VERSIONS: Readonly<Record<NodeDefinition["kind"], number>> = {
  source: 1,
  patch: 1,
  toolchain: 1,
  modules: 2,
  component: 1,
  "debian-index": 1,
  packages: 1,
  base: 1,
  install: 1,
  dockerfile: 1,
  run: 1,
  image: 1,
  index: 1,
  test: 1,
  group: 1,
};

export interface Action {
  readonly kind: NodeDefinition["kind"];
  readonly version: number;
  readonly fields: readonly Field[];
  /** Texts behind the fields of type `blob`, stored when the node runs. */
  readonly attachments: ReadonlyMap<Digest, Buffer>;
  /** Declared files that are not there: the node cannot run. */
  readonly missing: readonly string[];
  /** Dependencies whose result is not known yet; the key is known only when this is empty. */
  readonly pending: readonly Address[];
  /** Field name → the dependency whose result it holds. */
  readonly followed: ReadonlyMap<string, Address>;
}

/** The key of an action whose dependencies all have results. */
export function keyOf(action: Action): Digest {
  return actionKey(action.kind, action.version, action.fields);
}

/** Collects the fields of one action. */
class FieldSink {
  readonly fields: Field[] = [];
  readonly attachments = new Map<Digest, Buffer>();
  readonly missing: string[] = [];
  readonly pending: Address[] = [];
  readonly followed = new Map<string, Address>();
  readonly #inputs: KeyInputs;

  constructor(inputs: KeyInputs) {
    this.#inputs = inputs;
  }

  text(name: string, text: string): void {
    this.#add(name, { type: "text", text });
  }
  list(name: string, items: readonly string[]): void {
    this.#add(name, { type: "list", items });
  }
  map(name: string, entries: Readonly<Record<string, string>>): void {
    const pairs = Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1));
    this.#add(name, { type: "map", entries: pairs });
  }
  /** A long text, kept as a blob so that later builds can be compared with it line by line. */
  blob(name: string, bytes: Buffer): void {
    const digest = digestOf(bytes);
    this.attachments.set(digest, bytes);
    this.#add(name, { type: "blob", digest, size: bytes.length });
  }
  file(name: string, path: string): void {
    const digest = this.#inputs.fileDigest(path);
    if (digest === undefined) this.missing.push(path);
    else this.blob(name, this.#inputs.fileBytes(path));
  }
  /** The result of a dependency: its digest, so that an identical rebuild stops the wave. */
  result(
    name: string,
    address: Address,
    pick: (record: ActionRecord) => string = (r) => r.result,
  ): void {
    const record = this.#inputs.result(address);
    this.followed.set(name, address);
    if (record === undefined) this.#wait(address);
    this.text(name, record === undefined ? "" : pick(record));
  }
  /** As `result`, for a part of it that is a list. */
  resultList(
    name: string,
    address: Address,
    pick: (record: ActionRecord) => readonly string[],
  ): void {
    const record = this.#inputs.result(address);
    this.followed.set(name, address);
    if (record === undefined) this.#wait(address);
    this.list(name, record === undefined ? [] : pick(record));
  }
  #wait(address: Address): void {
    if (!this.pending.includes(address)) this.pending.push(address);
  }
  #add(name: string, value: FieldValue): void {
    this.fields.push({ name, value });
  }
}

/** The action of a node, as far as its dependencies' results are known. */
export function describeAction(node: GraphNode, inputs: KeyInputs): Action {
  const sink = new FieldSink(inputs);
  describe(node.definition, sink, inputs);
  return {
    kind: node.definition.kind,
    version: KIND_VERSIONS[node.definition.kind],
    fields: sink.fields,
    attachments: sink.attachments,
    missing: sink.missing,
    pending: sink.pending,
    followed: sink.followed,
  };
}

function describe(definition: NodeDefinition, sink: FieldSink, inputs: KeyInputs): void {
  switch (definition.kind) {
    case "source":
      describeSource(definition.origin, sink, inputs);
      return;
    case "patch":
      sink.result("source", definition.source);
      for (const patch of definition.series) sink.file(`patch ${patch.label}`, patch.path);
      return;
    case "toolchain":
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
      return;
    case "modules":
      sink.result("source", definition.source);
      sink.result("toolchain", definition.toolchain);
      describeEdits(definition.edits, sink);
      describePatched(definition.patched, sink);
      sink.list("packages", definition.packages);
      sink.list("tags", definition.tags);
      describePlatform(definition.platform, sink);
      return;
    case "component":
      sink.result("source", definition.source);
      sink.result("toolchain", definition.toolchain);
      if (definition.type === "go") {
        sink.result("modules", definition.modules);
        describePatched(definition.patched, sink);
        sink.map("packages", definition.packages);
        sink.list("ldflags", definition.ldflags);
        sink.list("tags", definition.tags);
      } else {
        for (const [program, files] of Object.entries(definition.programs)) {
          sink.list(`program ${program}`, files);
        }
        sink.list("flags", definition.flags);
      }
      describePlatform(definition.platform, sink);
      return;
    case "debian-index":
      sink.list("suites", definition.suites);
      sink.list("components", definition.components);
      sink.text("architecture", platformSpellings(definition.platform).debian);
      if (definition.keyring !== undefined) sink.file("keyring", definition.keyring);
      for (const name of indexFacts(definition)) {
        const locked = inputs.locked(name.kind, name.name);
        if (locked !== undefined) sink.text(`${name.kind} ${name.name}`, locked);
      }
      return;
    case "packages":
      sink.resultList("index", definition.index, outputLines("packages/"));
      if (definition.on !== undefined) sink.result("on", definition.on, outputDigest("manifest"));
      sink.text("variant", definition.variant ?? "");
      sink.list("names", definition.names);
      sink.text("recommends", String(definition.recommends));
      sink.text("architecture", platformSpellings(definition.platform).debian);
      sink.map("tools", versionsOf(["apt"], inputs));
      return;
    case "base":
      sink.resultList("packages", definition.packages, outputLines("deb/"));
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
      return;
    case "install":
      sink.result("base", definition.base, outputDigest("manifest"));
      sink.resultList("packages", definition.packages, outputLines("deb/"));
      sink.text("scripts", definition.scripts);
      sink.map("tools", versionsOf(installTools(definition), inputs));
      sink.text("emulator", emulatorDigest(definition.platform, inputs));
      describeRules(sink);
      describeWriter(definition, sink);
      return;
    case "dockerfile":
      sink.result("source", definition.source);
      sink.text("path", definition.path);
      return;
    case "run":
      sink.result("base", definition.base, outputDigest("manifest"));
      sink.list("argv", definition.argv);
      sink.map("env", definition.env);
      sink.text("user", definition.user ?? "");
      sink.text("workdir", definition.workdir ?? "");
      sink.text("network", String(definition.network));
      sink.text("emulator", emulatorDigest(definition.platform, inputs));
      describeRules(sink);
      describeWriter(definition, sink);
      return;
    case "image": {
      if (definition.awaits !== undefined) sink.result("Dockerfile", definition.awaits);
      if (definition.base !== undefined)
        sink.result("base", definition.base, outputDigest("manifest"));
      describeFiles(definition.files, sink, inputs);
      for (const directory of definition.directories) {
        const keep = directory.keep === true ? " if absent" : "";
        sink.text(`directory ${directory.path}`, `${ownership(directory)}${keep}`);
      }
      for (const user of definition.users) {
        sink.text(`user ${user.name}`, [user.uid, user.gid, user.home, user.shell].join(":"));
      }
      describeConfig(definition.config, sink);
      describeWriter(definition, sink);
      return;
    }
    case "index":
      for (const image of definition.images)
        sink.result(`image ${image}`, image, outputDigest("manifest"));
      return;
    case "test":
      sink.result("subject", definition.subject);
      describeFiles(definition.files, sink, inputs);
      sink.map("env", definition.env);
      for (const service of definition.services) {
        sink.text(
          `service ${service.name}`,
          JSON.stringify([service.cmd, service.env, service.ready]),
        );
      }
      for (const step of definition.steps) sink.text(`step ${step.name}`, JSON.stringify(step));
      sink.text("platform", platformName(definition.platform));
      sink.text("emulator", emulatorDigest(definition.platform, inputs));
      return;
    case "group":
      return;
    default:
      assertNever(definition);
  }
}

function describeSource(
  origin: Extract<NodeDefinition, { kind: "source" }>["origin"],
  sink: FieldSink,
  inputs: KeyInputs,
): void {
  sink.text("origin", origin.type);
  switch (origin.type) {
    case "go-module":
      sink.text("module", origin.path);
      sink.text("version", origin.version);
      sumField(sink, inputs, origin.path, origin.version, origin.sum);
      return;
    case "git":
      sink.text("commit", origin.commit);
      return;
    case "archive":
      sink.text("digest", origin.digest);
      sink.text("strip", String(origin.strip));
      return;
    case "member":
      sink.result("tree", origin.node);
      sink.text("path", origin.path);
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

function versionsOf(packages: readonly string[], inputs: KeyInputs): Record<string, string> {
  return Object.fromEntries(
    packages.map((name) => [name, inputs.packageVersion(name) ?? "not installed"]),
  );
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

function describeConfig(config: ImageConfig, sink: FieldSink): void {
  sink.list("entrypoint", config.entrypoint);
  sink.list("cmd", config.cmd);
  sink.list(
    "env",
    Object.entries(config.env).map(([name, value]) => `${name}=${value}`),
  );
  sink.map("labels", config.labels);
  sink.list("ports", config.ports);
  sink.list("volumes", config.volumes);
  sink.text("workdir", config.workdir ?? "");
  sink.text("user", config.user ?? "");
  sink.text("stop signal", config.stopSignal ?? "");
}

/** What decides the bytes of a layer, whatever is in it. */
function describeWriter(
  { platform, epoch }: { readonly platform: Platform; readonly epoch: number },
  sink: FieldSink,
): void {
  sink.text("platform", platformName(platform));
  sink.text("epoch", String(epoch));
  sink.text("archive writer", String(ARCHIVE_VERSION));
}

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

/** `NAME DIGEST` of every output below a prefix, such as `deb/`. */
function outputLines(prefix: string): (record: ActionRecord) => string[] {
  return (record) =>
    record.outputs
      .filter((output) => output.name.startsWith(prefix))
      .map((output) => `${output.name.slice(prefix.length)} ${output.digest}`);
}

function describePlatform(platform: Platform, sink: FieldSink): void {
  sink.map("platform", goEnvironment(platform));
}

function ownership(entry: {
  mode?: number;
  uid: number;
  gid: number;
  nameInDirectory?: string;
}): string {
  const mode = entry.mode === undefined ? "default" : `0o${entry.mode.toString(8)}`;
  const name = entry.nameInDirectory === undefined ? "" : ` as ${entry.nameInDirectory}`;
  return `${mode} ${entry.uid}:${entry.gid}${name}`;
}

function describeFiles(files: readonly ImageFile[], sink: FieldSink, inputs: KeyInputs): void {
  for (const file of files) {
    const { content } = file;
    // Several copies may have one destination.
    const name = `file ${file.path}${content.type === "copy" ? ` ${content.pattern}` : ""}`;
    switch (content.type) {
      case "output":
        sink.result(
          name,
          content.node,
          (record) => `${outputDigest(content.output)(record)} ${ownership(file)}`,
        );
        break;
      case "tree":
        sink.result(
          name,
          content.node,
          (record) => `${record.result} /${content.path} ${ownership(file)}`,
        );
        break;
      case "copy": {
        const { from, root, pattern, optional } = content;
        const rules = JSON.stringify([root, pattern, optional ?? false]);
        sink.result(name, content.node, (record) => {
          const digest = from === "tree" ? record.result : outputDigest("manifest")(record);
          return `${digest} ${rules} ${ownership(file)}`;
        });
        break;
      }
      case "local": {
        const digest = inputs.fileDigest(content.path);
        if (digest === undefined) sink.missing.push(content.path);
        sink.text(name, `${digest ?? "absent"} ${ownership(file)}`);
        break;
      }
      case "text":
        sink.text(name, `${digestOf(content.text)} ${ownership(file)}`);
        break;
      case "link":
        sink.text(name, `link ${content.target}`);
        break;
      default:
        assertNever(content);
    }
  }
}

function outputDigest(name: string): (record: ActionRecord) => string {
  return (record) => record.outputs.find((output) => output.name === name)?.digest ?? "absent";
}

function emulatorDigest(platform: Platform, inputs: KeyInputs): string {
  if (inputs.isNative(platform)) return "none: native";
  return inputs.emulator(platform)?.digest ?? "not installed";
}
