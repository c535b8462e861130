/**
 * The form of a schema: what a kind of declaration or a block may contain.
 */
import type { Type } from "./types.js";

export interface AttributeSchema {
  readonly name: string;
  readonly type: Type;
  readonly doc: string;
  readonly required?: boolean;
  /** What stands when the attribute is absent, as the recipe would write it. */
  readonly fallback?: string;
  /** It only goes with one of these attributes; when it is `required`, then only there. */
  readonly goesWith?: readonly string[];
}

export interface BodySchema {
  readonly doc: string;
  readonly attributes: readonly AttributeSchema[];
  readonly blocks: readonly BlockSchema[];
  /** Exactly one of these attributes or blocks must be present. */
  readonly exactlyOne?: readonly string[];
  /** Rows `key -> value`, where the body takes any. */
  readonly rows?: { readonly key: string; readonly value: Type; readonly doc: string };
  /** Any attribute name is allowed: the axes of a matrix. */
  readonly open?: { readonly doc: string };
}

export interface BlockSchema extends BodySchema {
  readonly keyword: string;
  /** What the label is; absent: the block has none. */
  readonly label?: string;
}

export interface KindSchema extends BodySchema {
  readonly kind: string;
}

export function attribute(
  name: string,
  type: Type,
  doc: string,
  more: Pick<AttributeSchema, "required" | "fallback" | "goesWith"> = {},
): AttributeSchema {
  return { name, type, doc, ...more };
}
