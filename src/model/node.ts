/**
 * The nodes of the build graph: what each declared unit became after evaluation.
 *
 * Plain data without behaviour. `src/analyze` makes them, `src/keys` turns them into actions,
 * `src/execute` runs them. Paths are absolute unless said otherwise; every other value is as the recipe
 * wrote it.
 */
import type { Location } from "../../grammar/index.js";
import type { Platform } from "./platform.js";

/** `kind.name`, `kind.name[axis,axis]`, and for derived nodes `owner/part`: unique in a project. */
export type Address = string;

export type NodeKind = NodeDefinition["kind"];

export interface GraphNode {
  readonly address: Address;
  readonly definition: NodeDefinition;
  /** Every node whose result this node reads, without duplicates, in the order of first use. */
  readonly dependencies: readonly Address[];
  /** Where the recipe declares it. */
  readonly at: Location;
  /** The `##` comment of the declaration. */
  readonly doc?: string;
  /** Only its own name takes it: an optional cell, or what nothing but optional cells needs. */
  readonly optional?: true;
}

export type NodeDefinition =
  | SourceDefinition
  | PatchDefinition
  | ToolchainDefinition
  | ModulesDefinition
  | GenerateDefinition
  | ComponentDefinition
  | DebianIndexDefinition
  | PackagesDefinition
  | BaseDefinition
  | InstallDefinition
  | DockerfileDefinition
  | RunDefinition
  | ImageDefinition
  | IndexDefinition
  | TestDefinition
  | GroupDefinition;

/** A tree of files from outside. Output: `tree`, a canonical tar. */
export interface SourceDefinition {
  readonly kind: "source";
  readonly origin: SourceOrigin;
}

export type SourceOrigin =
  /** A Go module through the go client, e.g. `k8s.io/kubernetes` at `v1.16.2`. `sum` is its `h1:` hash, when declared. */
  | {
      readonly type: "go-module";
      readonly path: string;
      readonly version: string;
      readonly sum?: string;
      /** Only optional cells need it: it is fetched only with its fact in the lock. */
      readonly needsFact?: true;
    }
  /** `commit` is 40 lower-case hex digits; `url` may be a local path. */
  | {
      readonly type: "git";
      readonly url: string;
      readonly commit: string;
      /** The commit is what this tag names. */
      readonly tag?: string;
    }
  /** The commit that a tag has in the lock; `place` is the repository in the lock's words. */
  | {
      readonly type: "git";
      readonly url: string;
      readonly commit?: undefined;
      readonly tag: string;
      readonly place: string;
    }
  /** A tar (plain, gzip, xz) by digest; `location` is a URL or an absolute path; `strip` leading path components go. */
  | {
      readonly type: "archive";
      readonly location: string;
      readonly digest: string;
      readonly strip: number;
    }
  /** One by the digest that it has in the lock; `place` is its location in the lock's words. */
  | {
      readonly type: "archive";
      readonly location: string;
      readonly digest?: undefined;
      readonly place: string;
      readonly strip: number;
    }
  /** A directory of this machine, filtered by globs relative to it. */
  | {
      readonly type: "directory";
      readonly path: string;
      readonly include: readonly string[];
      readonly exclude: readonly string[];
    }
  /** A source's or patch's tree with an edited go.mod and with generated files in it. */
  | {
      readonly type: "derived";
      readonly node: Address;
      /** The edits and the Go toolchain that makes them. */
      readonly gomod?: { readonly edits: ModuleEdits; readonly toolchain: Address };
      /** Generate nodes; each of their outputs stands at its path in the tree. */
      readonly generated: readonly Address[];
    }
  /** What the archive at `path` of another source's or patch's tree holds. */
  | { readonly type: "member"; readonly node: Address; readonly path: string }
  /** All of a Go toolchain: its own programs and library are built like any other. */
  | { readonly type: "toolchain"; readonly node: Address }
  /** Named files of this machine, by their paths relative to `base`, which they keep in the tree. */
  | { readonly type: "files"; readonly base: string; readonly paths: readonly string[] };

/** A source with a series of patches applied. Output: `tree`. */
export interface PatchDefinition {
  readonly kind: "patch";
  readonly source: Address;
  /** In order of application; retired ones are absent. */
  readonly series: readonly PatchFile[];
  /** Patches whose `retire` rule holds, for the report; not applied, not keyed. */
  readonly retired: readonly PatchFile[];
}

export interface PatchFile {
  /** Absolute path of the unified diff. */
  readonly path: string;
  /** The path as the recipe names it. */
  readonly label: string;
  readonly reason: string;
  readonly upstream?: string;
  readonly at: Location;
}

