/** The same images by Dockerfiles, everything under QEMU: `docker buildx` on the same builder. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { digestOf, hexOf, type Digest } from "../../../cache/index.js";
import { debFileName } from "../../../src/debian/deb-file.js";
import { parseStanzas } from "../../../src/debian/package-stanza.js";
import type { PeerImage } from "./images.js";
import { BUILDER, imageDigests, type Finished, type Laboratory } from "./laboratory.js";

const PLATFORM = "linux/mips64le";
const GO_TOOLS = ["compile", "asm", "link"];

export class Peer {
  readonly #laboratory: Laboratory;
  /** Images that Dockerfiles stand on: name → `oci-layout://STORE@sha256:…`. */
  #bases: Readonly<Record<string, string>> = {};

  constructor(laboratory: Laboratory) {
    this.#laboratory = laboratory;
  }

  /**
   * Makes what Dockerfiles stand on and has the builder unpack it: Debian, the archive with the
   * packages of `nodes`, Go and gcc for the platform.
   */
  async prepare(nodes: readonly string[]): Promise<void> {
    const laboratory = this.#laboratory;
    const recipe = join(laboratory.root, "test/bench/emulation/peer.kmips");
    cpSync(recipe, laboratory.path("project.kmips"));
    cpSync(laboratory.path("recipes/kmips.lock"), laboratory.path("kmips.lock"));
    await writeArchive(laboratory, laboratory.path("archive"), nodes);
    await laboratory.withStore((store) => {
      const tree = laboratory
        .outputs(store, "recipes", "toolchain.go")
        .find(({ name }) => name === "tree");
      store.extractTree(tree?.digest as Digest, laboratory.path("host-go"));
    });
    await this.#crossCompileGo(laboratory.path("go"));
    const names = ["archive", "debian", "golang", "gcc"];
    const built = await laboratory.build(
      ".",
      names.map((name) => `image.${name}`),
    );
    const digests = imageDigests(built.stdout);
    this.#bases = Object.fromEntries(
      names.map((name) => {
        const digest = digests.get(`image.${name}`);
        if (digest === undefined) throw new Error(`image.${name} is not built: ${built.stdout}`);
        return [name, `oci-layout://${laboratory.store}@${digest}`];
      }),
    );
    await this.#unpackBases();
  }

  /** Go's own programs for the platform, made by its native ones. */
  async #crossCompileGo(target: string): Promise<void> {
    const source = this.#laboratory.path("host-go");
    const tools = join(target, "pkg/tool/linux_mips64le");
    for (const directory of [tools, join(target, "bin")]) mkdirSync(directory, { recursive: true });
    for (const name of ["src", "lib", "pkg/include", "VERSION", "go.env"]) {
      cpSync(join(source, name), join(target, name), { recursive: true });
    }
    const environment = {
      GOOS: "linux",
      GOARCH: "mips64le",
      GOMIPS64: "hardfloat",
      CGO_ENABLED: "0",
      GOROOT: source,
      GOENV: "off",
      GOFLAGS: "",
      GOTOOLCHAIN: "local",
      GOCACHE: this.#laboratory.path("go-cache"),
    };
    const build = [join(source, "bin/go"), "build", "-trimpath", "-ldflags=-s -w", "-o"];
    const options = { cwd: join(source, "src"), env: environment };
    const packages = GO_TOOLS.map((name) => `cmd/${name}`);
    await this.#laboratory.run([...build, `${tools}/`, ...packages], options);
    await this.#laboratory.run([...build, join(target, "bin/go"), "cmd/go"], options);
  }

  /** Real builders have their bases already. */
  async #unpackBases(): Promise<void> {
    const stages = ["debian", "golang", "gcc"].map(
      (name) =>
        `FROM ${name} AS on-${name}\nRUN --mount=type=bind,from=archive,target=/archive true\n`,
    );
    const copies = ["debian", "golang", "gcc"].map(
      (name) => `COPY --from=on-${name} /etc/debian_version /${name}\n`,
    );
    const dockerfile = [...stages, "FROM scratch\n", ...copies].join("");
    await this.build({ name: "unpack", files: { Dockerfile: dockerfile } });
  }

  /** `buildx build` of one image, its progress on standard error. */
  build(image: PeerImage): Promise<Finished> {
    const context = this.#writeContext(image);
    const bases = Object.entries(this.#bases).map(
      ([name, base]) => `--build-context=${name}=${base}`,
    );
    return this.#laboratory.run([
      ...["buildx", "build", "--builder", BUILDER, "--platform", PLATFORM, "--no-cache"],
      ...[...bases, "--provenance=false", "--progress=rawjson", `--output=${this.#output(image)}`],
      context,
    ]);
  }

  /** `buildx bake` of several images at once. */
  bake(images: readonly PeerImage[]): Promise<Finished> {
    const targets = images.map((image) => [
      image.name,
      {
        context: this.#writeContext(image),
        contexts: this.#bases,
        platforms: [PLATFORM],
        "no-cache": true,
        attest: ["type=provenance,disabled=true"],
        output: [this.#output(image)],
      },
    ]);
    const file = this.#laboratory.path("bake.json");
    writeFileSync(file, JSON.stringify({ target: Object.fromEntries(targets) }));
    const names = images.map(({ name }) => name);
    return this.#laboratory.run([
      ...["buildx", "bake", "--builder", BUILDER, "--allow", "fs=*", "--file", file],
      ...["--progress=rawjson", ...names],
    ]);
  }

  /** The digest of a file of a built image. */
  async fileDigest({ name }: PeerImage, path: string): Promise<Digest> {
    const layout = this.#laboratory.path(`images/${name}`);
    const read = <T>(file: string): T => JSON.parse(readFileSync(join(layout, file), "utf8")) as T;
    const blob = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`;
    const [top] = read<{ manifests: { digest: Digest }[] }>("index.json").manifests;
    if (top === undefined) throw new Error(`${name} was not exported`);
    const root = this.#laboratory.path(`roots/${name}`);
    mkdirSync(root, { recursive: true });
    for (const { digest } of read<{ layers: { digest: Digest }[] }>(blob(top.digest)).layers) {
      await this.#laboratory.run(["tar", "-xf", join(layout, blob(digest)), "-C", root]);
    }
    return digestOf(readFileSync(join(root, path)));
  }

  /** Uncompressed, as kmips keeps layers. */
  #output({ name }: PeerImage): string {
    return `type=oci,tar=false,compression=uncompressed,dest=${this.#laboratory.path(`images/${name}`)}`;
  }

  #writeContext({ name, files }: PeerImage): string {
    const context = this.#laboratory.path(`contexts/${name}`);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(context, path)), { recursive: true });
      writeFileSync(join(context, path), text);
    }
    return context;
  }
}

