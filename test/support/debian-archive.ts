/**
 * A small Debian archive on loopback, made with Debian's own tools: packages by dpkg-deb, lists by
 * dpkg-scanpackages, InRelease signed by gpg with a key made for the occasion. Its files lie in a
 * directory that tests may change as real archives do.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { env } from "node:process";

/** What a package says beside its name and version. */
export interface PackageOptions {
  readonly depends?: string;
  readonly recommends?: string;
  readonly architecture?: string;
  readonly essential?: boolean;
  /** Content of its one file, /usr/share/NAME. */
  readonly content?: string | Uint8Array;
}

export class DebianArchive {
  /** Directory that is served. */
  readonly root: string;
  /** The public key, as `keyring` wants it. */
  readonly keyring: string;
  /** Paths that were asked for, in order. */
  readonly requests: string[] = [];
  readonly #home: string;
  readonly #work: string;
  #server: Server | undefined;

  /** @param directory absent yet; its path must be short: gpg's sockets lie in it */
  constructor(directory: string) {
    this.root = join(directory, "www");
    this.keyring = join(directory, "archive.gpg");
    this.#home = join(directory, "g");
    this.#work = join(directory, "work");
    for (const path of [this.root, this.#work]) mkdirSync(path, { recursive: true });
    mkdirSync(this.#home, { mode: 0o700 });
    this.#gpg(
      "--passphrase",
      "",
      "--quick-generate-key",
      "test archive",
      "ed25519",
      "sign",
      "never",
    );
    writeFileSync(this.keyring, this.#gpg("--export"));
  }

  #gpg(...args: string[]): Buffer {
    return execFileSync("gpg", ["--homedir", this.#home, "--batch", "--yes", "--quiet", ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  /** Builds a package into the pool; returns its path below the archive's root. */
  add(name: string, version: string, options: PackageOptions = {}): string {
    const { architecture = "mips64el", content = `${name} ${version}\n` } = options;
    const tree = join(this.#work, name);
    rmSync(tree, { recursive: true, force: true });
    mkdirSync(join(tree, "DEBIAN"), { recursive: true });
    mkdirSync(join(tree, "usr/share"), { recursive: true });
    writeFileSync(join(tree, "usr/share", name), content);
    const relation = (field: string, value: string | undefined): string =>
      value === undefined ? "" : `${field}: ${value}\n`;
    writeFileSync(
      join(tree, "DEBIAN/control"),
      `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: T <t@example.org>\n${relation("Depends", options.depends)}${relation("Recommends", options.recommends)}${options.essential === true ? "Essential: yes\n" : ""}Description: ${name}\n`,
    );
    const path = `pool/${name}_${version.replace(/^\d+:/, "")}_${architecture}.deb`;
    mkdirSync(join(this.root, "pool"), { recursive: true });
    execFileSync(
      "dpkg-deb",
      ["--root-owner-group", "-Zgzip", "-z1", "--build", tree, join(this.root, path)],
      {
        stdio: "ignore",
      },
    );
    return path;
  }

  /** Takes a package out of the pool. */
  drop(path: string): void {
    rmSync(join(this.root, path));
  }

  /** A text of the archive. */
  read(path: string): string {
    return readFileSync(join(this.root, path), "utf8");
  }

  /** Writes a file below `directory`. */
  write(directory: string, name: string, text: string): void {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, name), text);
  }

  /** Lists the pool as `suite`'s component main, with lists by hash, and signs it. */
  publish(suite: string, date: string, architectures: readonly string[] = ["mips64el"]): void {
    const base = join(this.root, "dists", suite);
    let sums = "";
    for (const architecture of architectures) {
      const directory = `main/binary-${architecture}`;
      const byHash = join(base, directory, "by-hash/SHA256");
      mkdirSync(byHash, { recursive: true });
      const list = execFileSync(
        "dpkg-scanpackages",
        ["--arch", architecture, "--multiversion", "pool"],
        {
          cwd: this.root,
          stdio: ["ignore", "pipe", "ignore"],
        },
      );
      const plain = join(base, directory, "Packages");
      writeFileSync(plain, list);
      execFileSync("xz", ["--keep", "--force", plain]);
      for (const file of ["Packages", "Packages.xz"]) {
        const path = join(base, directory, file);
        const sum = createHash("sha256").update(readFileSync(path)).digest("hex");
        copyFileSync(path, join(byHash, sum));
        sums += ` ${sum} ${String(statSync(path).size)} ${directory}/${file}\n`;
      }
      // Debian's archive names the plain list in InRelease but serves it compressed only.
      rmSync(plain);
    }
    const release = join(this.#work, "Release");
    writeFileSync(
      release,
      `Origin: Test\nLabel: Test\nSuite: ${suite}\nCodename: ${suite}\nDate: ${date}\nAcquire-By-Hash: yes\nArchitectures: ${architectures.join(" ")}\nComponents: main\nDescription: test\nSHA256:\n${sums}`,
    );
    this.#gpg("--output", join(base, "InRelease"), "--clear-sign", release);
  }

  /** Serves the archive; returns its URL. */
  async serve(): Promise<string> {
    this.#server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
      this.requests.push(path);
      const file = join(this.root, path);
      if (existsSync(file) && statSync(file).isFile()) response.end(readFileSync(file));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => this.#server!.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  /** Ends the server, so that its port refuses connections, and gpg's agent. */
  async close(): Promise<void> {
    execFileSync("gpgconf", ["--homedir", this.#home, "--kill", "all"], { env });
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }
}