/** Tools pinned by digest. Output: `tree` for Go, `identity` (a JSON list of files and digests) for C. */
export type ToolchainDefinition =
  | {
      readonly kind: "toolchain";
      readonly type: "go";
      /** `go1.26.8`, as Go spells it. */ readonly version: string;
    }
  /** Debian's cross C compiler; `triplet` such as `mips64el-linux-gnuabi64`, `packages` their exact names. */
  | {
      readonly kind: "toolchain";
      readonly type: "cc";
      readonly triplet: string;
      readonly packages: readonly string[];
    };

/**
 * The Go modules that a build needs, as chosen by the go client from the edited go.mod.
 * Outputs: `go.mod`, `go.sum`, and `download`, the tree of its files of the download cache.
 */
export interface ModulesDefinition {
  readonly kind: "modules";
  readonly source: Address;
  readonly toolchain: Address;
  readonly edits: ModuleEdits;
  /** Dependency modules replaced by a patched tree. */
  readonly patched: readonly PatchedModule[];
  /** Package paths: relative to the source, as `./test/images/agnhost`, or import paths. */
  readonly packages: readonly string[];
  /** Packages whose tests are built, so that what these import is chosen too. */
  readonly tests?: readonly string[];
  readonly tags: readonly string[];
  /** Absent: this machine's. */
  readonly platform?: Platform;
}

export interface ModuleEdits {
  /** Text that stands for the source's own go.mod (absolute path), when given. */
  readonly file?: string;
  /** The `go` line, e.g. `1.13`. */
  readonly go?: string;
  /** Module paths whose require and replace rows go. */
  readonly drop: readonly string[];
  /** Module path → version. */
  readonly require: Readonly<Record<string, string>>;
  /** Module path → the module that stands for it. */
  readonly replace: Readonly<Record<string, { readonly path: string; readonly version: string }>>;
}

export interface PatchedModule {
  readonly path: string;
  /** The patch node whose tree replaces the module. */
  readonly tree: Address;
}

/**
 * Files that a Go program of a source's own module graph writes when it runs on this machine,
 * without network. Outputs: one for each path, named by it.
 */
export interface GenerateDefinition {
  readonly kind: "generate";
  /** The tree that the generator reads. */
  readonly source: Address;
  readonly modules: Address;
  readonly toolchain: Address;
  /** Package of the generator: relative to the source, or an import path. */
  readonly package: string;
  /** May hold the placeholders of `GENERATE_PLACEHOLDERS`. */
  readonly args: readonly string[];
  /** What `{packages}` stands for. */
  readonly packages?: MarkedPackages;
  /** Paths in the tree, sorted. */
  readonly outputs: readonly string[];
}

/** The packages that `of` imports, itself included, with `marker` in the text of one of their files. */
export interface MarkedPackages {
  readonly of: readonly string[];
  readonly marker: string;
}

/** Words in braces that the arguments of a generator may hold. */
export const GENERATE_PLACEHOLDERS = ["out", "gopath", "packages"] as const;

/** Programs built from a source. One output per program, named as the recipe names it. */
export type ComponentDefinition = GoComponent | CComponent;

export interface GoComponent {
  readonly kind: "component";
  readonly type: "go";
  readonly version?: string;
  /** The source or its patch node. */
  readonly source: Address;
  readonly modules: Address;
  readonly toolchain: Address;
  readonly patched: readonly PatchedModule[];
  /** Program name → package path. */
  readonly packages: Readonly<Record<string, string>>;
  /** Program name → the package whose tests it runs. */
  readonly tests?: Readonly<Record<string, string>>;
  readonly ldflags: readonly string[];
  readonly tags: readonly string[];
  readonly platform: Platform;
}

export interface CComponent {
  readonly kind: "component";
  readonly type: "c";
  readonly version?: string;
  readonly source: Address;
  readonly toolchain: Address;
  /** Program name → its source files, relative to the source. */
  readonly programs: Readonly<Record<string, readonly string[]>>;
  readonly flags: readonly string[];
  readonly platform: Platform;
}

/**
 * The package lists of a Debian archive for one architecture, verified with the archive's keys.
 * Outputs: `release/SUITE` (its InRelease), `packages/SUITE/COMPONENT` (its Packages, plain text).
 */
export interface DebianIndexDefinition {
  readonly kind: "debian-index";
  /** In order of preference among equal versions: `bookworm`, `bookworm-updates`. */
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Absolute path of a keyring; absent: the one of this machine's debian-archive-keyring. */
  readonly keyring?: string;
  readonly platform: Platform;
}

