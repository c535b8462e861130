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

/** The shipped images, by reference. */
export const REFERENCES: readonly string[] = [
  "agnhost:2.6",
  "apparmor-loader:1.0",
  "coredns:1.6.5",
  "etcd:3.3.15",
  "metadata-concealment:1.2",
  "mounttest:1.0",
  "nonewprivs:1.0",
  "pause:3.1",
  "resource-consumer-controller:1.0",
  "resource-consumer:1.5",
  "test-webserver:1.0",
];
