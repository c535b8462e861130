/**
 * Runs the unit tests and then the real ones, and closes with one plain line that counts both:
 * `N passed, N failed` (and `, N skipped`). Exits non-zero when anything failed or nothing ran.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Whether the go client gets an answer for a small module that no cache of this machine has. The
 * real tests build from empty stores, so they fetch; away from the network they cannot.
 */
function isOnline(scratch) {
  const { status } = spawnSync("go", ["list", "-m", "golang.org/x/text@v0.3.0"], {
    cwd: scratch,
    env: {
      ...process.env,
      GOMODCACHE: join(scratch, "modules"),
      GOFLAGS: "-modcacherw",
      GOTOOLCHAIN: "local",
    },
    stdio: "ignore",
    timeout: 60_000,
  });
  return status === 0;
}

const scratch = mkdtempSync(join(tmpdir(), "kmips-tests-"));
const totals = { passed: 0, failed: 0, skipped: 0 };
let broken = false;
const projects = ["unit", "real"];
if (process.env.CI === undefined && !isOnline(scratch)) {
  projects.pop();
  console.log(
    "skipped: the real tests, because they fetch modules and the network does not answer",
  );
}
for (const project of projects) {
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
