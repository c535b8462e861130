/** Labels of blocks that become part of an address: `test "It starts"` is `…/test:it-starts`. */
import type { Location } from "../../grammar/index.js";
import type { MergedBlock } from "./merge.js";
import type { Session } from "./session.js";

/** The label in an address: lower-case letters and digits with single dashes. */
function slugOf(label: string): string {
  return label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

/** The slugs of the blocks of one keyword in one body. */
export class Slugs {
  readonly #findings: Session["findings"];
  readonly #places = new Map<string, Location>();

  constructor({ findings }: Session) {
    this.#findings = findings;
  }

  /** The slug of a block; undefined after a reported fault: it is empty, or an earlier block has it. */
  take({ keyword, label, at }: MergedBlock): string | undefined {
    const text = label?.text ?? "";
    // A missing label has been reported already.
    if (text === "") return undefined;
    const slug = slugOf(text);
    const first = this.#places.get(slug);
    if (slug === "") {
      const message = `Label "${text}" of ${keyword} has neither letters nor digits`;
      this.#findings.error("KM0206", at, message, { help: "write another label" });
      return undefined;
    }
    if (first !== undefined) {
      this.#findings.error("KM0301", at, `Duplicate ${keyword} "${slug}"`, {
        notes: [{ message: "first declared here", at: first }],
        help: "write another label",
      });
      return undefined;
    }
    this.#places.set(slug, at);
    return slug;
  }
}
