/** Debian bases and installs from the machine's own archive, node by node. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import type { Output } from "../../cache/index.js";
import { runBase } from "../../src/execute/actions/base.js";
import { runDebianIndex } from "../../src/execute/actions/debian-index.js";
import { runInstall } from "../../src/execute/actions/install.js";
import { runPackages } from "../../src/execute/actions/packages.js";
import type { ActionContext, ActionOutcome } from "../../src/execute/context.js";
import type {
  BaseDefinition,
  DebianIndexDefinition,
  InstallDefinition,
  PackagesDefinition,
} from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import { openRig, type Rig } from "../execute/rig.js";
import { NO_CONFIG } from "../../src/model/no-config.js";

const PLATFORM = platformOf("mips64le");

export class DebianRig {
  readonly rig: Rig;
  readonly #directory: string;

  private constructor(rig: Rig, directory: string) {
    this.rig = rig;
    this.#directory = directory;
  }

  /** A rig whose index is `base.debian/index`. */
  static async open(): Promise<DebianRig> {
    const directory = mkdtempSync(join(tmpdir(), "kmips-real-"));
    const environment = Object.fromEntries(
      Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    const store = env["KMIPS_TEST_STORE"] ?? join(directory, "store");
    const all = new DebianRig(await openRig(store, environment), directory);
    const index: DebianIndexDefinition = {
      kind: "debian-index",
      suites: ["bookworm", "bookworm-updates"],
      components: ["main"],
      platform: PLATFORM,
    };
    const context = all.rig.context("base.debian/index");
    all.rig.finish("base.debian/index", index, await runDebianIndex(index, context));
    return all;
  }

  async close(): Promise<void> {
    await this.rig.store.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Runs the base node `base.NAME`, its packages first. */
  async base(
    name: string,
    parts: Partial<BaseDefinition> & { readonly include?: readonly string[] } = {},
    overrides: Partial<ActionContext> = {},
  ): Promise<ActionOutcome> {
    const { include = [], ...rest } = parts;
    const variant = parts.variant ?? "minbase";
    const packages = await this.#packages(`base.${name}/packages`, { variant, names: include });
    const definition: BaseDefinition = {
      kind: "base",
      packages,
      names: include,
      recommends: false,
      suite: "bookworm",
      variant,
      scripts: "chrootless",
      excludePaths: [],
      keepPaths: [],
      config: { ...NO_CONFIG, cmd: ["/bin/sh"] },
      reference: `${name}:bookworm`,
      platform: PLATFORM,
      epoch: 0,
      ...rest,
    };
    const outcome = await runBase(definition, this.rig.context(`base.${name}`, overrides));
    this.rig.finish(`base.${name}`, definition, outcome);
    return outcome;
  }

  /** Runs an install of `names` on `on`, its packages first. */
  async install(
    on: string,
    names: readonly string[],
    scripts: InstallDefinition["scripts"],
    overrides: Partial<ActionContext> = {},
  ): Promise<ActionOutcome> {
    const address = `image.${names.join("+")}-${scripts}/install`;
    await this.#packages(`${address}/packages`, { on, names });
    return this.#runInstall(address, on, names, scripts, overrides);
  }

  async #runInstall(
    address: string,
    on: string,
    names: readonly string[],
    scripts: InstallDefinition["scripts"],
    overrides: Partial<ActionContext>,
  ): Promise<ActionOutcome> {
    const definition: InstallDefinition = {
      kind: "install",
      base: on,
      packages: `${address}/packages`,
      names,
      recommends: false,
      scripts,
      platform: PLATFORM,
      epoch: 0,
    };
    const outcome = await runInstall(definition, this.rig.context(address, overrides));
    this.rig.finish(address, definition, outcome);
    return outcome;
  }

  /** Runs an install of a package made here, with one maintainer script. */
  async installOwn(
    on: string,
    name: string,
    postinst: string,
    scripts: InstallDefinition["scripts"],
  ): Promise<ActionOutcome> {
    const tree = join(mkdtempSync(join(this.#directory, "own-")), "tree");
    mkdirSync(join(tree, "DEBIAN"), { recursive: true });
    const control = [
      ...[`Package: ${name}`, "Version: 1", "Architecture: all"],
      ...["Maintainer: Nobody <nobody@example.org>", "Description: test"],
    ];
    writeFileSync(join(tree, "DEBIAN/control"), `${control.join("\n")}\n`);
    writeFileSync(join(tree, "DEBIAN/postinst"), postinst, { mode: 0o755 });
    execFileSync("dpkg-deb", ["--root-owner-group", "--build", tree, `${tree}.deb`]);
    const blob = await this.rig.store.putFile(`${tree}.deb`);
    const deb = `${name}_1_all.deb`;
    const text = [
      ...control,
      ...[`Filename: pool/${deb}`, `Size: ${blob.size}`, `SHA256: ${blob.digest.slice(7)}`, ""],
    ].join("\n");
    const address = `image.${name}-${scripts}/install`;
    const packages: PackagesDefinition = {
      ...{ kind: "packages", index: "base.debian/index", on, names: [name] },
      ...{ recommends: false, platform: PLATFORM },
    };
    const stanzas = this.rig.store.putBytes(text);
    this.rig.finish(`${address}/packages`, packages, {
      outputs: [
        { name: "stanzas", digest: stanzas, size: text.length },
        { name: `deb/${deb}`, ...blob },
      ],
      nativeMs: 0,
      emulatedMs: 0,
    });
    return this.#runInstall(address, on, [name], scripts, {});
  }

  /** Command lines of processes that see directories of the store mounted: what a sandbox left behind. */
  sandboxedProcesses(): string[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        try {
          const mounts = readFileSync(`/proc/${pid}/mountinfo`, "utf8");
          const isOurs = mounts.includes(` ${this.rig.store.root}/`);
          return isOurs ? [readFileSync(`/proc/${pid}/cmdline`, "utf8")] : [];
        } catch {
          return []; // It has ended meanwhile.
        }
      });
  }

  async #packages(
    address: string,
    parts: Pick<PackagesDefinition, "names"> & Partial<PackagesDefinition>,
  ): Promise<string> {
    const definition: PackagesDefinition = {
      kind: "packages",
      index: "base.debian/index",
      recommends: false,
      platform: PLATFORM,
      ...parts,
    };
    this.rig.finish(address, definition, await runPackages(definition, this.rig.context(address)));
    return address;
  }
}

/** The layers of an image, lowest first. */
export function layersOf({ outputs }: ActionOutcome): readonly Output[] {
  return outputs.filter(({ name }) => name.startsWith("layer/"));
}
