/**
 * Checks over all images at once: unique references, and users that an image or its bases have.
 */
import type { Location } from "../../grammar/index.js";
import type { Address, ImageUser } from "../model/node.js";
import type { Cell, Session } from "./session.js";
import { didYouMean } from "./types.js";

/** What later checks of all images want to know of one. */
export interface ImageFacts {
  readonly cell: Cell;
  /** Absent: scratch. */
  readonly base: Address | undefined;
  readonly users: readonly ImageUser[];
  readonly runAs: { readonly text: string; readonly at: Location } | undefined;
  readonly reference: string;
  /** Where the name or the declaration stands, for a second image of the same reference. */
  readonly at: Location;
}

/** Checks over all images: references are unique, and `run_as` names a user of the image or its bases. */
export function checkImages(images: readonly ImageFacts[], session: Session): void {
  const byReference = new Map<string, ImageFacts>();
  const byAddress = new Map<Address, ImageFacts>(
    images.map((image) => [image.cell.address, image]),
  );
  for (const image of images) {
    const first = byReference.get(image.reference);
    if (first === undefined) byReference.set(image.reference, image);
    else {
      session.findings.error(
        "KM0310",
        image.at,
        `${image.cell.address} and ${first.cell.address} are both "${image.reference}"`,
        {
          notes: [{ message: `${first.cell.address} is named here`, at: first.at }],
          help: "give one of them another name, version or tag",
        },
      );
    }
    checkUser(image, byAddress, session);
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
