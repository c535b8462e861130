/**
 * The set of a packages node as an archive that apt reads from a directory: the `.deb` files, a
 * Packages that names them, and the Release that mmdebstrap looks for.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf, hexOf } from "../../cache/index.js";
import { debFileName } from "../debian/deb-file.js";
import { parseStanzas, type PackageStanza } from "../debian/package-stanza.js";
import { NodeFailure } from "../model/failure.js";
import type { Address } from "../model/node.js";
import { platformSpellings, type Platform } from "../model/platform.js";
import type { ActionContext } from "./context.js";

export interface RepositoryOptions {
  readonly packages: Address;
  readonly suite: string;
  readonly platform: Platform;
}

/**
 * Writes the archive to `directory`, which is made, and returns its packages in install order.
 * @throws NodeFailure; the store's errors
 */
export function writeRepository(
  ctx: ActionContext,
  { packages, suite, platform }: RepositoryOptions,
  directory: string,
): readonly PackageStanza[] {
  const { outputs } = ctx.results(packages);
  const output = (name: string): (typeof outputs)[number] => {
    const found = outputs.find((candidate) => candidate.name === name);
    if (found !== undefined) return found;
    throw new NodeFailure({
      ...{ type: "missing-input", what: ctx.address, path: `${packages}.${name}` },
      candidates: outputs.map((candidate) => candidate.name).slice(0, 3),
    });
  };
  const stanzas = parseStanzas(ctx.store.readBytes(output("stanzas").digest).toString("utf8"));
  mkdirSync(directory, { mode: 0o755 });
  for (const stanza of stanzas) {
    const file = debFileName(stanza);
    ctx.store.copyTo(output(`deb/${file}`).digest, join(directory, file), 0o644);
  }
  const list = stanzas
    .map((stanza) => stanza.text.replace(/^Filename: .*$/m, `Filename: ./${debFileName(stanza)}`))
    .map((text) => `${text}\n`)
    .join("\n");
  writeFileSync(join(directory, "Packages"), list);
  writeFileSync(
    join(directory, "Release"),
    [
      "Origin: kmips",
      `Suite: ${suite}`,
      `Codename: ${suite}`,
      `Architectures: ${platformSpellings(platform).debian}`,
      "Date: Thu, 01 Jan 1970 00:00:00 UTC",
      "SHA256:",
      ` ${hexOf(digestOf(list))} ${String(Buffer.byteLength(list))} Packages`,
      "",
    ].join("\n"),
  );
  return stanzas;
}
