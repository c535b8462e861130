/**
 * Checks over all images at once: unique references, and users that an image or its bases have.
 */
import type { Location } from "../../grammar/index.js";
import type { Address, ImageUser } from "../model/node.js";
import type { Cell, Session } from "./session.js";
import { didYouMean } from "./types.js";

/** What has a name and tag in the store: an image or a base. */
export interface NamedFacts {
  readonly cell: Cell;
  readonly reference: string;
  /** Where the name or the declaration stands, for a second image of the same reference. */
  readonly at: Location;
}

/** What later checks of all images want to know of one. */
export interface ImageFacts extends NamedFacts {
  /** Absent: scratch. */
  readonly base: Address | undefined;
  readonly users: readonly ImageUser[];
  readonly runAs: { readonly text: string; readonly at: Location } | undefined;
}

/** Checks that `run_as` names a user of the image or of the images below it, as far as known. */
export function checkImages(images: readonly ImageFacts[], session: Session): void {
  const byAddress = new Map<Address, ImageFacts>(
    images.map((image) => [image.cell.address, image]),
  );
  for (const image of images) checkUser(image, byAddress, session);
}

/** Checks that no two images, bases or indexes have one name and tag: they share one table of names. */
export function checkReferences(
  named: readonly NamedFacts[],
  indexes: readonly { readonly reference: string; readonly cell: Cell }[],
  session: Session,
): void {
  const first = new Map<string, { readonly cell: Cell; readonly at: Location }>();
  const all = [...named, ...indexes.map((index) => ({ ...index, at: index.cell.declared.at }))];
  for (const { cell, reference, at } of all) {
    const other = first.get(reference);
    if (other === undefined) {
      first.set(reference, { cell, at });
      continue;
    }
    session.findings.error(
      "KM0310",
      at,
      `${cell.address} and ${other.cell.address} are both "${reference}"`,
      {
        notes: [{ message: `${other.cell.address} is named here`, at: other.at }],
        help: "give one of them another name, version or tag",
      },
    );
  }
}

function checkUser(
  image: ImageFacts,
  byAddress: ReadonlyMap<Address, ImageFacts>,
  session: Session,
): void {
  const { runAs } = image;
  if (runAs === undefined || /^\d+(:\d+)?$/.test(runAs.text)) return;
  const user = runAs.text.split(":", 1)[0] as string;
  const known: string[] = [];
  const seen = new Set<ImageFacts>();
  for (let current: ImageFacts | undefined = image; current !== undefined && !seen.has(current);) {
    seen.add(current);
    if (current.users.some((candidate) => candidate.name === user)) return;
    known.push(...current.users.map((candidate) => candidate.name));
    if (current.base === undefined) break;
    const base: ImageFacts | undefined = byAddress.get(current.base);
    // A base with faults of its own: its users are unknown.
    if (base === undefined) return;
    current = base;
  }
  session.findings.error("KM0334", runAs.at, `${image.cell.address} has no user "${user}"`, {
    help:
      didYouMean(user, known).help ??
      (known.length > 0
        ? `it has ${known.join(", ")}`
        : `add: user "${user}" { uid = 1000 }, or write a uid`),
  });
}
