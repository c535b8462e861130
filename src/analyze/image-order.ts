/**
 * The order of the images: each one after those it stands on.
 *
 * Iterative, so that a chain of any length fits the stack. Images that need each other keep the order
 * of declaration; the cycle is found when all nodes are ordered.
 */
import { readCell, type Lowering } from "./lowering.js";
import type { CellSet } from "./matrix.js";
import { resolveOne } from "./resolve.js";
import type { Cell } from "./session.js";
import type { ReferenceValue } from "./values.js";

export interface ImageCell {
  readonly cell: Cell;
  readonly set: CellSet;
}

/** Every cell of every image. */
export function imagesInOrder(lowering: Lowering): readonly ImageCell[] {
  const { sets, session } = lowering;
  const order: ImageCell[] = [];
  const entered = new Set<Cell>();
  const visit = (first: ImageCell): void => {
    if (entered.has(first.cell)) return;
    entered.add(first.cell);
    const stack = [{ image: first, under: referencesOf(first, lowering), index: 0 }];
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const reference = frame.under[frame.index++];
      if (reference === undefined) {
        order.push(frame.image);
        stack.pop();
        continue;
      }
      const set = sets.get(`image.${reference.name}`);
      const cell = set && resolveOne(reference, frame.image.cell, sets, session);
      if (cell === undefined || set === undefined || entered.has(cell)) continue;
      entered.add(cell);
      const image = { cell, set };
      stack.push({ image, under: referencesOf(image, lowering), index: 0 });
    }
  };
  for (const set of sets.values()) {
    if (set.declared.kind !== "image") continue;
    for (const cell of set.cells.values()) visit({ cell, set });
  }
  return order;
}

/** The images that one stands on, or that stand for those of its Dockerfile. */
function referencesOf({ cell, set }: ImageCell, { session }: Lowering): readonly ReferenceValue[] {
  const { attributes, blocks } = set.body;
  const hasRules = blocks.some(({ keyword }) => keyword === "rewrite");
  if (!attributes.has("from") && !hasRules) return [];
  const reader = readCell(cell, set, session);
  const rewrite = hasRules ? reader.block("rewrite") : undefined;
  const rules = rewrite === undefined ? [] : reader.inside(rewrite).map("from").values();
  return [reader.reference("from"), ...rules].flatMap((value) =>
    value?.type === "reference" && value.kind === "image" ? [value] : [],
  );
}
