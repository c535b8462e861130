/**
 * Where kmips and its peer are measured: a store of its own with everything fetched and nothing
 * built, and one buildkitd for both, the one that `kmips setup` builds.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { arch, env, execPath } from "node:process";
import { openStore, type Output, type Store } from "../../../cache/index.js";
import { daemonArgv } from "../../../src/execute/builder/private-builder.js";
import { holdProcess, Tools, type HeldProcess } from "../../../src/host/index.js";
import { History } from "../../../src/plan/history.js";
import { projectDirectory, storeRoot } from "../../../src/plan/locations.js";
import { MemoryLocker } from "../../cache/support/memory-locker.js";
import { withoutTests } from "./recipe.js";

/** Name of the builder, for kmips and for buildx. */
export const BUILDER = "bench";

/** Long enough for compilers under QEMU on a busy machine. */
const TIMEOUT_MS = 3_600_000;
const LAST_LINES = 12;

export interface LaboratoryParts {
  /** The repository, whose `dist/` is measured. */
  readonly root: string;
  /** A temporary directory. */
  readonly work: string;
  /** The store that holds the builder's programs, or gets them; absent: the user's own. */
  readonly store?: string;
}

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  /** Of the whole process. */
  readonly seconds: number;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Beside the laboratory's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export class Laboratory {
  readonly root: string;
  readonly work: string;
  /** The measured store: an OCI layout. */
  readonly store: string;
  readonly #tools: Tools;
  readonly #toolStore: string;
  /** As the user has it, without settings of kmips, and with the laboratory's builder. */
  readonly #environment: Readonly<Record<string, string>>;
  #daemon: HeldProcess | undefined;

  constructor({ root, work, store }: LaboratoryParts) {
    this.root = root;
    this.work = mkdtempSync(join(work, "emulation-"));
    this.store = this.path("store");
    this.#toolStore = storeRoot(store, env, root);
    this.#tools = new Tools({ path: env["PATH"] ?? "", node: execPath, nodeArch: arch });
    const own = Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !/^(?:KMIPS|BUILDX|DOCKER)_/.test(entry[0]),
    );
    this.#environment = {
      ...Object.fromEntries(own),
      PATH: `${this.path("bin")}:${env["PATH"] ?? ""}`,
      BUILDX_CONFIG: this.path("buildx"),
      DOCKER_CONFIG: this.path("docker"),
    };
    for (const name of ["bin", "builder/root"]) mkdirSync(this.path(name), { recursive: true });
    copyRecipes(join(root, "recipes"), this.path("recipes"));
  }

  path(name: string): string {
    return join(this.work, name);
  }

  /** Runs a program to its end. @throws Error with what it said, when it fails */
  run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const [program = "", ...args] = argv;
    const begin = performance.now();
    return new Promise((resolve, reject) => {
      const settings = {
        cwd: options.cwd ?? this.work,
        env: { ...this.#environment, ...options.env },
        maxBuffer: 1 << 28,
        timeout: TIMEOUT_MS,
      };
      execFile(program, args, settings, (error, stdout, stderr) => {
        const seconds = (performance.now() - begin) / 1000;
        if (error === null) resolve({ stdout, stderr, seconds });
        else {
          const said = `${stdout}${stderr}`.trim().split("\n").slice(-LAST_LINES).join("\n  ");
          reject(
            new Error(`${argv.join(" ")} ended with ${error.code ?? error.signal}\n  ${said}`),
          );
        }
      });
    });
  }

  /** `kmips build` of nodes of the project in the directory `project`. */
  build(project: string, nodes: readonly string[], ...options: string[]): Promise<Finished> {
    const where = ["-C", this.path(project), "--store", this.store];
    return this.run([this.#kmips, "build", ...where, "--builder", BUILDER, ...options, ...nodes]);
  }

  /** The addresses of nodes and of everything they need, as far as that is known. */
  async needs(project: string, nodes: readonly string[]): Promise<string[]> {
    const where = ["-C", this.path(project), "--store", this.store];
    const { stdout } = await this.run([this.#kmips, "plan", ...where, "--json", ...nodes]);
    const plan = JSON.parse(stdout) as { readonly nodes: readonly { readonly address: string }[] };
    return plan.nodes.map(({ address }) => address);
  }

  get #kmips(): string {
    return join(this.root, "dist/kmips");
  }

  /** Calls back with the measured store, to read only. */
  async withStore<T>(use: (store: Store) => T): Promise<T> {
    return withStore(this.store, use);
  }

  /** What a node of a project in the measured store was last built to. @throws Error for none */
  outputs(store: Store, project: string, address: string): readonly Output[] {
    return lastOutputs(store, this.path(project), address);
  }

  /** Builds what `kmips setup` builds, where it is not built yet, and starts it. */
  async startBuilder(): Promise<void> {
    const project = join(this.root, "recipes/builder");
    const [buildkitd, buildx] = ["buildkitd", "buildx"].map((name) => ({
      name,
      address: `component.${name}[${this.#tools.hostArch}]`,
    }));
    if (buildkitd === undefined || buildx === undefined) throw new Error("two programs");
    const where = ["-C", project, "--store", this.#toolStore];
    await this.run([this.#kmips, "build", ...where, buildkitd.address, buildx.address]);
    await withStore(this.#toolStore, (store) => {
      for (const { name, address } of [buildkitd, buildx]) {
        const output = lastOutputs(store, project, address).find((each) => each.name === name);
        if (output === undefined) throw new Error(`${address} has no ${name}`);
        store.copyTo(output.digest, this.path(`bin/${name}`), 0o755);
      }
    });
    const directory = this.path("builder");
    const daemon = holdProcess(
      [
        ...daemonArgv(this.path("bin/buildkitd"), this.#tools, userInfo().uid !== 0),
        // What is unpacked once stays so, as long as anything is measured.
        "--oci-worker-gc=false",
      ],
      this.#environment,
      { cwd: directory, ready: /running server on / },
    );
    this.#daemon = daemon;
    const answer = await daemon.answered;
    if (answer !== "output") throw new Error(`buildkitd does not start: ${answer.stderr}`);
    const endpoint = `unix://${join(directory, "buildkitd.sock")}`;
    await this.run(["buildx", "create", "--name", BUILDER, "--driver", "remote", endpoint]);
  }

  /** Ends the builder with everything that runs in it. */
  async close(): Promise<void> {
    await this.#daemon?.end();
  }
}

/** Recipes without their tests: the peer has none. */
function copyRecipes(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
  for (const name of readdirSync(to, { recursive: true, encoding: "utf8" })) {
    const path = join(to, name);
    if (name.endsWith(".kmips")) writeFileSync(path, withoutTests(readFileSync(path, "utf8")));
  }
}

async function withStore<T>(path: string, use: (store: Store) => T): Promise<T> {
  const store = await openStore(path, { locker: new MemoryLocker(), readOnly: true });
  try {
    return use(store);
  } finally {
    await store.close();
  }
}

function lastOutputs(store: Store, project: string, address: string): readonly Output[] {
  const history = History.open(join(projectDirectory(store.paths.root, project), "history"));
  const key = history.lastBuilt(address);
  const record = key === undefined ? undefined : store.getAction(key);
  if (record === undefined) throw new Error(`${address} of ${project} is not built`);
  return record.outputs;
}

/** `reference digest address`, as `kmips build` prints its images: address → digest. */
export function imageDigests(stdout: string): ReadonlyMap<string, string> {
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
  return new Map(rows.map(([, digest = "", address = ""]) => [address, digest]));
}
