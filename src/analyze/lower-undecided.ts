/**
 * What decides the nodes of an image whose Dockerfile was not read yet: no part of any key, but of
 * the fingerprint by which a recorded digest is known to be of this recipe.
 */
import type { Address, ImageFile, UndecidedSteps } from "../model/node.js";
import type { BodyReader } from "./body.js";
import { canonical } from "./emit.js";
import { readSteps } from "./lower-image-steps.js";
import type { OverlayRow } from "./lower-files.js";
import { tableOf } from "./lower-packages.js";
import { localPath } from "./paths.js";
import type { Lowering } from "./lowering.js";
import { INSTALL } from "./schema-debian.js";
import { DOCKERFILE, REWRITE } from "./schema-dockerfile.js";
import type { Value } from "./values.js";

/** Gathers it from an image's declaration; `base` is the image or base that it stands on. */
export function undecidedSteps(
  reader: BodyReader,
  base: Address | undefined,
  overlay: readonly OverlayRow[],
  lowering: Lowering,
): UndecidedSteps {
  const nodes = new Set<Address>(base === undefined ? [] : [base]);
  const files: ImageFile[] = overlay.map(({ path, file }) => ({ path, uid: 0, gid: 0, ...file }));
  for (const { needs } of overlay) for (const address of needs.addresses) nodes.add(address);
  const plain = (value: Value | undefined): unknown => {
    switch (value?.type) {
      case undefined:
        return null;
      case "list":
        return value.items.map(plain);
      case "map":
        return [...value.entries].map(([key, item]) => [key, plain(item)]);
      case "reference": {
        const address = `${value.kind}.${value.name}`;
        if (value.kind !== "packages") nodes.add(address);
        const table = value.kind === "packages" ? tableOf(value, lowering) : undefined;
        const rows = [...(table?.rows ?? [])].map(([name, row]) => [name, plain(row.substitute)]);
        return [address, value.indices?.map(plain), value.program?.text, rows, table?.fallback];
      }
      case "local": {
        const path = localPath(value.text, value.at, "file", lowering.session);
        if (path !== undefined)
          files.push({ path: value.text, content: { type: "local", path }, uid: 0, gid: 0 });
        return value.text;
      }
      case "content":
        return value.content.form === "file"
          ? [value.content, plain(value.content.value)]
          : value.content.form === "tree"
            ? [plain(value.content.source), value.content.path]
            : value.content;
      default:
        return value;
    }
  };
  const block = reader.block("rewrite");
  const inside = block && reader.inside(block);
  const text = canonical([
    [...DOCKERFILE, ...INSTALL].map(({ name }) => plain(reader.value(name))),
    REWRITE.attributes.map(({ name }) => plain(inside?.value(name))),
    readSteps(reader)?.runs,
  ]);
  return { text, files, nodes: [...nodes] };
}