/**
 * A set of Debian packages, solved by apt against an index and fetched. Outputs: `stanzas`, the
 * chosen packages' paragraphs of Packages, and `deb/NAME_VERSION_ARCH.deb` for each.
 */
export interface PackagesDefinition {
  readonly kind: "packages";
  readonly index: Address;
  /** The root file system that the set is added to; absent: an empty one. */
  readonly on?: Address;
  /** With an empty root: what mmdebstrap calls the variant, beside `names`. */
  readonly variant?: DebianVariant;
  /** `curl`, or `curl=7.88.1-10`. */
  readonly names: readonly string[];
  readonly recommends: boolean;
  readonly platform: Platform;
}

/** The sets of mmdebstrap(1) that make a root file system which can install more. */
export type DebianVariant = "essential" | "apt" | "minbase";

/** A root file system of Debian packages. Outputs as an image's. */
export interface BaseDefinition {
  readonly kind: "base";
  readonly packages: Address;
  /** As of `InstallDefinition`. */
  readonly names: readonly string[];
  readonly recommends: boolean;
  readonly suite: string;
  readonly variant: DebianVariant;
  /** Where maintainer scripts run: natively with DPKG_ROOT set, or all of dpkg under the emulator. */
  readonly scripts: "chrootless" | "emulated";
  /** Globs of absolute paths that dpkg does not unpack. */
  readonly excludePaths: readonly string[];
  /** Exceptions from `excludePaths`. */
  readonly keepPaths: readonly string[];
  readonly config: ImageConfig;
  /** Name and tag in the store's index, e.g. `debian:bookworm`. */
  readonly reference: string;
  readonly budget?: Budget;
  readonly platform: Platform;
  readonly epoch: number;
}

/** Packages added to an image: one layer with what changed. Outputs as an image's. */
export interface InstallDefinition {
  readonly kind: "install";
  readonly base: Address;
  readonly packages: Address;
  /** What was asked for, as the packages node has it: apt keeps which packages are not there of themselves. */
  readonly names: readonly string[];
  readonly recommends: boolean;
  /** `split`: apt and dpkg run natively, maintainer scripts under the emulator; `emulated`: everything. */
  readonly scripts: "split" | "emulated";
  readonly platform: Platform;
  readonly epoch: number;
}

/** A Dockerfile read from a source's tree, which decides the nodes of an image. Output: `text`. */
export interface DockerfileDefinition {
  readonly kind: "dockerfile";
  readonly source: Address;
  /** Relative to the source. */
  readonly path: string;
}

/** A command run in an image by BuildKit, on the image's platform. Outputs as an image's. */
export interface RunDefinition {
  readonly kind: "run";
  readonly base: Address;
  readonly argv: readonly string[];
  /** Beside the base's environment; not part of the result. */
  readonly env: Readonly<Record<string, string>>;
  /** `uid[:gid]` or names; absent: the base's. */
  readonly user?: string;
  readonly workdir?: string;
  /** Whether the step may use the network; its result is then only as good as what it fetched. */
  readonly network: boolean;
  readonly platform: Platform;
  readonly epoch: number;
}

/** An OCI image. Outputs: `manifest`, `config`, `layer/0` … in order, base layers first. */
export interface ImageDefinition {
  readonly kind: "image";
  /** The image, base, install or run node it stands on; absent for scratch. */
  readonly base?: Address;
  /** Its Dockerfile node, as long as that has no result: the nodes between the two are not known yet. */
  readonly awaits?: Address;
  /** With `awaits`: what those nodes will be made from. */
  readonly undecided?: UndecidedSteps;
  readonly files: readonly ImageFile[];
  readonly directories: readonly ImageDirectory[];
  readonly users: readonly ImageUser[];
  readonly config: ImageConfig;
  /** Name and tag in the store's index, e.g. `agnhost:2.6`; absent for a step on the way to an image. */
  readonly reference?: string;
  /** The name that clusters ask for, e.g. `k8s.gcr.io/pause:3.1`; not part of any key. */
  readonly published?: string;
  readonly budget?: Budget;
  readonly platform: Platform;
  /** Seconds since the epoch: every time stamp of the image. */
  readonly epoch: number;
}

/** What decides nodes that are not known yet; not keyed, for the image is not built before they are. */
export interface UndecidedSteps {
  /** Rules and values in canonical form. */
  readonly text: string;
  readonly files: readonly ImageFile[];
  /** Nodes, or declarations for all their cells, that may come in. */
  readonly nodes: readonly Address[];
}

