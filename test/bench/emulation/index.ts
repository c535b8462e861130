/**
 * kmips against `docker buildx` with everything under QEMU: seconds of builds from nothing.
 *
 * Fetched and made before anything is measured, for both sides: Debian's base, the sources, Go
 * modules and packages, toolchains (for kmips Go and gcc of this machine, for its peer images with
 * Go and gcc of the platform, unpacked by the builder). The peer's packages come from a directory
 * beside its root file system, so that no download is measured. Both write their images uncompressed.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Digest, Store } from "../../../cache/index.js";
import { agnhostImage, compiledImages, packageImages, type PeerImage } from "./images.js";
import { Laboratory, type Finished, type LaboratoryParts } from "./laboratory.js";
import { Peer } from "./peer.js";
import { builtNodes, runSteps } from "./progress.js";

export interface Figure {
  readonly own: number;
  readonly peer: number;
  readonly unit: string;
}

/** Nodes of the shipped recipes. */
const PROJECT = "recipes";
const COMPILED = ["image.mounttest", "image.nonewprivs", "image.test_webserver", "image.pause"];
const PACKAGES = ["image.nginx[1.14]", "image.redis"];
const BASE = "base.debian";
const AGNHOST = "image.agnhost";

/** What a build of one side took. */
interface Build {
  /** Of the whole build, as a clock on the wall says. */
  readonly seconds: number;
  readonly emulatedSeconds: number;
  /** RUN steps, or nodes with emulated seconds. */
  readonly emulated: number;
}

interface Pair {
  readonly own: Build;
  readonly peer: Build;
}

/** Measures each thing once; the answers do not change. */
export class Emulation {
  readonly #laboratory: Laboratory;
  readonly #peer: Peer;
  readonly #log: (line: string) => void;
  /** Nodes with emulated seconds among those of the base. */
  #emulatedForBase = 0;
  #prepared: Promise<void> | undefined;
  #set: Promise<{ readonly compiled: Pair; readonly packages: Pair }> | undefined;
  #agnhost: Promise<Pair> | undefined;

  constructor(parts: LaboratoryParts, log: (line: string) => void) {
    this.#laboratory = new Laboratory(parts);
    this.#peer = new Peer(this.#laboratory);
    this.#log = log;
  }

  /** Three Go images, one C image and two of Debian packages: seconds. */
  async wholeSet(): Promise<Figure> {
    const { compiled, packages } = await this.#measuredSet();
    return {
      own: compiled.own.seconds + packages.own.seconds,
      peer: compiled.peer.seconds + packages.peer.seconds,
      unit: "s",
    };
  }