/**
 * Lays the fetched packages and lists out as an archive serves them, the lists as `.xz` alone.
 * Those are compressed here, so the archive is not signed: less work for the peer.
 */
async function writeArchive(
  laboratory: Laboratory,
  directory: string,
  nodes: readonly string[],
): Promise<void> {
  const lists = await laboratory.withStore((store) => {
    const outputs = (address: string): Map<string, Digest> =>
      new Map(
        laboratory.outputs(store, "recipes", address).map(({ name, digest }) => [name, digest]),
      );
    const write = (path: string, digest: Digest | undefined): void => {
      if (digest === undefined) throw new Error(`${path} was not fetched`);
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      store.copyTo(digest, join(directory, path), 0o644);
    };
    for (const set of nodes.map(outputs)) {
      const stanzas = store.readBytes(set.get("stanzas") as Digest).toString();
      for (const stanza of parseStanzas(stanzas)) {
        write(stanza.path, set.get(`deb/${debFileName(stanza)}`));
      }
    }
    return [...outputs("base.debian/index")].flatMap(([name, digest]) => {
      const [kind, suite = "", component = ""] = name.split("/");
      if (kind !== "packages") return [];
      const list = `${component}/binary-mips64el/Packages`;
      write(`dists/${suite}/${list}`, digest);
      return [{ suite, component, list }];
    });
  });
  for (const { suite, component, list } of lists) {
    const path = join(directory, "dists", suite, list);
    const row = (end: string): string => {
      const bytes = readFileSync(`${path}${end}`);
      return ` ${hexOf(digestOf(bytes))} ${String(bytes.length)} ${list}${end}`;
    };
    const rows = [row("")];
    await laboratory.run(["xz", path]);
    rows.push(row(".xz"));
    const release = [
      `Suite: ${suite}\nCodename: ${suite}\nComponents: ${component}`,
      `Architectures: mips64el\nDate: ${new Date().toUTCString()}\nSHA256:\n${rows.join("\n")}\n`,
    ];
    writeFileSync(join(directory, "dists", suite, "Release"), release.join("\n"));
  }
}
