/** The store that the files of the `real` project share, and copies of the shipped recipes. */
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import { World } from "../e2e/support.js";
import { RECIPES } from "../support/shipped.js";

/** Set by global-setup.ts. */
export function sharedStore(): string {
  const store = env["KMIPS_TEST_STORE"];
  if (store === undefined) throw new Error("KMIPS_TEST_STORE is not set: is global-setup.ts gone?");
  return store;
}

/** Whether nothing was ever built in the store. */
export function isEmptyStore(store: string): boolean {
  return !existsSync(join(store, "kmips"));
}

/** A copy of the shipped recipes that may be edited; by default with a store of its own. */
export function recipesWorld(store?: string): World {
  const world = new World({}, store);
  cpSync(RECIPES, world.project, { recursive: true });
  return world;
}
