import { expect, test } from "vitest";
import { withEmulatorRetry } from "../../src/execute/emulator-retry.js";
import { NodeFailure } from "../../src/model/failure.js";
import { EXIT, exitCodeOf } from "../../src/model/exit-code.js";
import { describeFailure } from "../../src/report/index.js";

const crash = (): NodeFailure =>
  new NodeFailure({
    type: "emulator-crash",
    signal: "SIGSEGV",
    excerpt: 'step "serves"\nqemu: oops',
  });

test("a crashed emulator is tried once more, and the note says where it died", async () => {
  const notes: string[] = [];
  let runs = 0;
  const result = await withEmulatorRetry(async () => {
    if (++runs === 1) throw crash();
    return "done";
  }, notes);
  expect(result).toBe("done");
  expect(runs).toBe(2);
  expect(notes).toEqual(['step "serves": the emulator died (SIGSEGV); tried once more']);
});

test("the second crash is the failure, of its own class and exit code", async () => {
  let runs = 0;
  const failed = withEmulatorRetry(async () => {
    runs++;
    throw crash();
  }, []);
  await expect(failed).rejects.toMatchObject({ reason: { type: "emulator-crash" } });
  expect(runs).toBe(2);
  expect(exitCodeOf(crash().reason)).toBe(EXIT.buildFailed);
  expect(describeFailure(crash().reason)).toMatchObject({
    code: "KM0509",
    headline: "The emulator crashed with SIGSEGV, twice",
  });
});

test("a program's own failure is not tried again", async () => {
  let runs = 0;
  const failed = withEmulatorRetry(async () => {
    runs++;
    throw new NodeFailure({ type: "command", what: "postinst", exit: "exit 1", excerpt: "" });
  }, []);
  await expect(failed).rejects.toMatchObject({ reason: { type: "command" } });
  expect(runs).toBe(1);
});
