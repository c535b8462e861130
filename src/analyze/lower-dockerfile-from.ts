/**
 * FROM: the base, image or nothing that a rule puts in the place of an image's name.
 */
import type { Instruction } from "../dockerfile/index.js";
import type { Address, NodeDefinition } from "../model/node.js";
import { report, type DockerfileBuild } from "./lower-dockerfile-build.js";
import { resolveOne, samePlatform } from "./resolve.js";
import { didYouMean } from "./types.js";

/** What stands for the image of a FROM or `--from`; no address for scratch; undefined after a reported fault. */
export function baseOf(
  build: DockerfileBuild,
  image: string,
  instruction: Instruction,
  stageIndex: number,
): { readonly address: Address | undefined } | undefined {
  const { rules, lowering, reader, file } = build;
  const value = rules.from(image);
  if (value?.type === "enum" || (value === undefined && image.toLowerCase() === "scratch"))
    return { address: undefined };
  if (value === undefined) {
    const names = file.stages.slice(0, stageIndex).flatMap(({ name }) => name ?? []);
    report(
      build,
      "KM0361",
      instruction.place,
      `No rule says what stands for the image "${image}"`,
      {
        at: rules.at,
        help:
          didYouMean(image, [...rules.images, ...names]).help ??
          `add: rewrite { from = { "${image}" = base.NAME } }`,
      },
    );
    return undefined;
  }
  const used = resolveOne(value, reader.cell, lowering.sets, lowering.session);
  if (used === undefined || !samePlatform(value, used, reader.cell, lowering.session))
    return undefined;
  return { address: used.address };
}

/** Where a container looks for programs when nobody says so: Docker's own default. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The environment of the image at an address, its bases' included. */
export function environmentOf(
  address: Address | undefined,
  { lowering }: DockerfileBuild,
): Readonly<Record<string, string>> {
  const { nodes } = lowering.emitter;
  const layers: Readonly<Record<string, string>>[] = [];
  const seen = new Set<Address>();
  for (let current = address; current !== undefined && !seen.has(current);) {
    seen.add(current);
    const definition: NodeDefinition | undefined = nodes.get(current)?.node.definition;
    switch (definition?.kind) {
      case "base":
        layers.push(definition.config.env);
        current = undefined;
        break;
      case "image":
        layers.push(definition.config.env);
        current = definition.base;
        break;
      case "install":
      case "run":
        current = definition.base;
        break;
      default:
        current = undefined;
    }
  }
  return Object.assign({ PATH }, ...layers.reverse()) as Record<string, string>;
}