  /** The two images of Debian packages: seconds. */
  async packages(): Promise<Figure> {
    const { own, peer } = (await this.#measuredSet()).packages;
    return { own: own.seconds, peer: peer.seconds, unit: "s" };
  }

  /** The base, Go and C: what ran under QEMU. No image's tests are among it. */
  async emulatedNodes(): Promise<Figure> {
    const { own, peer } = (await this.#measuredSet()).compiled;
    return { own: this.#emulatedForBase + own.emulated, peer: peer.emulated, unit: "steps" };
  }

  /** agnhost from upstream's Dockerfile: emulated seconds. */
  async agnhost(): Promise<Figure> {
    this.#agnhost ??= this.#measureAgnhost();
    const { own, peer } = await this.#agnhost;
    return { own: own.emulatedSeconds, peer: peer.emulatedSeconds, unit: "s" };
  }

  close(): Promise<void> {
    return this.#laboratory.close();
  }

  #measuredSet(): Promise<{ readonly compiled: Pair; readonly packages: Pair }> {
    this.#set ??= this.#measureSet();
    return this.#set;
  }

  async #measureSet(): Promise<{ readonly compiled: Pair; readonly packages: Pair }> {
    await this.#prepare();
    const images = await this.#laboratory.withStore((store) =>
      compiledImages(store, this.#kubernetes(store)),
    );
    const compiled = await this.#measurePair("Go and C", COMPILED, images);
    await this.#requireSamePrograms(images);
    return { compiled, packages: await this.#measurePair("packages", PACKAGES, packageImages()) };
  }

  /** Times of different work would mean nothing. @throws Error for a program that differs */
  async #requireSamePrograms(images: readonly PeerImage[]): Promise<void> {
    for (const image of images) {
      if (image.program === undefined) continue;
      const { path, component, output } = image.program;
      const [own, peer] = [
        await this.#laboratory.withStore((store) => this.#output(store, component, output)),
        await this.#peer.fileDigest(image, path),
      ];
      if (own !== peer) throw new Error(`${component} is ${own}, by its Dockerfile ${peer}`);
    }
  }

  async #measureAgnhost(): Promise<Pair> {
    await this.#prepare();
    this.#log("compiling agnhost, which both sides copy …");
    await this.#laboratory.build(PROJECT, ["component.agnhost"]);
    const image = await this.#laboratory.withStore((store) => {
      const program = this.#output(store, "component.agnhost", "agnhost");
      mkdirSync(this.#laboratory.path("contexts/agnhost"), { recursive: true });
      store.copyTo(program, this.#laboratory.path("contexts/agnhost/agnhost"), 0o755);
      return agnhostImage(store, this.#kubernetes(store));
    });
    return this.#measurePair("agnhost", [AGNHOST], [image]);
  }

  /** Builds the nodes and their peer images, one after the other. */
  async #measurePair(
    what: string,
    nodes: readonly string[],
    images: readonly PeerImage[],
  ): Promise<Pair> {
    this.#log(`building ${what} with kmips …`);
    // Nothing that was compiled for something else.
    rmSync(join(this.#laboratory.store, "kmips/gocache"), { recursive: true, force: true });
    const own = ownBuild(await this.#ownRun(nodes));
    this.#log(`  ${describe(own)}`);
    this.#log(`building ${what} under QEMU …`);
    const peer = peerBuild(await this.#peer.bake(images));
    this.#log(`  ${describe(peer)}`);
    return { own, peer };
  }

  /** Without a network: everything was fetched before. */
  #ownRun(nodes: readonly string[]): Promise<Finished> {
    return this.#laboratory.build(PROJECT, nodes, "--offline", "--progress", "json");
  }

  #prepare(): Promise<void> {
    this.#prepared ??= this.#prepareBoth();
    return this.#prepared;
  }

  async #prepareBoth(): Promise<void> {
    const laboratory = this.#laboratory;
    this.#log("starting the builder, which is built first where it is not yet: minutes …");
    await laboratory.startBuilder();
    this.#log("fetching what the images are made of, and making Debian's base …");
    // With its text agnhost's Dockerfile tells what it needs.
    const texts = ["source.kubernetes", `${AGNHOST}/dockerfile`];
    const base = [BASE, "toolchain.go", "toolchain.cc", ...texts];
    const events = await laboratory.build(PROJECT, base, "--progress", "json");
    this.#emulatedForBase = ownBuild(events).emulated;
    const all = await laboratory.needs(PROJECT, [...COMPILED, ...PACKAGES, AGNHOST]);
    const fetched = all.filter((address) => /[/:](?:modules|packages)$/.test(address));
    await laboratory.build(PROJECT, fetched);
    this.#log("making what Dockerfiles stand on: an archive, Go and gcc for the platform …");
    await this.#peer.prepare(fetched.filter((address) => address.endsWith("packages")));
  }

  #kubernetes(store: Store): Digest {
    return this.#output(store, "source.kubernetes", "tree");
  }

  #output(store: Store, address: string, name: string): Digest {
    const outputs = this.#laboratory.outputs(store, PROJECT, address);
    const output = outputs.find((each) => each.name === name);
    if (output === undefined) throw new Error(`${address} has no ${name}`);
    return output.digest;
  }
}

function ownBuild({ stderr, seconds }: Finished): Build {
  const emulated = builtNodes(stderr).filter((node) => node.emulatedSeconds > 0);
  const sum = emulated.reduce((total, node) => total + node.emulatedSeconds, 0);
  return { seconds, emulatedSeconds: sum, emulated: emulated.length };
}

function peerBuild({ stderr, seconds }: Finished): Build {
  const steps = runSteps(stderr);
  return { seconds, emulatedSeconds: steps.seconds, emulated: steps.count };
}

function describe({ seconds, emulatedSeconds, emulated }: Build): string {
  return `${seconds.toFixed(1)} s, ${emulatedSeconds.toFixed(1)} s emulated in ${emulated} steps`;
}
