/**
 * Runs the unit tests and then the real ones, and closes with one plain line that counts both:
 * `N passed, N failed` (and `, N skipped`). Exits non-zero when anything failed or nothing ran.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const scratch = mkdtempSync(join(tmpdir(), "kmips-tests-"));
const totals = { passed: 0, failed: 0, skipped: 0 };
let broken = false;
for (const project of ["unit", "real"]) {
  const report = join(scratch, `${project}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { status } = spawnSync("npx", ["vitest", "run", "--project", project, ...reporters], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  broken ||= status !== 0;
  try {
    const counts = JSON.parse(readFileSync(report, "utf8"));
    totals.passed += counts.numPassedTests;
    totals.failed += counts.numFailedTests;
    totals.skipped += counts.numPendingTests + counts.numTodoTests;
  } catch {
    // A runner that wrote no report counted nothing: its exit code says so below.
    broken = true;
  }
}
rmSync(scratch, { recursive: true, force: true });
if (broken && totals.failed === 0) totals.failed = 1;
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : "";
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exit(totals.failed > 0 || totals.passed === 0 ? 1 : 0);
