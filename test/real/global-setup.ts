/**
 * One store for all files of the `real` project, so that Go and the modules are fetched once.
 *
 * KMIPS_TEST_STORE names a store that stays; without it there is a new one, which is removed at the
 * end together with everything that tests put beside it.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { removeAll } from "../e2e/support.js";

/** Returns what is to be done after the last test. */
export function setup(): () => Promise<void> {
  if (env["KMIPS_TEST_STORE"] !== undefined) return () => Promise.resolve();
  const directory = mkdtempSync(join(tmpdir(), "kmips-real-store-"));
  env["KMIPS_TEST_STORE"] = join(directory, "store");
  return () => removeAll(directory);
}