/** What a base or image may cost; checked after every build, not part of any key. */
export interface Budget {
  /** Of all its layers, uncompressed. */
  readonly sizeBytes?: number;
  /** Of all nodes it is made of, but for its base's and its tests'. */
  readonly emulatedMs?: number;
}

export interface ImageFile {
  /**
   * Absolute path in the image; for a tree, the directory that receives it. For a copy it may end
   * in `/`: a directory for certain.
   */
  readonly path: string;
  readonly content: ImageContent;
  /** The name it gets below `path` when a directory stands there, as with Dockerfiles' COPY. */
  readonly nameInDirectory?: string;
  /** Permission bits; absent: 0755 for programs and executables, 0644 otherwise. */
  readonly mode?: number;
  readonly uid: number;
  readonly gid: number;
}

export type ImageContent =
  /** One output of a component. */
  | { readonly type: "output"; readonly node: Address; readonly output: string }
  /** A file or directory of a source's or patch's tree; `path` is relative, "" for all of it. */
  | { readonly type: "tree"; readonly node: Address; readonly path: string }
  | CopiedContent
  /** A file of this machine beside the recipe, by absolute path. */
  | { readonly type: "local"; readonly path: string }
  | { readonly type: "text"; readonly text: string }
  /** A symbolic link to `target`. */
  | { readonly type: "link"; readonly target: string };

/** What a Dockerfile's COPY takes from a build context or from another image, by Docker's rules. */
export interface CopiedContent {
  readonly type: "copy";
  /** A source's or patch's tree, or a node with outputs as an image's. */
  readonly from: "tree" | "image";
  readonly node: Address;
  /** The directory of the context, whose .dockerignore holds; "" for all of the tree. */
  readonly root: string;
  /** Relative to `root`; may hold `*`, `?`, `[…]` and `**`. "" is the directory itself. */
  readonly pattern: string;
  /** Whether nothing may be there, because other content of the node stands for it. */
  readonly optional?: true;
}

export interface ImageDirectory {
  readonly path: string;
  /** A directory that is there already stays as it is. */
  readonly keep?: true;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A row of /etc/passwd with its group of the same name and gid in /etc/group. */
export interface ImageUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** In order of declaration. */
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** `8080/tcp`. */
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly workdir?: string;
  /** `uid[:gid]` or a name of the image's users. */
  readonly user?: string;
  /** `SIGTERM`. */
  readonly stopSignal?: string;
}

/** An OCI image index over one image per platform. Output: `index`. */
export interface IndexDefinition {
  readonly kind: "index";
  readonly images: readonly Address[];
  readonly reference: string;
}

/** A command, request or signal under QEMU with what it must answer. Output: `report`. */
export interface TestDefinition {
  readonly kind: "test";
  /** The image, or the component whose programs stand at `/NAME`. */
  readonly subject: Address;
  readonly files: readonly ImageFile[];
  readonly services: readonly TestService[];
  readonly steps: readonly TestStep[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly platform: Platform;
}

export interface TestService {
  readonly name: string;
  /** argv; the first word is a path in the image. Absent: the image's entrypoint and cmd. */
  readonly cmd?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly ready: Readiness;
}

export type Readiness =
  | { readonly type: "tcp"; readonly port: number }
  | { readonly type: "http"; readonly url: string }
  /** A regular expression over the service's output. */
  | { readonly type: "log"; readonly pattern: string }
  | { readonly type: "started" };

export type TestStep = {
  readonly name: string;
  /** Regular expression that the answer must match: stdout and stderr, the body, the record. */
  readonly expect?: string;
} & (
  | {
      readonly type: "command";
      readonly cmd?: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly exit: number;
    }
  | {
      readonly type: "http";
      readonly url: string;
      readonly method: string;
      readonly body?: string;
      readonly status: number;
    }
  | {
      readonly type: "dns";
      readonly question: string;
      readonly record: "A" | "AAAA" | "TXT" | "CNAME" | "SRV";
      /** `127.0.0.1:1053`. */ readonly server: string;
    }
  | {
      readonly type: "signal";
      readonly service: string;
      readonly signal: string;
      readonly exit: number;
    }
);

/** Nothing of its own: a name for several nodes. */
export interface GroupDefinition {
  readonly kind: "group";
  readonly members: readonly Address[];
  /** Images that are not wanted: pattern of REGISTRY/NAME:TAG with `*` for any text → why. */
  readonly unwanted?: Readonly<Record<string, string>>;
}
